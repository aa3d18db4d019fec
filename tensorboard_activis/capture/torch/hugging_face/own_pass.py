"""Passes of our own over evaluation data that the user gave, beside the evaluations of Hugging Face's Trainer."""

from collections.abc import Mapping
from typing import Any

from tensorboard_activis.capture.torch.hugging_face.directories import Writer, log_together, takes_part
from tensorboard_activis.capture.torch.hugging_face.loggers import Loggers
from tensorboard_activis.capture.torch.hugging_face.steps import WeightSteps, agreed
from tensorboard_activis.errors import ConfigurationError, warn


class OwnPass(Writer):
    """Runs the model over the user's data at every evaluation of the trainer, and at the end of training.

    Arguments:
        data: see `ActiVisCallback`.
        loggers: makes the logger.

    Attributes:
        last_step: at which a pass was logged in this training.
    """

    def __init__(self, data: Any, loggers: Loggers) -> None:
        super().__init__()
        self._data, self._loggers = data, loggers
        self._logger: Any = None
        self._steps = WeightSteps()
        self._training = False
        self.last_step: int | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return OwnPass, (self._data, self._loggers)

    def begin_training(self, args: Any, state: Any, objects: Mapping[str, Any]) -> None:
        """Makes the logger, which checks everything that can be checked before the first step.

        Raises:
            ConfigurationError: an argument of the callback is wrong, or does not fit the model or the data.
        """
        self.close()
        self._training, self.last_step = True, None
        self._steps.begin_training()
        if takes_part(state, args):
            _check_sharding(args, objects["model"])
            self._open(args, state, objects).training_step = state.global_step

    def evaluate(self, args: Any, state: Any, objects: Mapping[str, Any]) -> None:
        """Logs beside an evaluation of the trainer; an evaluation set of several parts is evaluated part by part, at one step."""
        if not (self._training and state.global_step == self.last_step):
            self._log(args, state, objects)
        if not self._training:
            self.close()

    def end_training(self, args: Any, state: Any, objects: Mapping[str, Any]) -> None:
        """Logs the end of training, unless there was an evaluation at its step or earlier weights were loaded."""
        if self._logger is not None:
            self._steps.end_training(args, state, self._logger.weights_version())
        if state.global_step != self.last_step:
            self._log(args, state, objects)
        self._training = False
        self.close()

    def close(self) -> None:
        if self._logger is not None:
            self._logger.close()
        self._logger = None

    def _log(self, args: Any, state: Any, objects: Mapping[str, Any]) -> None:
        if not takes_part(state, args):
            return
        try:
            logger = self._logger or self._open(args, state, objects)
        except ConfigurationError as error:
            if self._loggers.strict:
                raise
            warn(f"ActiVis logs nothing of this evaluation. {error}")
            return
        fingerprint = logger.weights_version()
        decision = agreed(self._steps.decide("", state.global_step, fingerprint), together=log_together(args))
        if decision.reason and state.is_world_process_zero:
            warn(f"ActiVis: {decision.reason}")
        if decision.step is not None:
            logger.log(decision.step)
            self._steps.add("", decision.step, fingerprint)
        self.last_step = state.global_step

    def _open(self, args: Any, state: Any, objects: Mapping[str, Any]) -> Any:
        self.enter(self._loggers.directory(args), state)
        assert self.directory is not None
        loaders = (objects.get("train_dataloader"), objects.get("eval_dataloader"))
        loader = next((loader for loader in loaders if loader is not None), None)
        model, tokenizer = objects["model"], objects.get("processing_class")
        self._logger = self._loggers.make(self.directory, args, model, tokenizer, self._data, loader)
        return self._logger


def _check_sharding(args: Any, model: Any) -> None:
    plugin = getattr(args, "deepspeed_plugin", None)
    zero = getattr(plugin, "zero_stage", 0) == 3
    wrapped = any(type(module).__name__ == "FullyShardedDataParallel" for module in model.modules())
    if args.world_size > 1 and (wrapped or zero):
        raise ConfigurationError(
            "Under FSDP 1 and DeepSpeed's stage 3 no process has the whole model, and it cannot be run outside of the trainer. "
            "Leave data out, so that the trainer's own evaluations are watched; or train with FSDP 2 "
            '(fsdp_config={"version": 2}) or without them.'
        )
