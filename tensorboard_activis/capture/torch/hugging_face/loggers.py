"""Makes the loggers for Hugging Face's Trainer, from the keywords of its callback and from what the trainer has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tensorboard_activis.capture.instances.token_texts import decoder
from tensorboard_activis.capture.options import TorchOptions
from tensorboard_activis.capture.torch.hugging_face.data import batched, class_names_of, labels_apart
from tensorboard_activis.capture.torch.hugging_face.directories import StrPath, log_together, run_directory


@dataclass(frozen=True)
class Loggers:
    """Makes loggers with the same keywords.

    Attributes:
        logger: `ActiVisLogger`.
        log_dir, tokenizer, options: as in the callback.
    """

    logger: Callable[..., Any]
    log_dir: StrPath | None
    tokenizer: Any
    options: TorchOptions

    @property
    def strict(self) -> bool:
        """Whether errors are raised."""
        return bool(self.options["strict"])

    def directory(self, args: Any) -> StrPath:
        """The log directory; all processes call this together."""
        return run_directory(self.log_dir, args)

    def make(
        self, directory: StrPath, args: Any, model: Any, tokenizer: Any, data: Any, loader: Any, *, health: bool = True
    ) -> Any:
        """A logger.

        Arguments:
            directory: where it logs.
            args: the `TrainingArguments`.
            tokenizer: the trainer's `processing_class`.
            data: that a pass of its own is over; None if evaluations are watched.
            health: whether it measures training health, if the callback does: one logger is enough.
            loader: one of the trainer's, whose collator makes batches of examples; None if there is none.

        Raises:
            ConfigurationError: see `ActiVisLogger`.
        """
        options: dict[str, Any] = {**self.options, "health": self.options["health"] if health else False}
        if options["class_names"] is None:
            options["class_names"] = class_names_of(model)
        if options["unpack"] is None:
            options["unpack"] = labels_apart(args, model)
        for name in ("pinned", "train_data"):
            if options[name] is not None:
                options[name] = batched(options[name], args, model, loader)
        logger = self.logger(
            directory,
            model,
            None if data is None else batched(data, args, model, loader),
            tokenizer=_reading(self.tokenizer if self.tokenizer is not None else tokenizer),
            distributed=log_together(args),
            **options,
        )
        logger.quiet = bool(args.disable_tqdm)
        return logger


def _reading(processor: Any) -> Any:
    """The tokenizer that a processor is or has; None if it reads no texts, as that of images does not."""
    return processor if decoder(processor) is not None else None
