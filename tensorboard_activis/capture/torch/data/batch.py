"""The normalized form of a batch, and operations on all tensors of a nested value."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from tensorboard_activis.capture.data.batch_forms import is_graph
from tensorboard_activis.capture.distributed.processes import Processes, broadcast
from tensorboard_activis.capture.distributed.serialization import SerializationError, serialize
from tensorboard_activis.capture.torch.distributed.serialization import DECODERS, encode
from tensorboard_activis.capture.torch.model.modules import nested_tensors
from tensorboard_activis.errors import ConfigurationError


@dataclass(frozen=True)
class Batch:
    """A batch of evaluation data, split into the model's inputs, labels and texts.

    Attributes:
        args, kwargs: what the model is called with.
        labels: as the data loader gave them; None if there are none.
        instances: how many the batch has.
        mask: bool [instances, positions], False in padding; None without padding mask.
        texts: one text or list of tokens per instance, None if unknown.
        raw: the whole batch as the data loader gave it.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    labels: Any
    instances: int
    mask: torch.Tensor | None
    texts: Sequence[str] | Sequence[Sequence[str]] | None = None
    raw: Any = None


def map_tensors(
    value: Any,
    function: Callable[[torch.Tensor], torch.Tensor],
    packed: Callable[[nn.utils.rnn.PackedSequence], nn.utils.rnn.PackedSequence] = lambda sequences: sequences,
) -> Any:
    """Applies a function to every tensor of a nested value and returns the result; numpy arrays become tensors first.

    Packed sequences are changed by the function `packed`, and stay as they are without it.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiubc":
        value = torch.as_tensor(value)
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(inner, function, packed) for key, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        if isinstance(value, nn.utils.rnn.PackedSequence):
            return packed(value)
        return type(value)(*(map_tensors(inner, function, packed) for inner in value))
    if isinstance(value, (list, tuple)):
        return type(value)(map_tensors(inner, function, packed) for inner in value)
    if is_graph(value):
        graph = copy.copy(value)
        for name, inner in value.to_dict().items():
            setattr(graph, name, map_tensors(inner, function, packed))
        return graph
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{entry.name: map_tensors(getattr(value, entry.name), function, packed) for entry in fields(value)}
        )
    return value


def all_tensors(value: Any) -> list[torch.Tensor]:
    """Every tensor of a nested value, in order."""
    tensors: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        tensors.append(tensor)
        return tensor

    map_tensors(value, keep)
    return tensors


def packed_sequences(value: Any) -> list[nn.utils.rnn.PackedSequence]:
    """Every packed sequence of a nested value, in order; `all_tensors` has none of them."""
    return [each for _, each in nested_tensors(value) if not isinstance(each, torch.Tensor)]


def first_instances(batch: Batch, count: int, choice: int = 0) -> Batch:
    """The first `count` instances of a batch; the batch itself if it has no more, or cannot be divided, as graphs cannot.

    Arguments:
        choice: which axis is that of the instances, among those of a tensor that are as long as the batch has instances.
    """
    if batch.instances <= count or not is_divisible(batch):
        return batch

    def shorten(tensor: torch.Tensor) -> torch.Tensor:
        batch_axes = _batch_axes(tensor, batch.instances)
        return _first_rows(tensor, batch_axes[min(choice, len(batch_axes) - 1)], count) if batch_axes else tensor

    mask = None if batch.mask is None else batch.mask[:count]
    return Batch(map_tensors(batch.args, shorten), map_tensors(batch.kwargs, shorten), batch.labels, count, mask)


def axis_choices(batch: Batch) -> list[int]:
    """The instance axis of the first input by the choices of `first_instances`: several where other axes are as long."""
    tensors = [each for each in all_tensors([batch.args, batch.kwargs]) if each.dim()]
    batch_axes = [_batch_axes(each, batch.instances) for each in tensors]
    own = batch_axes[0] if batch_axes else []
    most = max((len(axes) for axes in batch_axes), default=0)
    return [own[min(choice, len(own) - 1)] if own else 0 for choice in range(max(1, most))]


def _batch_axes(tensor: torch.Tensor, instances: int) -> list[int]:
    return [axis for axis, size in enumerate(tensor.shape) if size == instances]


def _first_rows(tensor: torch.Tensor, axis: int, count: int) -> torch.Tensor:
    if tensor.layout is torch.strided:
        return tensor.narrow(axis, 0, count)
    rows = torch.arange(count, device=tensor.device)
    chosen: torch.Tensor = tensor.to_sparse_coo().index_select(axis, rows)
    shortened: torch.Tensor = chosen.to_sparse(layout=tensor.layout)
    return shortened


def is_divisible(batch: Batch) -> bool:
    """Whether a part of the instances is a batch: some input has a row for each, and none holds pairs of rows, as edges are.

    Packed and nested sequences stay together.
    """
    tensors = all_tensors([batch.args, batch.kwargs])
    if any(tensor.is_nested for tensor in tensors) or packed_sequences([batch.args, batch.kwargs]):
        return False
    rows = max((tensor.shape[0] for tensor in tensors if tensor.dim()), default=0)

    def holds_edges(tensor: torch.Tensor) -> bool:
        pairs = tensor.dim() == 2 and tensor.shape[0] == 2 and tensor.dtype == torch.int64 and tensor.numel() > 0
        return pairs and batch.instances != 2 and int(tensor.max()) < rows

    return any(batch.instances in tensor.shape for tensor in tensors) and not any(map(holds_edges, tensors))


def broadcast_batch(processes: Processes, local: Batch | None) -> Batch | None:
    """Broadcasts the batch of the first process that has one to all processes; the others get it without `texts` and `raw`.

    If one of the batches cannot be serialized, each process gets its own back.

    Raises:
        ConfigurationError: this process has no batch, and that of the other process cannot be serialized.
    """
    if processes.size == 1:
        return local
    content = None if local is None else (local.args, local.kwargs, local.labels, local.instances, local.mask)
    try:
        sendable = content is None or bool(serialize(content, encode))
    except SerializationError:
        sendable = False
    if processes.any(not sendable):
        if local is None:
            raise ConfigurationError(
                "This process has no data, and the batches of others, by which it would know what the model takes, cannot be sent "
                "to it: they hold more than tensors, numpy arrays, numbers and texts, in lists, tuples and dicts. Give every "
                "process some data."
            )
        return local
    received = broadcast(processes, content, encode, DECODERS)
    return local if received is content or received is None else Batch(*received)
