"""The callback for Lightning: add `ActiVisCallback` to `Trainer(callbacks=[...])`.

It works with `lightning.pytorch` and with `pytorch_lightning`.
"""

import importlib.util
import os
import sys
from functools import partial
from typing import Any, Unpack

from tensorboard_activis.capture.distributed.processes import OtherProcessError
from tensorboard_activis.capture.face import with_options
from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.options import LoggerOptions
from tensorboard_activis.capture.torch.lightning.trainer import (
    check_own_passes,
    is_quiet,
    log_directory,
    log_together,
    no_validation,
    of_first_process,
    takes_part,
)
from tensorboard_activis.capture.torch.lightning.validation import (
    CheckpointStep,
    ValidationSet,
    WatchedValidation,
    run_of_validate,
    set_directory,
    validation_sets,
)
from tensorboard_activis.errors import ActiVisError, ConfigurationError, warn
from tensorboard_activis.torch import ActiVisLogger

__all__ = ["ActiVisCallback"]

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _bases() -> tuple[type, ...]:
    """The `Callback` classes of the Lightning packages in use; each package has its own, with the same methods."""
    in_use = [name for name in _PACKAGES if name in sys.modules]
    installed = [name for name in _PACKAGES if importlib.util.find_spec(name.partition(".")[0]) is not None]
    if not installed:
        raise ImportError("tensorboard_activis.lightning needs Lightning: pip install lightning")
    return tuple(importlib.import_module(name).Callback for name in in_use or installed[:1])


@with_options(LoggerOptions)
class ActiVisCallback(*_bases()):  # type: ignore[misc]
    """Logs the activations of a LightningModule's neurons, as the trainer validates it.

    Without `data`, the trainer's own validation is watched: the forward passes of `validation_step` become the snapshot, and no
    other pass is made, except one of at most 64 instances, once, to record the graph. So it has the batches after their
    transfer hooks, the limits, weights (averaged ones too), precision and processes of the validation, and is filed under
    `trainer.global_step`.

    - Every validation is logged, unless `every_n_epochs` or `every_n_steps` allows fewer. The sanity check and `fast_dev_run` leave
      no snapshot; the sanity check shows errors before training.
    - Several validation loaders are a run each below `log_dir`: `val_0`, `val_1`, …, or as a dict names them.
    - `trainer.validate` by itself is logged as well, under the step of the checkpoint that it loads, otherwise the trainer's. Where
      the run has a later step, or training has logged that step, it is a run of its own below, `validate`: it replaces nothing.
    - A module without `forward`, whose steps call parts of it, has the outputs of the last part as its outputs.
    - What a method `generate` of the module or of a part of it runs is not taken.
    - A compiled module runs uncompiled in the validations that are watched.

    Layers have the paths of the module's attributes (`model.layer2`). Training and validation stay as they are: weights, optimizer,
    batch statistics, random numbers and what is logged are the same with and without the callback. Several processes log together,
    each what it validates, under every strategy.

    Arguments:
        data: evaluation data, as in `ActiVisLogger`, for passes of `forward` besides the trainer's own, at the end of epochs;
            not under FSDP 1 and DeepSpeed's stage 3, like `pinned`. None: the trainer's validation is watched.
        log_dir: run directory; what is written goes to `activis` inside it. None: that of the trainer's TensorBoardLogger,
            so that the run lies beside its scalars.
        every_n_epochs: epochs from one snapshot to the next: the first validation after so many is logged. None: every
            validation; with `data`, every epoch.
        every_n_steps: the same in optimizer steps; if set, `every_n_epochs` is ignored.

    Raises:
        ConfigurationError: an argument is wrong. Errors that depend on the model (layers that match nothing, a forward
            pass that fails) are raised when the fit starts; where the validation is watched, by the sanity check, or, without
            one, they are a warning at the first validation.
    """

    def __init__(
        self,
        data: Any = None,
        *,
        log_dir: str | os.PathLike[str] | None = None,
        every_n_epochs: int | None = None,
        every_n_steps: int | None = None,
        **options: Unpack[LoggerOptions],
    ) -> None:
        super().__init__()
        for name, every in (("every_n_epochs", every_n_epochs), ("every_n_steps", every_n_steps)):
            if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
                raise ConfigurationError(f"{name} must be a positive whole number; got {every!r}.")
        self._data = data
        self._log_dir = log_dir
        self._every_n_epochs, self._every_n_steps = every_n_epochs, every_n_steps
        self._options = options
        self._loggers: dict[str, ActiVisLogger] = {}  # by the name of the validation set
        self._validation: WatchedValidation | None = None
        self._directory = ""
        self._fitted: set[str] = set()  # directories that have a snapshot of a fit
        self._last = self._first_step = 0
        self._checkpoint: CheckpointStep | None = None  # of a `trainer.validate`
        self._watched = self._warned = self._given_up = False

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        self.close()
        self._checkpoint, self._given_up = CheckpointStep(pl_module) if stage == "validate" else None, False

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Checks everything that can be checked before there are data."""
        self.close()
        if not takes_part(trainer):
            return
        log_directory(self._log_dir, trainer)  # raises what is wrong with it
        if self._data is None:
            problem = no_validation(trainer, pl_module)  # no error, for users turn validation off to try something
            if problem is not None and self._options["strict"]:
                raise ConfigurationError(problem)
            if problem is not None and trainer.is_global_zero:
                warn(problem)
            self._warned = problem is not None
            return
        check_own_passes(trainer, pl_module, "data")
        self._directory = of_first_process(log_directory(self._log_dir, trainer), trainer)
        within(lambda: self._open("", trainer, pl_module), trainer.precision_plugin.val_step_context())  # autocast, say

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Makes the loggers, if no sanity check has: the loaders exist from now on."""
        self._first_step, self._watched = trainer.global_step, False
        self._last = trainer.current_epoch if self._every_n_steps is None else trainer.global_step
        if self._data is None and takes_part(trainer):
            self._open_all(trainer, pl_module)
        for logger in self._loggers.values():
            logger.training_step = trainer.global_step

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins to watch, if it is time for a snapshot."""
        if self._checkpoint is not None:
            self._checkpoint.close()
        if self._data is not None or self._given_up or not takes_part(trainer):
            return
        training = trainer.state.fn == "fit" and not trainer.sanity_checking
        if training:
            if not self._is_due(self._passed(trainer), self._every_n_steps or self._every_n_epochs):
                return
            self._last, self._watched = self._passed(trainer), True
        try:
            sets = self._open_all(trainer, pl_module)
        except ConfigurationError as error:
            if not training or self._options["strict"]:
                raise
            self._given_up = True
            if trainer.is_global_zero or not isinstance(error.__cause__, OtherProcessError):
                warn(f"ActiVis logs nothing more of this training, which goes on. {error}")
            return
        step, dry = self._step(trainer), trainer.sanity_checking
        if training:
            self._fitted |= {set_directory(self._directory, one.name) for one in sets}
        self._validation = WatchedValidation(
            trainer,
            pl_module,
            sets,
            lambda one: self._loggers[one.name].open_watch(step, loader=one.loader, dry=dry),
        )

    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self._validation is not None:
            self._validation.watch_step(dataloader_idx)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Publishes what is not published yet."""
        self._end_validation(None)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        # With several optimizers a batch is several steps, with accumulated gradients many batches are one.
        step = trainer.global_step
        if self._data is not None and self._every_n_steps is not None and self._is_due(step, self._every_n_steps):
            self._log(trainer)
            self._last = step

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        epochs = trainer.current_epoch + 1
        if self._data is not None and self._every_n_steps is None and self._is_due(epochs, self._every_n_epochs or 1):
            self._log(trainer)
            self._last = epochs

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Says so if there was no validation to watch."""
        steps = trainer.global_step - self._first_step
        if self._data is None and takes_part(trainer) and steps and not (self._watched or self._warned):
            name = "every_n_epochs" if self._every_n_steps is None else "every_n_steps"
            every = self._every_n_steps or self._every_n_epochs
            advice = "." if every is None else f", or give {name}= less than {every}."
            warn(
                f"ActiVis has logged nothing: in {steps} steps the trainer made no validation that was due for a snapshot. "
                f"Validate more often (val_check_interval, check_val_every_n_epoch){advice}"
            )

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._end_validation(exception)
        self.close()

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        if stage in ("fit", "validate"):
            self.close()

    def close(self) -> None:
        """Closes the files, as the end of a fit does, and drops the snapshot of an unfinished validation; safe to call twice."""
        self._end_validation(ActiVisError("The validation was not finished."))
        if self._checkpoint is not None:
            self._checkpoint.close()
        self._checkpoint = None
        for logger in self._loggers.values():
            logger.close()
        self._loggers = {}

    def _end_validation(self, error: BaseException | None) -> None:
        if self._validation is not None:
            self._validation.close(error)
        self._validation = None

    def _passed(self, trainer: Any) -> int:
        """Steps, or whole epochs, that training has made so far."""
        epochs: int = trainer.current_epoch + bool(trainer.is_last_batch)
        return epochs if self._every_n_steps is None else int(trainer.global_step)

    def _is_due(self, passed: int, every: int | None) -> bool:
        return every is None or passed // every > self._last // every

    def _step(self, trainer: Any) -> int:
        """The step of the weights that are validated."""
        loaded = None if self._checkpoint is None else self._checkpoint.step
        return int(trainer.global_step if loaded is None else loaded)

    def _open_all(self, trainer: Any, module: Any) -> list[ValidationSet]:
        """The sets of the validation; makes the loggers that they do not have yet."""
        if self._options["pinned"] is not None:
            check_own_passes(trainer, module, "pinned")
        sets = validation_sets(trainer, unpacked=self._options["unpack"] is not None)
        if sets and not self._loggers:
            directory = log_directory(self._log_dir, trainer)
            if trainer.state.fn == "validate":
                directory = run_of_validate(directory, sets, self._step(trainer), self._fitted)
            self._directory = of_first_process(directory, trainer)
        for one in sets:
            if one.name not in self._loggers:
                self._open(one.name, trainer, module)
        return sets

    def _open(self, name: str, trainer: Any, module: Any) -> None:
        options = self._options if not self._loggers else {**self._options, "health": False}  # once is enough
        self._loggers[name] = logger = ActiVisLogger(
            set_directory(self._directory, name),
            module,
            self._data,
            distributed=log_together(trainer),
            **options,
        )
        logger.quiet = is_quiet()

    def _log(self, trainer: Any) -> None:
        for logger in self._loggers.values():
            within(partial(logger.log, trainer.global_step), trainer.precision_plugin.val_step_context())
