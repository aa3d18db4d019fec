"""One batch in the one form, and what is done to all of its tensors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn


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


def transform(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same nested value with every tensor changed; numpy arrays become tensors."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiubc":
        value = torch.as_tensor(value)
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: transform(inner, change) for key, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        if isinstance(value, nn.utils.rnn.PackedSequence):
            return value
        return type(value)(*(transform(inner, change) for inner in value))
    if isinstance(value, (list, tuple)):
        return type(value)(transform(inner, change) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{entry.name: transform(getattr(value, entry.name), change) for entry in fields(value)})
    return value


def tensors(value: Any) -> list[torch.Tensor]:
    """Every tensor in a nested value, in order."""
    found: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        found.append(tensor)
        return tensor

    transform(value, keep)
    return found


def cut(batch: Batch, count: int) -> Batch:
    """The first instances of a batch."""
    if batch.instances <= count:
        return batch

    def shorten(tensor: torch.Tensor) -> torch.Tensor:
        axes = [axis for axis, size in enumerate(tensor.shape) if size == batch.instances]
        return tensor.narrow(axes[0], 0, count) if axes else tensor

    mask = None if batch.mask is None else batch.mask[:count]
    return Batch(transform(batch.args, shorten), transform(batch.kwargs, shorten), batch.labels, count, mask)


def on_processor(batch: Batch) -> Batch:
    """The batch as another process can take it."""

    def move(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().cpu()

    return replace(
        batch,
        args=transform(batch.args, move),
        kwargs=transform(batch.kwargs, move),
        labels=transform(batch.labels, move),
        mask=None if batch.mask is None else move(batch.mask),
        raw=transform(batch.raw, move),
    )
