"""Watches the validations that a Lightning trainer makes: which sets there are, and which passes are those of its steps."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorboard_activis.blobs import Blob, event_files, scan
from tensorboard_activis.capture.replaced_methods import replace_method
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.metadata import RUN_DIRECTORY, SNAPSHOT_TAG
from tensorboard_activis.stores.locations import location


@dataclass(frozen=True)
class ValidationSet:
    """What one of the trainer's validation loaders yields.

    Attributes:
        name: of its run below the log directory; empty for the only set of a validation, whose run is the log directory itself.
        loader: whose order says how instances are identified; None if each batch combines batches of several loaders.
    """

    name: str
    loader: Any


def validation_loop(trainer: Any) -> Any:
    """The loop of the validation that is running, in `trainer.fit` or `trainer.validate`."""
    return trainer.validate_loop if trainer.state.fn == "validate" else trainer.fit_loop.epoch_loop.val_loop


def validation_sets(trainer: Any, *, unpacked: bool) -> list[ValidationSet]:
    """The sets of the validation that is running; none before its loaders exist.

    Several loaders have the names of the dict that they are in, or are `val_0`, `val_1`, …

    Arguments:
        unpacked: whether the user gives a function that finds inputs and labels in a batch.

    Raises:
        ConfigurationError: each batch combines batches of several loaders, and there is no such function.
    """
    combined = validation_loop(trainer)._combined_loader
    if combined is None:
        return []
    loaders, structure = list(combined.flattened), combined.iterables
    if combined._mode != "sequential" and not (len(loaders) == 1 and structure is loaders[0]):
        if not unpacked:
            raise ConfigurationError(
                f"The trainer's validation combines the batches of {len(loaders)} loaders into one (CombinedLoader, "
                f"{combined._mode!r}), so that it is unknown which inputs are meant. Give unpack=, a function of such a batch that "
                "returns (inputs, labels), or validate on one loader after the other (mode 'sequential')."
            )
        return [ValidationSet("", None)]
    if len(loaders) == 1:
        return [ValidationSet("", loaders[0])]
    names = [f"val_{index}" for index in range(len(loaders))]
    if isinstance(structure, Mapping) and len(structure) == len(loaders):
        named = [str(name) for name in structure]
        if all(name == Path(name).name and name != RUN_DIRECTORY for name in named):
            names = named
    return [ValidationSet(name, loader) for name, loader in zip(names, loaders, strict=True)]


def set_directory(directory: str, name: str) -> str:
    """The run directory of a set."""
    return os.path.join(directory, name) if name else directory


def run_of_validate(directory: str, sets: Sequence[ValidationSet], step: int, fitted: Collection[str]) -> str:
    """Where a `trainer.validate` outside of a fit is logged: in the log directory if it replaces nothing there, else below it.

    A snapshot replaces those of its step and of higher ones, which may have other weights.

    Arguments:
        step: of the weights.
        fitted: directories in which a fit of the same callback has logged.
    """
    for path in (set_directory(directory, one.name) for one in sets):
        logged = [
            item.step
            for file in event_files(location(path) / RUN_DIRECTORY)
            for item in scan(file)
            if isinstance(item, Blob) and item.tag == SNAPSHOT_TAG
        ]
        if max(logged, default=-1) >= (step if path in fitted else step + 1):
            return os.path.join(directory, "validate")
    return directory


class CheckpointStep:
    """The step of the checkpoint that a trainer loads into a module before it validates it.

    A trainer gives each checkpoint to `on_load_checkpoint` of the module. That of callbacks is not called in a validation by
    Lightning 2.4, nor by any version for a checkpoint that has weights only.

    Attributes:
        step: None while no checkpoint is loaded, or if it names none.
    """

    def __init__(self, module: Any) -> None:
        self.step: int | None = None
        hook = module.on_load_checkpoint

        def read(checkpoint: dict[str, Any]) -> None:
            self.close()
            self.step = checkpoint.get("global_step")
            hook(checkpoint)

        self.close = replace_method(module, "on_load_checkpoint", read)


class WatchedValidation:
    """One validation, watched step by step. Each set is a watch of its own, one after the other.

    A watch begins with the first step of its set, when callbacks that average weights have put these in place, and ends with
    the last one, before they take them away. What the module computes outside of its `validation_step` is not taken.

    Arguments:
        trainer: in `on_validation_start`.
        module: the LightningModule.
        sets: of this validation.
        open_watch: begins the watch of one of them.
    """

    def __init__(
        self, trainer: Any, module: Any, sets: Sequence[ValidationSet], open_watch: Callable[[ValidationSet], Any]
    ) -> None:
        self._module, self._sets, self._open_watch = module, sets, open_watch
        self._progress = validation_loop(trainer).batch_progress
        self._set = -1
        self._watch: Any = None
        self._restore: Callable[[], None] | None = None

    def watch_step(self, number: int) -> None:
        """Has the module's next `validation_step` watched.

        The step is replaced for one call, as Lightning replaces `forward` for the step of a module in a wrapper.

        Arguments:
            number: which set the batch is of.
        """
        step = self._module.validation_step

        def watched_step(*arguments: Any, **named: Any) -> Any:
            restore()
            self._turn_to(number)
            self._watch.begin(arguments[0])
            output = step(*arguments, **named)
            self._watch.end()
            if self._progress.is_last_batch:
                self._turn_to(number + 1)
            return output

        # Lightning looks up the signature of the step where the attribute leads.
        watched_step.__wrapped__ = getattr(step, "__wrapped__", step)  # type: ignore[attr-defined]
        self._restore = restore = replace_method(self._module, "validation_step", watched_step)

    def close(self, error: BaseException | None = None) -> None:
        """Ends the validation and publishes what is left of it; safe to call twice.

        Arguments:
            error: what ended it early; then nothing more is published.
        """
        if self._restore is not None:
            self._restore()
        if error is not None:
            self._end_watch(error)
            self._set = len(self._sets)
        self._turn_to(len(self._sets))

    def _turn_to(self, number: int) -> None:
        """Ends the watches of the sets before this one, and begins its own; on every process in the same order."""
        while self._set < number:
            self._end_watch()
            self._set += 1
            if self._set < len(self._sets):
                self._watch = self._open_watch(self._sets[self._set])

    def _end_watch(self, error: BaseException | None = None) -> None:
        if self._watch is not None:
            self._watch.close(error)
            self._watch = None
