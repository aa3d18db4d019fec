"""The callback for Lightning: add `ActiVisCallback` to `Trainer(callbacks=[...])`.

It works with `lightning.pytorch` and with `pytorch_lightning`.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch.distributed as dist
from torch.utils.data import DataLoader, DistributedSampler

from tensorboard_activis.capture.interrupts import within
from tensorboard_activis.capture.recorder import check_options
from tensorboard_activis.capture.reducers import check_reducer
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.torch import ActiVisLogger

__all__ = ["ActiVisCallback"]

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")

#: Strategies that shard every parameter over processes, so that the module runs only inside the strategy's wrapper.
_SHARDED = ("FSDPStrategy", "DeepSpeedStrategy")


def _bases() -> tuple[type, ...]:
    """The `Callback` classes of the Lightning packages in use; each package has its own, with the same methods."""
    in_use = [name for name in _PACKAGES if name in sys.modules]
    installed = [name for name in _PACKAGES if importlib.util.find_spec(name.partition(".")[0]) is not None]
    if not installed:
        raise ImportError("tensorboard_activis.lightning needs Lightning: pip install lightning")
    return tuple(importlib.import_module(name).Callback for name in in_use or installed[:1])


class ActiVisCallback(*_bases()):  # type: ignore[misc]
    """Logs the activations of a LightningModule's neurons on evaluation data, while it trains.

    What is recorded is the module's `forward`, so layers have the paths of its attributes (`model.layer2`). Snapshots are
    filed under `trainer.global_step`, in the trainer's precision. Training stays as it is: weights, optimizer, batch
    statistics and random numbers are the same with and without the callback. The sanity check and `fast_dev_run` leave no
    snapshot. Several processes log together, each the part of the data that its loader gives it, as one would on all data;
    also a model whose parameters `fully_shard` spreads over them (ModelParallelStrategy).

    Arguments:
        data: the evaluation data, as in `ActiVisLogger`; None: the trainer's validation loader, if it has a single one.
        log_dir: run directory; what is written goes to `activis` inside it. None: that of the trainer's TensorBoardLogger,
            so that the run lies beside its scalars.
        every_n_epochs: epochs from one snapshot to the next.
        every_n_steps: optimizer steps from one snapshot to the next; if set, `every_n_epochs` is ignored.
        layers, class_names, subsets, sample, reducer, unpack, task, id, columns, texts, audio, pinned, graph, progress, strict:
            as in `ActiVisLogger`.

    Raises:
        ConfigurationError: an argument is wrong. What only the model can tell (layers that match nothing, a
            forward pass that fails) is raised when the fit starts; with the trainer's own loader as soon as that is there,
            after the sanity check and before the first batch.
    """

    def __init__(
        self,
        data: Any = None,
        *,
        log_dir: str | os.PathLike[str] | None = None,
        every_n_epochs: int = 1,
        every_n_steps: int | None = None,
        layers: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        subsets: Mapping[str, str] | None = None,
        sample: int | None = 1000,
        reducer: str | Callable[..., Any] | Mapping[str, Any] | None = None,
        unpack: Callable[[Any], tuple[Any, Any]] | None = None,
        task: str | None = None,
        id: Callable[[Any], Sequence[Any]] | Sequence[Any] | None = None,
        columns: Callable[[Any], Mapping[str, Any]] | Mapping[str, Any] | None = None,
        texts: Callable[[Any], Any] | None = None,
        audio: int | Callable[[Any], tuple[Any, int]] | None = None,
        pinned: Any = None,
        graph: str = "recorded",
        progress: bool | None = None,
        strict: bool = False,
    ) -> None:
        super().__init__()
        for name, every in (
            ("every_n_epochs", every_n_epochs),
            ("every_n_steps", 1 if every_n_steps is None else every_n_steps),
        ):
            if isinstance(every, bool) or not isinstance(every, int) or every < 1:
                raise ConfigurationError(f"{name} must be a positive whole number; got {every!r}.")
        check_options(class_names=class_names, subsets=subsets, sample=sample, task=task, columns=columns, id=id)
        check_reducer(reducer)
        self._data = data
        self._log_dir = log_dir
        self._every_n_epochs, self._every_n_steps = every_n_epochs, every_n_steps
        self._options: dict[str, Any] = {
            "layers": layers,
            "class_names": class_names,
            "subsets": subsets,
            "sample": sample,
            "reducer": reducer,
            "unpack": unpack,
            "task": task,
            "id": id,
            "columns": columns,
            "texts": texts,
            "audio": audio,
            "pinned": pinned,
            "graph": graph,
            "progress": progress,
            "strict": strict,
        }
        self._logger: ActiVisLogger | None = None
        self._last_step = 0

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Checks everything that can be checked before there are data."""
        self.close()
        if not _takes_part(trainer):
            return
        _check_strategy(trainer)
        _directory(self._log_dir, trainer)  # raises what is wrong with it
        if self._data is not None:
            self._open(trainer, pl_module, self._data)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Makes the logger for the trainer's validation loader, which exists from now on."""
        self._last_step = trainer.global_step
        if self._logger is None and _takes_part(trainer):
            self._open(trainer, pl_module, _validation_loader(trainer))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        every, step = self._every_n_steps, trainer.global_step
        # With several optimizers a batch is several steps, with accumulated gradients many batches are one.
        if every is not None and step // every > self._last_step // every:
            self._log(trainer)
        self._last_step = step

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if self._every_n_steps is None and (trainer.current_epoch + 1) % self._every_n_epochs == 0:
            self._log(trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self.close()

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        if stage == "fit":
            self.close()

    def close(self) -> None:
        """Closes the files, as the end of a fit does; safe to call twice."""
        if self._logger is not None:
            self._logger.close()
        self._logger = None

    def _open(self, trainer: Any, module: Any, data: Any) -> None:
        if getattr(type(module).forward, "__qualname__", "") in ("LightningModule.forward", "_forward_unimplemented"):
            raise ConfigurationError(
                f"{type(module).__name__} has no forward, which is what would be recorded. Define forward(self, x) as the "
                "way from a batch's inputs to the logits, and let the steps call it."
            )
        distributed = _log_together(trainer)
        directory = _directory(self._log_dir, trainer)
        if distributed:
            # Lightning's logger chooses an unused name; by now the first process may have used the one that others would choose.
            directory = trainer.strategy.broadcast(directory)

        def make() -> None:
            self._logger = ActiVisLogger(directory, module, data, distributed=distributed, **self._options)

        within(make, trainer.precision_plugin.val_step_context())  # autocast, say

    def _log(self, trainer: Any) -> None:
        logger = self._logger
        if logger is not None:
            within(lambda: logger.log(trainer.global_step), trainer.precision_plugin.val_step_context())


def _log_together(trainer: Any) -> bool:
    """Whether several processes, connected by torch.distributed, log together; else the first one logs alone, over all data."""
    return trainer.world_size > 1 and dist.is_available() and dist.is_initialized()


def _takes_part(trainer: Any) -> bool:
    return (bool(trainer.is_global_zero) or _log_together(trainer)) and not trainer.fast_dev_run


def _check_strategy(trainer: Any) -> None:
    names = {base.__name__ for base in type(trainer.strategy).__mro__}
    sharded = next((name for name in _SHARDED if name in names), None)
    # Of DeepSpeed's stages the third alone spreads parameters.
    whole = sharded is None or (sharded == "DeepSpeedStrategy" and not trainer.strategy.zero_stage_3)
    if trainer.world_size > 1 and not whole:
        raise ConfigurationError(
            f"Under {sharded} no process has the whole model, and the module cannot be run outside of its steps. Train with "
            "ModelParallelStrategy (fully_shard) or strategy='ddp', or log from a checkpoint with "
            "tensorboard_activis.torch.ActiVisLogger."
        )


def _directory(log_dir: str | os.PathLike[str] | None, trainer: Any) -> str | os.PathLike[str]:
    if log_dir is not None:
        return log_dir
    for logger in trainer.loggers:
        if any(base.__name__ == "TensorBoardLogger" for base in type(logger).__mro__):
            return str(logger.log_dir)
    names = ", ".join(type(logger).__name__ for logger in trainer.loggers) or "none"
    raise ConfigurationError(
        f"log_dir is needed, for the trainer has no TensorBoardLogger (its loggers: {names}). Give "
        "ActiVisCallback(log_dir=...), or Trainer(logger=TensorBoardLogger(...))."
    )


def _validation_loader(trainer: Any) -> Any:
    """The trainer's single validation loader; if this process logs alone, without the sampler that gives it a part of the data."""
    loaders = trainer.val_dataloaders
    if isinstance(loaders, Mapping):
        loaders = list(loaders.values())
    if isinstance(loaders, (list, tuple)):
        if len(loaders) > 1:
            raise ConfigurationError(
                f"The trainer has {len(loaders)} validation loaders; choose one: ActiVisCallback(data=loader)."
            )
        loaders = loaders[0] if loaders else None
    if loaders is None:
        raise ConfigurationError(
            "The trainer has no validation loader at the start of training. Give ActiVisCallback(data=loader), or pass "
            "val_dataloaders to fit and define validation_step."
        )
    if isinstance(getattr(loaders, "sampler", None), DistributedSampler) and not _log_together(trainer):
        return DataLoader(loaders.dataset, loaders.batch_size, collate_fn=loaders.collate_fn)
    return loaders
