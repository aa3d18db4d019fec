"""The callback for Hugging Face's `Trainer`: add `ActiVisCallback` to `Trainer(callbacks=[...])`."""

import os
import socket
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch.distributed as dist
from transformers import TrainerCallback
from transformers.integrations.integration_utils import default_logdir

from tensorboard_activis.capture.distributed.processes import OtherProcessError
from tensorboard_activis.capture.options import check_options
from tensorboard_activis.capture.recorder import RunDirectory
from tensorboard_activis.capture.reducers import check_reducer
from tensorboard_activis.capture.torch.data.transformers_data import batched, decoder, evaluation_data, label_names
from tensorboard_activis.capture.torch.distributed.processes import broadcast_text
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.torch import ActiVisLogger

__all__ = ["ActiVisCallback"]


class ActiVisCallback(TrainerCallback):
    """Logs the activations of a Hugging Face model's neurons, at every evaluation and at the end of training.

    Snapshots are filed under `state.global_step`. Training stays as it is: weights, optimizer and random numbers are the
    same with and without the callback. Padding (`attention_mask`) counts in no mean. Tokens are decoded: instances have a
    column `text`, also in `subsets`, as in {"questions": 'endswith(text, "?")'}. Several processes log together, each a part of the
    data, as one would on all of them; also a model whose parameters FSDP 2 spreads over them.

    Arguments:
        data: the evaluation data: a data set or list of examples (dicts), which the trainer's collator makes batches of, or
            anything else that `ActiVisLogger` takes. None: the trainer's evaluation set, which comes up at its
            first evaluation.
        log_dir: run directory; what is written goes to `activis` inside it. None: `args.logging_dir`, or where the
            trainer's TensorBoard callback writes its scalars.
        tokenizer: decodes `input_ids`; None: the trainer's `processing_class`.
        class_names: names of the classes; None: the model's `config.id2label`, if that has names.
        layers, subsets, sample, reducer, unpack, task, id, columns, audio, pinned, graph, progress, strict: as in
            `ActiVisLogger`; what is a function of a batch gets the batch as the collator makes it.

    Raises:
        ConfigurationError: an argument is wrong. What only the model can tell (layers that match nothing, a
            forward pass that fails) is raised when training starts; with the trainer's own evaluation set there is a
            warning at the first evaluation instead, and training goes on (`strict=True` raises).
    """

    def __init__(
        self,
        data: Any = None,
        *,
        log_dir: str | os.PathLike[str] | None = None,
        tokenizer: Any = None,
        layers: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        subsets: Mapping[str, str] | None = None,
        sample: int | None = 1000,
        reducer: str | Callable[..., Any] | Mapping[str, Any] | None = None,
        unpack: Callable[[Any], tuple[Any, Any]] | None = None,
        task: str | None = None,
        id: Callable[[Any], Sequence[Any]] | Sequence[Any] | None = None,
        columns: Callable[[Any], Mapping[str, Any]] | Mapping[str, Any] | None = None,
        audio: int | Callable[[Any], tuple[Any, int]] | None = None,
        pinned: Any = None,
        graph: str = "recorded",
        progress: bool | None = None,
        strict: bool = False,
    ) -> None:
        super().__init__()
        if tokenizer is not None and decoder(tokenizer) is None:
            raise ConfigurationError(
                f"tokenizer must be a tokenizer, or a processor that has one; got a {type(tokenizer).__name__}."
            )
        check_options(class_names=class_names, subsets=subsets, sample=sample, task=task, columns=columns, id=id)
        check_reducer(reducer)
        self._data, self._pinned = data, pinned
        self._log_dir = log_dir
        self._tokenizer = tokenizer
        self._class_names = class_names
        self._strict = strict
        self._options: dict[str, Any] = {
            "layers": layers,
            "subsets": subsets,
            "sample": sample,
            "reducer": reducer,
            "unpack": unpack,
            "task": task,
            "id": id,
            "columns": columns,
            "audio": audio,
            "graph": graph,
            "progress": progress,
            "strict": strict,
        }
        self._logger: ActiVisLogger | None = None
        self._training = self._given_up = False
        self._last_step: int | None = None
        self._directory: str | os.PathLike[str] | None = None
        self._state: Any = None
        _callbacks.add(self)

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Checks everything that can be checked before the first step."""
        self.close()
        self._training, self._given_up, self._last_step = True, False, None
        if not _takes_part(state, args):
            return
        _check_sharding(args, objects["model"])
        self._directory = _shared_directory(self._log_dir, args)
        self._state = state
        for other in list(_callbacks):
            other.close_stale(self._directory, state)
        if self._data is not None:
            self._open(args, objects)
            return
        if str(getattr(args.eval_strategy, "value", args.eval_strategy)) == "no":
            raise ConfigurationError(
                "The trainer does not evaluate (eval_strategy='no'), so there is no evaluation set to take. Give "
                "ActiVisCallback(data=...), or TrainingArguments(eval_strategy='epoch') and an eval_dataset."
            )
        if state.is_world_process_zero:
            RunDirectory(self._directory).close()  # raises errors that would otherwise come after the first epoch

    def on_evaluate(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        if self._data is None:
            self._data = evaluation_data(objects.get("eval_dataloader"), args, shared=_log_together(args))
        # An evaluation set of several parts is evaluated part by part, at one step.
        if not (self._training and state.global_step == self._last_step):
            self._log(args, state, objects)
        if not self._training:
            self.close()

    def on_train_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        if state.global_step != self._last_step:
            self._log(args, state, objects)
        self._training = False
        self.close()

    def close(self) -> None:
        """Closes the files, as the end of training does; safe to call twice."""
        if self._logger is not None:
            self._logger.close()
        self._logger = None

    def close_stale(self, directory: str | os.PathLike[str], state: Any) -> None:
        """Closes the files if they belong to an earlier training in this directory, which failed without calling `on_train_end`."""
        same = self._directory is not None and os.path.abspath(self._directory) == os.path.abspath(directory)
        if same and self._state is not state:
            self.close()

    def _log(self, args: Any, state: Any, objects: Mapping[str, Any]) -> None:
        if not _takes_part(state, args) or self._given_up:
            return
        try:
            logger = self._logger or self._open(args, objects)
        except ConfigurationError as error:
            if self._strict:
                raise
            self._given_up = True
            if not state.is_world_process_zero and isinstance(error.__cause__, OtherProcessError):
                return  # reported by the first process and by the one that it concerns
            warnings.warn(
                f"ActiVis logs nothing of this training, which goes on. {error}", ActiVisWarning, stacklevel=3
            )
            return
        logger.log(state.global_step)
        self._last_step = state.global_step

    def _open(self, args: Any, objects: Mapping[str, Any]) -> ActiVisLogger:
        if self._data is None:
            raise ConfigurationError("The trainer made no evaluation, so there is no evaluation set. Give data=.")
        if self._directory is None:
            self._directory = _shared_directory(self._log_dir, args)
        model = objects["model"]
        names = self._class_names if self._class_names is not None else label_names(model)
        tokenizer = self._tokenizer if self._tokenizer is not None else objects.get("processing_class")
        loaders = (objects.get("train_dataloader"), objects.get("eval_dataloader"))
        like = next((loader for loader in loaders if loader is not None), None)
        data, pinned = (
            each if each is None else batched(each, args, model, like) for each in (self._data, self._pinned)
        )
        self._logger = ActiVisLogger(
            self._directory,
            model,
            data,
            class_names=names,
            texts=decoder(tokenizer),
            pinned=pinned,
            distributed=_log_together(args),
            **self._options,
        )
        return self._logger


#: All live callbacks: one whose training failed still locks its directory.
_callbacks: "weakref.WeakSet[ActiVisCallback]" = weakref.WeakSet()


def _log_together(args: Any) -> bool:
    """Whether several processes, connected by torch.distributed, log together; else the first one logs alone, over all data."""
    return args.world_size > 1 and dist.is_available() and dist.is_initialized()


def _takes_part(state: Any, args: Any) -> bool:
    return bool(state.is_world_process_zero) or _log_together(args)


def _check_sharding(args: Any, model: Any) -> None:
    plugin = getattr(args, "deepspeed_plugin", None)
    zero = getattr(plugin, "zero_stage", 0) == 3
    wrapped = any(type(module).__name__ == "FullyShardedDataParallel" for module in model.modules())
    if args.world_size > 1 and (wrapped or zero):
        raise ConfigurationError(
            "Under FSDP 1 and DeepSpeed's stage 3 no process has the whole model, and it cannot be run outside of the trainer. "
            'Train with FSDP 2 (fsdp_config={"version": 2}) or without them, or log from a checkpoint with '
            "tensorboard_activis.torch.ActiVisLogger."
        )


def _shared_directory(log_dir: str | os.PathLike[str] | None, args: Any) -> str | os.PathLike[str]:
    """The log directory of the first process, broadcast to all: the Trainer's default name contains time and process number."""
    directory = _directory(log_dir, args)
    return broadcast_text(os.fspath(directory)) if _log_together(args) else directory


def _directory(log_dir: str | os.PathLike[str] | None, args: Any) -> str | os.PathLike[str]:
    """The directory of the trainer's TensorBoard callback: that of its event files, for its default name contains the time."""
    if log_dir is not None:
        return log_dir
    named = os.environ.get("TENSORBOARD_LOGGING_DIR") or getattr(args, "logging_dir", None)
    if named:
        return os.path.expanduser(named)
    pattern = f"*/**/events.out.tfevents.*.{socket.gethostname()}.{os.getpid()}.*"
    written = [path for path in Path(args.output_dir, "runs").glob(pattern) if path.parent.name != "activis"]
    if written:
        return max(written, key=lambda path: path.stat().st_mtime_ns).parent
    return os.path.join(str(args.output_dir), str(default_logdir()))
