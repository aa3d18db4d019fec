"""Instances of a batch, kept to be run again, and put together to larger batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from tensorboard_activis.capture.effects.rerun import Parts
from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors, is_divisible, map_tensors

#: A tensor without instances is compared with others by its values up to this many.
_COMPARED = 4096


@dataclass(frozen=True)
class Precision:
    """Whether a pass ran under autocast, and in which dtype, on a type of device."""

    device: str
    enabled: bool
    dtype: torch.dtype

    @classmethod
    def now(cls, device: str) -> "Precision":
        """That of this thread."""
        try:
            return cls(device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device))
        except RuntimeError:  # a device that has no autocast
            return cls(device, False, torch.float32)

    def context(self) -> torch.autocast:
        """A context in which the same holds."""
        return torch.autocast(self.device, dtype=self.dtype, enabled=self.enabled, cache_enabled=False)


@dataclass(frozen=True)
class HeldBatch:
    """Instances of a batch as the model was called with them.

    Attributes:
        arguments: args and kwargs, with a placeholder for each tensor.
        tensors: of these, in order. axes: that of the instances in each; None where there is none.
        mask: bool [instances, positions], False in padding; None without.
        count: of instances.
        precision: of the pass.
    """

    arguments: tuple[tuple[Any, ...], dict[str, Any]]
    tensors: tuple[torch.Tensor, ...]
    axes: tuple[int | None, ...]
    mask: torch.Tensor | None
    count: int
    precision: Precision

    @classmethod
    def of(cls, batch: Batch, precision: Precision) -> "HeldBatch | None":
        """A batch, of which nothing is copied yet; None if it cannot be divided into instances."""
        if not is_divisible(batch):
            return None
        tensors = all_tensors([batch.args, batch.kwargs])
        axes = [
            next((axis for axis, size in enumerate(each.shape) if size == batch.instances), None) for each in tensors
        ]
        placeholder = torch.empty(0)
        arguments = map_tensors((batch.args, batch.kwargs), lambda tensor: placeholder)
        return cls(arguments, tuple(tensors), tuple(axes), batch.mask, batch.instances, precision)

    @property
    def nbytes(self) -> int:
        """Of the inputs."""
        return sum(each.nbytes for each in self.tensors)

    def take(self, rows: np.ndarray) -> "HeldBatch":
        """Some of the instances, int [rows], perhaps several times: copies on the CPU, which nothing changes later."""
        index = torch.from_numpy(np.asarray(rows, np.int64))

        def chosen(tensor: torch.Tensor, axis: int | None) -> torch.Tensor:
            taken = tensor.detach() if axis is None else tensor.detach().index_select(axis, index.to(tensor.device))
            return taken.cpu()

        tensors = tuple(chosen(*each) for each in zip(self.tensors, self.axes, strict=True))
        mask = None if self.mask is None else chosen(self.mask, 0)
        return replace(self, tensors=tensors, mask=mask, count=len(rows))

    def batch(self, device: torch.device) -> Batch:
        """What the model is called with, on its device. The tensors can take part in gradients."""
        tensors: Iterator[torch.Tensor] = iter(self.tensors)

        def moved(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, copy=True)  # of an inference tensor, too, this is a plain one outside of that mode

        args, kwargs = map_tensors(self.arguments, lambda placeholder: moved(next(tensors)))
        return Batch(args, kwargs, None, self.count, None if self.mask is None else moved(self.mask))

    @property
    def signature(self) -> Any:
        """Equal for those that can be joined."""

        def described(tensor: torch.Tensor, axis: int | None) -> Any:
            if axis is not None:
                return axis, tensor.dtype, tensor.shape[:axis], tensor.shape[axis + 1 :]
            same: Any = id(tensor) if tensor.numel() > _COMPARED else repr(tensor.tolist())
            return None, tensor.dtype, tensor.shape, same

        tensors = tuple(described(*each) for each in zip(self.tensors, self.axes, strict=True))
        mask = None if self.mask is None else self.mask.shape[1:]
        return tensors, mask, self.precision, repr(self.arguments)


def batches_of(parts: Parts, most: int) -> Iterator[tuple[HeldBatch, np.ndarray]]:
    """The instances of parts in batches of at most `most`, those with inputs of equal shapes together.

    Yields batches, and the positions of their instances in the whole.
    """
    groups: dict[Any, list[tuple[HeldBatch, np.ndarray]]] = {}
    for held, positions in parts:
        assert isinstance(held, HeldBatch)
        groups.setdefault(held.signature, []).append((held, positions))
    for group in groups.values():
        whole = _joined([held for held, _ in group])
        positions = np.concatenate([each for _, each in group])
        for start in range(0, positions.size, most):
            rows = np.arange(start, min(positions.size, start + most))
            yield whole.take(rows), positions[rows]


def _joined(batches: Sequence[HeldBatch]) -> HeldBatch:
    first = batches[0]
    if len(batches) == 1:
        return first
    columns = zip(*(each.tensors for each in batches), strict=True)
    tensors = tuple(
        column[0] if axis is None else torch.cat(column, axis) for column, axis in zip(columns, first.axes, strict=True)
    )
    masks = [each.mask for each in batches if each.mask is not None]
    mask = torch.cat(masks) if masks else None
    return replace(first, tensors=tensors, mask=mask, count=sum(each.count for each in batches))
