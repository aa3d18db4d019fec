"""What the tracer remembers while a forward pass runs: tensors that depend on the input, and the modules that run.

It keeps no tensor alive, so that a recorded pass needs no more memory than any other. A tensor is known by its identity, which
Python may give to another one after its death; a weak reference tells the two apart.
"""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from tensorboard_activis import schema
from tensorboard_activis.capture.torch.attention.figures import Heads
from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.call_stack import Frame
from tensorboard_activis.capture.torch.model.modules import TensorOrPacked


@dataclass(eq=False)
class TrackedTensor:
    """What is known of a tensor that depends on the input; two of these are equal only if they are the same.

    Attributes:
        reference: to the tensor, weak.
        sizes, dtype: of the tensor, as in `schema.Shape`.
        producer: key of the node that made it; "" if only its shape depends on the input.
        axes: of the tensor.
    """

    reference: "weakref.ref[torch.Tensor]"
    sizes: torch.Size
    dtype: str
    producer: str
    axes: Axes

    def shape(self, instances: int) -> schema.Shape:
        """As the graph shows it."""
        return shape_of(self.sizes, self.dtype, self.axes, instances)


class TrackedTensors:
    """The tensors that depend on the input, each as long as the forward pass itself keeps it."""

    def __init__(self) -> None:
        self._by_id: dict[int, TrackedTensor] = {}

    def add(self, tensor: torch.Tensor, producer: str, axes: Axes) -> TrackedTensor:
        """Tracks a tensor; again, where an operator has changed it in place."""
        tracked = TrackedTensor(weakref.ref(tensor), torch.Size(sizes_of(tensor)), dtype_of(tensor), producer, axes)
        self._by_id[id(tensor)] = tracked
        return tracked

    def get(self, tensor: torch.Tensor) -> TrackedTensor | None:
        """What is known of a tensor; None if it does not depend on the input."""
        tracked = self._by_id.get(id(tensor))
        return tracked if tracked is not None and tracked.reference() is tensor else None


@dataclass
class SeenHeads:
    """The heads of an attention: in which call it ran, how many ran there before it, and whether they look at another sequence."""

    heads: Heads
    frame: Frame
    ordinal: int
    cross: bool


@dataclass
class RunningModule:
    """A module call that is running: its inputs that depend on the data, the tensors made in it, the heads of its attention."""

    frame: Frame
    inputs: list[TrackedTensor]
    shapes: str
    made: set[TrackedTensor] = field(default_factory=set)
    child_ran: bool = False
    heads: SeenHeads | None = None


def sizes_of(tensor: TensorOrPacked) -> tuple[int, ...]:
    """Shape of a tensor; of packed sequences and nested tensors, the shape when padded."""
    if not isinstance(tensor, torch.Tensor):  # packed sequences: as they are when padded
        return (int(tensor.batch_sizes[0]), len(tensor.batch_sizes), *tensor.data.shape[1:])
    if tensor.is_nested:
        return tuple(torch.nested.to_padded_tensor(tensor, 0.0).shape)
    return tuple(tensor.shape)


def shape_of(sizes: Sequence[int], dtype: str, axes: Axes, instances: int) -> schema.Shape:
    """The shape that the graph shows of a tensor, with -1 for the instances."""
    unflattened, axes = axes.unflattened(sizes, instances)
    shown = list(unflattened)
    if axes.batch is not None and axes.batch < len(shown):
        shown[axes.batch] = -1
    return schema.Shape(tuple(shown), dtype)


def dtype_of(tensor: TensorOrPacked) -> str:
    """Name of the type of a tensor's values, such as "float32"."""
    data = tensor if isinstance(tensor, torch.Tensor) else tensor.data
    return str(data.dtype).removeprefix("torch.")


def described(tensor: TensorOrPacked) -> str:
    """Shape and type, for messages."""
    return f"{sizes_of(tensor)} {dtype_of(tensor)}"
