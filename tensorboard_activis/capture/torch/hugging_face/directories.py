"""Where Hugging Face's Trainer logs, which of its processes do, and who has loggers open there."""

import os
import socket
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch.distributed as dist
from transformers.integrations import integration_utils

from tensorboard_activis.capture.torch.distributed.processes import broadcast_text

StrPath = str | os.PathLike[str]


class Writer:
    """What has loggers open in a directory, on behalf of a training.

    Attributes:
        directory: None until it is known.
        state: the `TrainerState` of the training.
    """

    def __init__(self) -> None:
        self.directory: StrPath | None = None
        self.state: Any = None
        _writers.add(self)

    @property
    def is_busy(self) -> bool:
        """Whether a snapshot is being made."""
        return False

    def close(self) -> None:
        """Closes the loggers; safe to call twice."""
        raise NotImplementedError

    def enter(self, directory: StrPath, state: Any) -> None:
        """Takes a directory, and closes what an earlier training has open there, which failed without calling `on_train_end`."""
        path = os.path.abspath(directory)
        close_writers(
            lambda writer: (
                writer.directory is not None
                and os.path.abspath(writer.directory) == path
                and writer.state is not state
                and writer is not self
                and not writer.is_busy
            )
        )
        self.directory, self.state = directory, state


_writers: "weakref.WeakSet[Writer]" = weakref.WeakSet()


def close_writers(chosen: Callable[[Writer], bool]) -> None:
    """Closes all live writers of which the function is true."""
    for writer in list(_writers):
        if chosen(writer):
            writer.close()


def log_together(args: Any) -> bool:
    """Whether several processes, connected by torch.distributed, log together; else the first one logs alone."""
    return args.world_size > 1 and dist.is_available() and dist.is_initialized()


def takes_part(state: Any, args: Any) -> bool:
    """Whether this process logs."""
    return bool(state.is_world_process_zero) or log_together(args)


def run_directory(log_dir: StrPath | None, args: Any) -> StrPath:
    """The log directory of the first process, broadcast to all: the Trainer's default name contains time and process number."""
    directory = _directory(log_dir, args)
    return broadcast_text(os.fspath(directory)) if log_together(args) else directory


def _directory(log_dir: StrPath | None, args: Any) -> StrPath:
    """The directory of the trainer's TensorBoard callback: that of its event files, for its default name contains the time."""
    if log_dir is not None:
        return log_dir
    default_logdir = getattr(integration_utils, "default_logdir", None)
    if default_logdir is None:  # before Transformers 5.0 the arguments always name it, no variable of the environment
        return str(args.logging_dir)
    named = os.environ.get("TENSORBOARD_LOGGING_DIR") or getattr(args, "logging_dir", None)
    if named:
        return os.path.expanduser(named)
    pattern = f"*/**/events.out.tfevents.*.{socket.gethostname()}.{os.getpid()}.*"
    written = [path for path in Path(args.output_dir, "runs").glob(pattern) if path.parent.name != "activis"]
    if written:
        return max(written, key=lambda path: path.stat().st_mtime_ns).parent
    return os.path.join(str(args.output_dir), str(default_logdir()))
