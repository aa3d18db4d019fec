"""The PyTorch logger: records the activations of a model while it is evaluated, during training.

from tensorboard_activis.torch import ActiVisLogger

with ActiVisLogger("logs/run1", model, class_names=names) as activis:
    for epoch in range(epochs):
        train(model)
        with activis.watch(epoch) as watched:  # your own validation
            for x, y in val_loader:
                logits = model(x)
                watched.batch(labels=y)

With `ActiVisLogger("logs/run1", model, val_loader)` and `activis.log(epoch)` it runs the evaluation itself.
"""

import os
import weakref
from typing import Any, Unpack

from torch import nn

from tensorboard_activis import schema
from tensorboard_activis.alerts.published import after_snapshot
from tensorboard_activis.capture.distributed.processes import OtherProcessError
from tensorboard_activis.capture.face import with_options
from tensorboard_activis.capture.graph.layers import feed_relu
from tensorboard_activis.capture.guard import Guard
from tensorboard_activis.capture.health import HealthLog
from tensorboard_activis.capture.isolation.exclusive import exclusively
from tensorboard_activis.capture.layer_table import Layers
from tensorboard_activis.capture.logger import Logger
from tensorboard_activis.capture.open_snapshot import OpenSnapshot
from tensorboard_activis.capture.options import (
    LoggerOptions,
    RecorderOptions,
    health_interval,
    options_of,
)
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.capture.session import Session
from tensorboard_activis.capture.torch.capture import TorchCapture
from tensorboard_activis.capture.torch.distributed.processes import connect
from tensorboard_activis.capture.torch.health.training import TrainingHealth
from tensorboard_activis.capture.torch.reduce import torch_convert
from tensorboard_activis.capture.torch.watch import Watch
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.steps import checked_step

__all__ = ["ActiVisLogger"]


@with_options(LoggerOptions)
class ActiVisLogger(Logger):
    """Logs the activations of a model's neurons on evaluation data, for TensorBoard's ActiVis tab.

    Either `watch` makes a snapshot of the forward passes of your own evaluation, or `log` runs the model over `data`. Neither
    changes training: random states, training flags, BatchNorm statistics, gradients and the data loader are as before.

    The keywords that it shares with other loggers and callbacks are described in `LoggerOptions`
    (`tensorboard_activis.capture.options`); `help` and a notebook show them here.

    Arguments:
        log_dir: the run's directory, such as `logs/run1`; what is logged goes to `activis` inside it.
        model: in any mode, on any device; also compiled or wrapped by DistributedDataParallel.
        data: the evaluation data: a DataLoader or another iterable of batches that can be iterated repeatedly, a Dataset, or
            (inputs, labels) as whole tensors. A batch is (inputs, labels), a dict (labels under `labels` or `label`, the
            rest by name to the model's forward), or inputs alone. Labels are class indices, names from `class_names`, or
            real numbers for regression. None: for `watch` alone; then what needs a batch is decided and checked at the first
            forward pass that is watched.
        distributed: with torch.distributed and several processes, make the logger on all of them, each with its part of the data
            (DistributedSampler, or parts of your own): they log one snapshot together, as one process would on all the data.
            None: the same, unless the others make no logger within 30 seconds. True: wait for them as long as the process group
            does. False: this process logs alone, on its own data.

    Attributes:
        layers: the recorded layers, in the order in which they run, a sequence; printed, a table of all that can be recorded.
            Without `data` empty before the first watched pass.

    Raises:
        ConfigurationError: an argument is wrong, or does not fit the model or the data. Raised before training, never by `log`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        model: nn.Module,
        data: Any = None,
        *,
        distributed: bool | None = None,
        **options: Unpack[LoggerOptions],
    ) -> None:
        self._processes = connect(log_dir, distributed)
        self._guard = Guard(options["strict"], self._processes)
        self._options = options
        self._after_snapshot = after_snapshot(options)
        self._watch: weakref.ref[Watch] | None = None
        self._health: TrainingHealth | None = None

        def prepare() -> None:
            with self._processes.collective():
                self._open_directory(log_dir, locked=self._processes.rank == 0)
                self._capture = TorchCapture(model, data, options, self._processes)
                self._health = self._begin_health()
                if self._capture.has_data:
                    self._get_recorder().check(self._capture.first)
                    self._capture.first = None

        try:
            super().__init__(prepare)
        except OtherProcessError as error:
            raise ConfigurationError(str(error)) from error

    @property
    def layers(self) -> Layers:
        return Layers(self._capture.recorded.layers, self._capture.recorded.selection)

    @property
    def graph(self) -> schema.Graph:
        """The model's graph, as recorded in one forward pass, and in further ones that took another path."""
        return self._capture.recorded.graph

    def watch(self, step: int) -> Watch:
        """Watches your own evaluation: `with activis.watch(step) as watched:` around it makes it the snapshot of this step.

        The forward passes that the model makes in the block are recorded: those in evaluation mode (`model.eval()`), in the same
        thread, but for what a method `generate` of the model or of a part of it runs. After each, `watched.batch(labels=…)` says
        what is known of its instances; a loop without labels needs no `batch`.
        Before the first one, a few of its instances are run to record the graph. In the block torch.compile is off, for compiled
        code runs no hooks.

        If the block ends with an exception, nothing is published, and the exception is passed on. Like `log`, it replaces what
        was logged at this step or a higher one, and errors of its own become one warning (`strict=True` raises them).
        """
        return self._open_watch(step, None, in_batches=False, dry=False)

    def open_watch(self, step: int, loader: Any = None, *, dry: bool = False) -> Watch:
        """Like `watch`, for trainers: the caller calls `close` at the end.

        Arguments:
            step: training step.
            loader: the data loader that the evaluation reads, if known: its order says how instances are identified.
            dry: check everything and publish nothing.
        """
        return self._open_watch(step, loader, in_batches=True, dry=dry)

    def _open_watch(self, step: int, loader: Any, *, in_batches: bool, dry: bool) -> Watch:
        other = None if self._watch is None else self._watch()
        if other is not None and other.is_open:
            raise ConfigurationError(
                "A watch of this logger is still open: end it first. For another model use a logger of its own."
            )
        snapshot = OpenSnapshot(self._get_recorder, step, self._processes, self._capture.empty_record, dry=dry)
        watch = self._capture.watch(snapshot, self._guard, step, loader, in_batches=in_batches, dry=dry)
        self._watch = weakref.ref(watch)
        return watch

    def log(self, step: int) -> None:
        """Evaluates the model on `data` and writes a snapshot for this step.

        A snapshot replaces everything that this or an earlier logger of the run logged before at this step or a higher one: after
        steps 10, 20, 30, a snapshot of step 15 leaves 10 and 15, with a warning if it is the same logger.

        An error becomes one warning that says what is lost, and nothing is written (`strict=True` raises it). May be called
        from any thread, also while another one trains: see docs/reliability.md.
        """
        exclusively(lambda: self._get_recorder().log(self._capture, step, self._options["progress"]))

    @property
    def training_step(self) -> int:
        """With `health`: the training steps so far, of the optimizer that stepped first. Set it after loading a checkpoint."""
        return 0 if self._health is None else self._health.step

    @training_step.setter
    def training_step(self, step: int) -> None:
        if self._health is not None:
            self._health.step = checked_step(step)

    def training_loss(self, loss: Any) -> None:
        """With `health`: says the loss of a training step, to be drawn beside what is measured: before or right after its end.

        Not needed where the model returns it (Hugging Face), and under a trainer. Costs nothing in steps that are not measured.
        """
        if self._health is not None:
            self._health.loss(loss)

    def close(self) -> None:
        if self._health is not None:
            self._health.close()
        super().close()

    def suspend(self) -> None:
        if self._health is not None:
            self._health.flush()
        super().close()
        self._recorder = self._session = None

    def _begin_health(self) -> TrainingHealth | None:
        every = health_interval(self._options["health"])
        if every is None or self._processes.rank:
            return None
        recorded = self._capture.recorded

        def session() -> Session:
            made = self._get_session()
            made.before_snapshot = log.flush
            return made

        def relus(names: list[str]) -> set[str]:
            return feed_relu(recorded.graph, names) if recorded.is_recorded else set()

        log = HealthLog(session, every)
        return TrainingHealth(recorded.module, log, relus)

    def weights_version(self) -> tuple[tuple[int, int], ...]:
        """A value that changes as soon as any parameter or buffer of the model is written to or replaced."""
        module = self._capture.recorded.module
        tensors = [*module.parameters(), *module.buffers()]
        return tuple((id(each), 0 if each.is_inference() else each._version) for each in tensors)

    def _get_recorder(self) -> Recorder:
        """The recorder; made when the layers are known, and again after `suspend`."""
        if self._recorder is None:
            assert self._directory is not None
            self._recorder = Recorder(
                self._directory,
                self.graph,
                self.layers,
                probabilities=self._capture.probabilities,
                unit=self._options["unit"],
                training=self._capture.metadata.training_record,
                positions=self._options["positions"],
                effects=self._capture.effects,
                convert=torch_convert,
                guard=self._guard,
                processes=self._processes,
                session=self._get_session(),
                on_published=self._after_snapshot,
                **options_of(RecorderOptions, self._options),
            )
        self._recorder.graph = self.graph
        self._recorder.quiet = self.quiet
        return self._recorder
