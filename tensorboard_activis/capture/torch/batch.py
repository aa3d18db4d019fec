"""One batch in the one form, and what is done to all of its tensors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from tensorboard_activis.capture.processes import Processes, broadcast
from tensorboard_activis.capture.serialization import SerializationError, serialize
from tensorboard_activis.capture.torch.serialization import DECODERS, encode
from tensorboard_activis.errors import ConfigurationError


@dataclass(frozen=True)
class Batch:
    """What the model is given, and labels and texts as they came. `mask` is bool [instances, positions], False in padding; `raw` is
    the whole batch as the loader gave it."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    labels: Any
    instances: int
    mask: torch.Tensor | None
    texts: Sequence[str] | Sequence[Sequence[str]] | None = None
    raw: Any = None


def map_tensors(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same nested value with every tensor changed; numpy arrays become tensors."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiubc":
        value = torch.as_tensor(value)
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(inner, change) for key, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        if isinstance(value, nn.utils.rnn.PackedSequence):
            return value
        return type(value)(*(map_tensors(inner, change) for inner in value))
    if isinstance(value, (list, tuple)):
        return type(value)(map_tensors(inner, change) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{entry.name: map_tensors(getattr(value, entry.name), change) for entry in fields(value)}
        )
    return value


def all_tensors(value: Any) -> list[torch.Tensor]:
    """Every tensor in a nested value, in order."""
    found: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        found.append(tensor)
        return tensor

    map_tensors(value, keep)
    return found


def cut(batch: Batch, count: int) -> Batch:
    """The first instances of a batch."""
    if batch.instances <= count:
        return batch

    def shorten(tensor: torch.Tensor) -> torch.Tensor:
        axes = [axis for axis, size in enumerate(tensor.shape) if size == batch.instances]
        return tensor.narrow(axes[0], 0, count) if axes else tensor

    mask = None if batch.mask is None else batch.mask[:count]
    return Batch(map_tensors(batch.args, shorten), map_tensors(batch.kwargs, shorten), batch.labels, count, mask)


def broadcast_batch(processes: Processes, own: Batch | None) -> Batch | None:
    """The batch of the first process that has one, on all of them; on the others without texts and what the loader gave.

    Raises:
        ConfigurationError: this process has none, and that of the first cannot be sent.
    """
    if processes.size == 1:
        return own
    sent = None if own is None else (own.args, own.kwargs, own.labels, own.instances, own.mask)
    try:
        sendable = sent is None or bool(serialize(sent, encode))
    except SerializationError:
        sendable = False
    if processes.any(not sendable):
        if own is None:
            raise ConfigurationError(
                "This process has no data, and needs a batch of another one to know what the model is given. What batches hold "
                "is more than tensors, numpy arrays, numbers and texts, in lists, tuples and dicts, and cannot be sent. Give "
                "every process some data."
            )
        return own
    found = broadcast(processes, sent, encode, DECODERS)
    return own if found is sent or found is None else Batch(*found)
