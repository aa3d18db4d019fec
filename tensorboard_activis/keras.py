"""The callback for Keras, on any backend: `model.fit(callbacks=[ActiVisCallback(...)])`."""

import os
import sys
import weakref
from collections.abc import Mapping
from types import FrameType
from typing import Any, Unpack

import keras
import numpy as np

from tensorboard_activis.alerts.published import after_snapshot
from tensorboard_activis.capture.face import with_options
from tensorboard_activis.capture.graph.layers import feed_relu
from tensorboard_activis.capture.health import KERAS_EVERY, HealthLog
from tensorboard_activis.capture.isolation.exclusive import exclusively
from tensorboard_activis.capture.isolation.interrupts import bracketed, uninterrupted
from tensorboard_activis.capture.keras.capture import EvaluationData, KerasCapture
from tensorboard_activis.capture.keras.data.fitting import callers, fit_frame
from tensorboard_activis.capture.keras.health.training import KerasHealth
from tensorboard_activis.capture.keras.instances import Texts
from tensorboard_activis.capture.keras.model.building import check_call, is_built
from tensorboard_activis.capture.layer_table import Layers
from tensorboard_activis.capture.options import (
    KerasOptions,
    RecorderOptions,
    health_interval,
    options_of,
)
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.errors import ConfigurationError, warn
from tensorboard_activis.schema import Graph

__all__ = ["ActiVisCallback"]


@with_options(KerasOptions)
class ActiVisCallback(keras.callbacks.Callback):
    """Records the activations of a model on evaluation data while it trains.

    A snapshot is logged at the end of every `every` epochs, at the number of training steps so far. Training is not changed:
    weights, optimizer, batch statistics, states and random numbers are the same with and without the callback.

    Without `fit`: `callback.set_model(model)`, then `callback.log(step)` and `callback.close()`.

    The keywords that all callbacks have are described in `KerasOptions` (`tensorboard_activis.capture.options`); `help` and a
    notebook show them here.

    Arguments:
        log_dir: run directory; files are written to `activis` inside it.
        x: evaluation data: an array [instances, ...], a list or dict of arrays for a model with several inputs, or a data set of
            (inputs, labels) batches (tf.data.Dataset, keras.utils.PyDataset, torch's DataLoader). The first `steps` batches of
            a generator, which can be read only once, are stored in memory.
        y: labels [instances]: class indices, one-hot rows, class names, or numbers for regression; 0 and 1
            [instances, classes] for multi-label; class indices [instances, positions] for tokens. For a model with several
            outputs, in their structure or by their names: the first output with labels is used. None: no labels, or they are
            in the data set.
        every: epochs from one snapshot to the next.
        texts: one text, or a list of words, per instance in the order of x, or a function of a batch that returns these: to
            be shown and for subset expressions, as in {"who": '"who" in text'}. None: the first input that is texts.
        batch_size: instances per forward pass, if `x` is of arrays.
        steps: number of batches that are read for a snapshot, always the first ones; needed for a generator and an endless data
            set. None: all, or, for these and for the data set that is `validation_data` too, `validation_steps` of `fit`.
        logs: put the loss and the compiled metrics of the pass into the logs of the epoch, as `val_loss` and so on, with the values
            that `model.evaluate` gives on the same batches, for later callbacks and for the history; `validation_data` may
            then be left out. Values of the user's own validation are not replaced.

    Attributes:
        graph: the recorded graph of the model; None before there is a model.
        layers: the recorded layers, in the order in which they run, a sequence; printed, a table of all that can be recorded.
            Empty before there is a model.

    Raises:
        ConfigurationError: an argument is wrong. Errors that depend on the model (layers that match nothing, a forward pass
            that fails) are raised when training starts, before the first batch; for a model without weights at that time they
            are a warning at the first snapshot, and raised with `strict`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        x: Any,
        y: Any = None,
        *,
        every: int = 1,
        texts: Texts | None = None,
        batch_size: int = 256,
        steps: int | None = None,
        logs: bool = False,
        **options: Unpack[KerasOptions],
    ) -> None:
        super().__init__()
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ConfigurationError(f"every must be a positive number of epochs; got {every!r}.")
        self._options = options
        self._after_snapshot = after_snapshot(options)
        self._data = EvaluationData(x, y, batch_size, options, texts=texts, steps=steps)
        self._every = every
        self._logs = logs
        self._log_dir = log_dir
        self._training: FrameType | None = None
        self._directory: RunDirectory | None = None
        self._recorder: Recorder | None = None
        self._capture: KerasCapture | None = None
        self._health: KerasHealth | None = None
        self._health_log: HealthLog | None = None
        self._epochs = 0
        self._unchecked = self._refused = False
        _close_abandoned(log_dir)
        _OPEN_CALLBACKS.add(self)
        bracketed(self._open_directory, lambda: None, lambda failed: self.close() if failed else None)

    def _open_directory(self) -> None:
        self._directory = RunDirectory(self._log_dir)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Records the graph and checks the arguments against the model, in a forward pass of one batch.

        A model without weights is left for training to build, so that its initial values stay the same; it is checked at the
        first snapshot.
        """
        self._training = fit_frame()
        self._data.limit_steps(self._training)
        self._refused = False
        self._unchecked = self.model is not None and not is_built(self.model)
        if self._unchecked:
            check_call(self.model)
        else:
            exclusively(self._prepare)

        self._health = self._begin_health()

    def _begin_health(self) -> KerasHealth | None:
        every = health_interval(self._options["health"], KERAS_EVERY)
        if every is None:
            return None
        fit = self._training

        def relus(names: list[str]) -> set[str]:
            graph = self.graph
            known = set() if graph is None else {node.key for node in graph.nodes}
            return set() if graph is None else feed_relu(graph, [name for name in names if name in known])

        self._health_log = HealthLog(lambda: exclusively(self._prepare).session, every)
        return KerasHealth(self.model, self._health_log, self._training_steps(), relus, lambda: fit_frame() is fit)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """With `health`, looks at the weights before some of the steps."""
        if self._health is not None:
            self._health.begin(batch)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """With `health`, measures some of the steps."""
        if self._health is not None:
            self._health.end(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Logs a snapshot every `every` epochs."""
        self._epochs += 1
        if (epoch + 1) % self._every == 0 and self._is_usable():
            self.log(self._training_steps())
            results = self._capture.results if self._logs and self._capture is not None else {}
            for name, value in results.items():
                if isinstance(logs, dict):  # the one that all callbacks get
                    logs.setdefault(f"val_{name}", value)

    def _is_usable(self) -> bool:
        """Whether the model can be recorded; checks it if it was not built when training started.

        An error raised now would end the training, so it is a warning, unless `strict`.
        """
        if self._unchecked and not self._refused:
            try:
                exclusively(self._prepare)
                self._unchecked = False
            except ConfigurationError as error:
                if self._options["strict"]:
                    raise
                self._refused = True
                warn(f"ActiVis records nothing of this training, which goes on. {error}")
        return not self._refused

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Closes the files."""
        if self._health_log is not None:
            self._health_log.flush()
        self._health = self._health_log = None
        self.close()

    def log(self, step: int | None = None) -> None:
        """Logs a snapshot now.

        It replaces what this or an earlier callback of the run logged at this step and at higher ones. If this callback logged
        them, a warning names the steps that are replaced.

        Arguments:
            step: the training step; None: the number of training steps so far.

        Raises:
            ConfigurationError: the arguments do not fit the model; in the first call without `fit` only.
        """
        exclusively(lambda: self._log(step))

    def _log(self, step: int | None) -> None:
        recorder = self._prepare()
        step = self._training_steps() if step is None else step
        try:
            assert self._capture is not None
            recorder.quiet = (self.params or {}).get("verbose") == 0
            recorder.log(self._capture, step, self._options["progress"])
        except Exception:
            raise
        except BaseException:  # Ctrl-C: Keras will not call on_train_end
            self.close()
            raise

    @property
    def graph(self) -> Graph | None:
        """The recorded graph of the model; None before there is a model."""
        return None if self._capture is None else self._capture.graph

    @property
    def layers(self) -> Layers:
        """The recorded layers, in the order in which they run; empty before there is a model. See `Layers`."""
        return Layers() if self._capture is None else Layers(self._capture.layers, self._capture.selection)

    def close(self) -> None:
        """Closes the files and releases the directory for another callback; may be called twice. `log` opens them again.

        Waits for a snapshot that another thread is logging.
        """
        exclusively(lambda: uninterrupted(self._close))

    def _close(self) -> None:
        for resource in (self._recorder, self._directory):
            if resource is not None:
                resource.close()
        self._recorder = self._directory = self._training = None

    def _prepare(self) -> Recorder:
        model = self.model
        if model is None:
            raise ConfigurationError(
                "There is no model yet. Pass the callback to model.fit, or call set_model(model) first."
            )
        if self._capture is None or self._capture.model is not model:
            self._capture = KerasCapture(model, self._data, self._options, logs=self._logs)
            if self._recorder is not None:
                self._recorder.close()
                self._recorder = self._directory = None
        if self._recorder is None:
            if self._directory is None:
                uninterrupted(self._open_directory)
            assert self._directory is not None
            capture = self._capture
            recorder = Recorder(
                self._directory,
                capture.graph,
                capture.layers,
                probabilities=capture.probabilities,
                positions=self._options["positions"],
                training=self._data.described.metadata.training_record,
                effects=capture.effects,
                strict=self._options["strict"],
                on_published=self._after_snapshot,
                **options_of(RecorderOptions, self._options),
            )
            recorder.check(capture.first)
            capture.first = None
            if self._health_log is not None:
                recorder.session.before_snapshot = self._health_log.flush
            self._recorder, self._directory = recorder, None  # the recorder closes it
        return self._recorder

    def _training_steps(self) -> int:
        iterations = getattr(getattr(self.model, "optimizer", None), "iterations", None)
        steps = 0 if iterations is None else int(np.asarray(iterations))
        # A custom train_step may not use the optimizer of the model.
        return steps or self._epochs * int((self.params or {}).get("steps") or 1)


#: Callbacks that may have a directory open.
_OPEN_CALLBACKS: "weakref.WeakSet[ActiVisCallback]" = weakref.WeakSet()


def _close_abandoned(log_dir: str | os.PathLike[str]) -> None:
    """Closes callbacks on this directory whose `fit` ended by an error or Ctrl-C: Keras does not call them then."""
    running = {id(frame) for thread in sys._current_frames().values() for frame in callers(thread)}
    for callback in list(_OPEN_CALLBACKS):
        abandoned = callback._training is not None and id(callback._training) not in running
        if abandoned and os.path.abspath(callback._log_dir) == os.path.abspath(log_dir):
            callback.close()
