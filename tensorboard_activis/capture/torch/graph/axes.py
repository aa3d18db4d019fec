"""Finds the batch axis (instances) and the neuron axis (features, channels) of every tensor in a forward pass.

Neither follows from the rank: a GELU inside a channels-last block, a Linear over tokens and a Conv1d over time all
give 3-D or 4-D tensors. The type of many modules and operators fixes the neuron axis; through all
others both axes are propagated from input to output.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

_CHANNEL_MODULES = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm)
_RECURRENT_MODULES = (nn.RNNBase,)
_LAST_MODULES = (
    nn.Linear,
    nn.Bilinear,
    nn.LayerNorm,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.MultiheadAttention,
    nn.Transformer,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)
_CHANNEL_TYPES = ("Conv", "BatchNorm", "InstanceNorm", "GroupNorm")
_LAST_TYPES = ("Linear", "LayerNorm", "RMSNorm", "Embedding", "LSTM", "GRU")

_CHANNEL_OPERATORS = ("conv", "batch_norm", "instance_norm", "group_norm")
_LAST_OPERATORS = (
    "linear",
    "layer_norm",
    "rms_norm",
    "embedding",
    "matmul",
    "bmm",
    "addmm",
    "einsum",
    "scaled_dot_product_attention",
    "multi_head_attention_forward",
)
#: Permutations: their arguments are axes, not sizes, so they are tried on a meta tensor whose sizes all differ.
_PERMUTING = {"permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "adjoint", "unsqueeze", "get"}


#: These keep the order of the elements.
_RESHAPING = {"view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as"}
#: These may merge the batch axis with positions.
_FLATTENING = {"view", "reshape", "flatten", "rearrange"}


@dataclass(frozen=True)
class Axes:
    """The batch axis and the neuron axis of a tensor; None where unknown.

    Attributes:
        batch: axis of the instances.
        neurons: axis of the neurons.
        flattened: the batch axis is [instances * positions], as where the tokens of all instances are one axis.
        gathered: an index that was computed from the data selected or reordered the rows, as where instances are routed to
            experts, so row i no longer belongs to instance i.
        rows: where an index of the batch axis gathered the rows, and nothing has mixed them since: which row each one was.
        row: of a tensor that belongs to a single instance: which row of the batch that is (`single_rows.py`).
    """

    batch: int | None = None
    neurons: int | None = None
    flattened: bool = False
    gathered: bool = False
    rows: torch.Tensor | None = field(default=None, compare=False, repr=False)
    row: int | None = field(default=None, compare=False, repr=False)

    def unflattened(self, shape: Sequence[int], instances: int) -> "tuple[tuple[int, ...], Axes]":
        """Shape and axes when [instances * positions] is made [instances, positions]; the same if it is not flattened."""
        if not self.flattened or self.batch is None:
            return tuple(shape), self
        neurons = None if self.neurons == self.batch else self.neurons
        if neurons is not None and neurons > self.batch:
            neurons += 1
        split = (instances, shape[self.batch] // max(instances, 1))
        return (*shape[: self.batch], *split, *shape[self.batch + 1 :]), Axes(self.batch, neurons)

    def neuron_axis(self, rank: int) -> int:
        """The neuron axis; where unknown, a guess by the rank: channels first for images and volumes, else the last axis."""
        if self.neurons is not None:
            return self.neurons
        return 1 if rank > 3 and self.batch == 0 else rank - 1


ShapeAndAxes = tuple[torch.Size, Axes]


def axes_after_module(
    module: nn.Module, key_path: str, shape: torch.Size, inputs: Sequence[ShapeAndAxes], instances: int
) -> Axes:
    """Axes of an output tensor of a module that is one node.

    Arguments:
        key_path: which tensor of the output this is; see `nested_tensors`.
        shape: of the tensor.
        inputs: shape and axes of the module's inputs that depend on the data.
        instances: in the batch.
    """
    rank = len(shape)
    batch, flattened = _batch_axis("", shape, inputs, instances)
    if _all_gathered(inputs):
        return Axes(None, rank - 1, gathered=True, rows=_gathered_rows("", shape, inputs))
    if isinstance(module, _RECURRENT_MODULES) and key_path.startswith("[1]") and rank == 3:
        batch, flattened = 1, False  # the states are [layers, instances, neurons] whatever batch_first says
    names = [base.__name__ for base in type(module).__mro__]
    if isinstance(module, _CHANNEL_MODULES) or any(name.startswith(_CHANNEL_TYPES) for name in names):
        return Axes(batch, min(1, rank - 1), flattened)
    if isinstance(module, _LAST_MODULES) or any(name.startswith(_LAST_TYPES) for name in names):
        return Axes(batch, rank - 1, flattened)
    return Axes(batch, _neuron_axis(shape, inputs, batch), flattened)


def axes_after_operator(
    name: str, call: Callable[[torch.Tensor], Any], shape: torch.Size, inputs: Sequence[ShapeAndAxes], instances: int
) -> Axes:
    """Axes of an operator's output.

    Arguments:
        call: the operator as a function of its first tensor, the other arguments fixed.
        shape: of the output.
        inputs: shape and axes of the operator's inputs that depend on the data.
        instances: in the batch.
    """
    axes = _after_operator(name, call, shape, inputs, instances)
    if _all_gathered(inputs):
        return Axes(None, axes.neurons, gathered=True, rows=_gathered_rows(name, shape, inputs))
    return axes


def _all_gathered(inputs: Sequence[ShapeAndAxes]) -> bool:
    """Whether the output is gathered: some input is, and no input has a batch axis."""
    return any(axes.gathered for _, axes in inputs) and all(axes.batch is None for _, axes in inputs)


def axes_of_packed(packed: PackedSequence, inputs: Sequence[Axes]) -> Axes:
    """Axes of packed sequences that a module gives, when they are padded: torch undoes its own sort by length, not the user's."""
    gathered = next((axes for axes in inputs if axes.gathered), None)
    if gathered is None:
        return Axes(0, 2)
    rows, own = gathered.rows, packed.sorted_indices
    in_order = rows is not None and own is not None and torch.equal(rows, own.to(rows.dtype))
    return Axes(0, 2, rows=rows) if in_order else Axes(None, 2, gathered=True, rows=rows)


def _gathered_rows(name: str, shape: torch.Size, inputs: Sequence[ShapeAndAxes]) -> torch.Tensor | None:
    """Which row each row of an output was before the inputs were gathered; None if that is unknown."""
    for source, axes in inputs:
        same_rows = name == "pack_padded_sequence" or source[:1] == shape[:1]
        if axes.rows is not None and same_rows:
            return axes.rows
    return None


def _after_operator(
    name: str, call: Callable[[torch.Tensor], Any], shape: torch.Size, inputs: Sequence[ShapeAndAxes], instances: int
) -> Axes:
    """As `axes_after_operator`, for inputs that are not gathered."""
    rank = len(shape)
    if name in _PERMUTING and len(inputs) == 1:
        moved = _after_permutation(call, *inputs[0])
        if moved is not None:
            return moved
    batch, flattened = _batch_axis(name, shape, inputs, instances)
    if name in _RESHAPING and len(inputs) == 1 and inputs[0][0].numel() == shape.numel():
        return Axes(batch, _after_reshape(inputs[0][0], inputs[0][1].neurons, shape), flattened)
    if name.startswith(_CHANNEL_OPERATORS):
        return Axes(batch, min(1, rank - 1), flattened)
    if name in _LAST_OPERATORS:
        return Axes(batch, rank - 1, flattened)
    return Axes(batch, _neuron_axis(shape, inputs, batch), flattened)


def axes_of_input(shape: torch.Size, instances: int) -> Axes:
    """Axes of an input of the model: the batch axis is the first whose size is the number of instances."""
    candidates = [axis for axis, size in enumerate(shape) if size == instances]
    return Axes(candidates[0] if candidates else None)


def _after_permutation(call: Callable[[torch.Tensor], Any], shape: torch.Size, axes: Axes) -> Axes | None:
    """Axes after a permutation, by trying it on a meta tensor; None if the operator is something else."""
    smallest = 101  # sizes from here on are all different and none is 1
    try:
        sizes = list(call(torch.empty([smallest + axis for axis in range(len(shape))], device="meta")).shape)
        batch = None if axes.batch is None else sizes.index(smallest + axes.batch)
        neurons = None if axes.neurons is None else sizes.index(smallest + axes.neurons)
    except Exception:  # an operator of another meaning under one of these names, e.g. a property that needs data
        return None
    return Axes(batch, neurons, axes.flattened)


def _batch_axis(
    name: str, shape: torch.Size, inputs: Sequence[ShapeAndAxes], instances: int
) -> tuple[int | None, bool]:
    """The batch axis of an output, and whether it is flattened with positions."""
    for source, axes in inputs:
        if axes.batch is None or not shape:
            continue
        size = source[axes.batch]
        if axes.flattened and size != instances and size in shape:
            stays = len(source) == len(shape) and shape[axes.batch] == size
            return axes.batch if stays else shape.index(size), True
        merged = shape[0] > instances and shape[0] % instances == 0
        if axes.batch == 0 and name in _FLATTENING and merged:
            return 0, True
    candidates = [axis for axis, size in enumerate(shape) if size == instances]
    batch_axes = [(source, axes.batch) for source, axes in inputs if axes.batch is not None]
    if not candidates:
        return None, False
    for source, batch in batch_axes:
        if len(source) == len(shape) and batch in candidates:
            return batch, False
    return candidates[0], False


def _after_reshape(source: torch.Size, axis: int | None, target: torch.Size) -> int | None:
    """Index of an axis after a reshape; None if the reshape split it."""
    if axis is None:
        return None
    inner = source[axis + 1 :].numel()  # the axis' elements lie from `inner` to `outer` apart
    outer = inner * source[axis]
    step = target.numel()
    for position, size in enumerate(target):
        step //= max(size, 1)
        if size > 1 and step <= inner and step * size >= outer:
            return position
    return None


def _neuron_axis(shape: torch.Size, inputs: Sequence[ShapeAndAxes], batch: int | None) -> int | None:
    """The neuron axis of an output, propagated from the inputs; None if no input has one."""
    neuron_axes = [(source, axes.neurons) for source, axes in inputs if axes.neurons is not None]
    if not neuron_axes or not shape:
        return None
    for source, axis in neuron_axes:
        if source == shape:
            return axis
    for source, axis in neuron_axes:
        if len(source) == len(shape) and axis != batch:
            return axis
    source, axis = neuron_axes[0]
    width = source[axis]
    equal = [position for position, size in enumerate(shape) if size == width and position != batch]
    return equal[-1] if equal else len(shape) - 1
