"""What is asked of a Lightning trainer: where it logs, what it trains with, whether it validates."""

import inspect
import logging
import os
import sys
from typing import Any

import torch.distributed as dist

from tensorboard_activis.errors import ConfigurationError

#: Strategies that shard every parameter over processes, so that the module runs only inside the strategy's wrapper.
_SHARDED = ("FSDPStrategy", "DeepSpeedStrategy")


def log_together(trainer: Any) -> bool:
    """Whether several processes, connected by torch.distributed, log together; else the first one logs alone."""
    return trainer.world_size > 1 and dist.is_available() and dist.is_initialized()


def takes_part(trainer: Any) -> bool:
    """Whether this process logs."""
    return (bool(trainer.is_global_zero) or log_together(trainer)) and not trainer.fast_dev_run


def is_quiet() -> bool:
    """Whether Lightning's own messages are turned off, of the package or packages in use."""
    packages = [name for name in ("lightning.pytorch", "pytorch_lightning") if name in sys.modules]
    return not any(logging.getLogger(name).isEnabledFor(logging.INFO) for name in packages)


def log_directory(log_dir: str | os.PathLike[str] | None, trainer: Any) -> str:
    """The run directory: that of the user, else that of the trainer's TensorBoardLogger.

    Raises:
        ConfigurationError: there is neither.
    """
    if log_dir is not None:
        return os.fspath(log_dir)
    for logger in trainer.loggers:
        if any(base.__name__ == "TensorBoardLogger" for base in type(logger).__mro__):
            return str(logger.log_dir)
    names = ", ".join(type(logger).__name__ for logger in trainer.loggers) or "none"
    raise ConfigurationError(
        f"log_dir is needed, because the trainer has no TensorBoardLogger (its loggers: {names}). Give "
        "ActiVisCallback(log_dir=...), or Trainer(logger=TensorBoardLogger(...))."
    )


def of_first_process(directory: str, trainer: Any) -> str:
    """The directory of the first process: Lightning's logger chooses an unused name, and by now that process may have used it."""
    return str(trainer.strategy.broadcast(directory)) if log_together(trainer) else directory


def check_own_passes(trainer: Any, module: Any, keyword: str) -> None:
    """Checks that the module can be run outside of its steps.

    Arguments:
        keyword: of the instances that it would be run on.

    Raises:
        ConfigurationError: it has no forward, or its parameters are spread over processes.
    """
    if _is_inherited(type(module).forward):
        raise ConfigurationError(
            f"{type(module).__name__} has no forward, which {keyword}= needs. Define forward(self, x), from a batch's inputs to "
            f"the logits. Or leave {keyword}= out: the trainer's validation is watched without it."
        )
    names = {base.__name__ for base in type(trainer.strategy).__mro__}
    sharded = next((name for name in _SHARDED if name in names), None)
    # Of DeepSpeed's stages the third alone spreads parameters.
    whole = sharded is None or (sharded == "DeepSpeedStrategy" and not trainer.strategy.zero_stage_3)
    if trainer.world_size > 1 and not whole:
        raise ConfigurationError(
            f"Under {sharded} no process has the whole model, and the module cannot be run over {keyword}= outside of its steps. "
            f"Leave {keyword}= out: the trainer's validation is watched without it. Or train with ModelParallelStrategy "
            "(fully_shard) or strategy='ddp'."
        )


def no_validation(trainer: Any, module: Any) -> str | None:
    """In words why there will be no validation to watch; None if there will be.

    Raises:
        ConfigurationError: the module's validation cannot be watched.
    """
    if "dataloader_iter" in inspect.signature(module.validation_step).parameters:
        raise ConfigurationError(
            f"{type(module).__name__}.validation_step takes its batches out of dataloader_iter, so that they are unknown before "
            "it runs. Let it take (batch, batch_idx), or give ActiVisCallback(data=loader)."
        )
    if trainer.enable_validation:
        return None
    if _is_inherited(type(module).validation_step):
        reason = f"{type(module).__name__} has no validation_step"
    else:
        reason = "limit_val_batches is 0" if trainer.limit_val_batches == 0 else "there is no validation loader"
    return (
        f"ActiVis logs nothing of this training, because the trainer makes no validation: {reason}. Let it validate, or give "
        "ActiVisCallback(data=loader)."
    )


def _is_inherited(method: Any) -> bool:
    """Whether a method of a module is that of Lightning or torch, which does nothing."""
    name = getattr(method, "__qualname__", "")
    return name == "_forward_unimplemented" or name.startswith("LightningModule.")
