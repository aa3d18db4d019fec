"""Propagates the batch axis through indexing, gather and scatter.

Where instances are routed to experts or sorted by length, row i of a tensor is no longer instance i. Activations of such a tensor
belong to no known instance, even if it happens to have as many rows as there are instances.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from tensorboard_activis.capture.torch.graph.axes import Axes, axes_of_input

#: Gather: these select by an index.
_GATHERING = {"getitem", "index_select", "gather", "take_along_dim", "masked_select", "take"}
#: The size of their output depends on the values.
_VALUE_DEPENDENT = {"nonzero", "argwhere", "where", "unique", "unique_consecutive", "masked_select"}
#: Scatter: these write into their first argument by an index.
_SCATTERING = {
    "setitem",
    "index_add",
    "index_copy",
    "index_put",
    "index_reduce",
    "scatter",
    "scatter_add",
    "scatter_reduce",
}


def axes_after_indexing(
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    shape: torch.Size,
    axes_of: Callable[[Any], Axes | None],
    instances: int,
) -> Axes | None:
    """Axes of the output of an operator that gathers or scatters by an index; None for all other operators.

    Arguments:
        name: of the operator.
        args, kwargs: its arguments.
        shape: of its output.
        axes_of: gives the axes of a tensor that depends on the data, None for others.
        instances: in the batch.
    """
    source = args[0] if args else kwargs.get("input")
    axes = axes_of(source)
    if name in _SCATTERING:
        return axes if axes is not None else replace(axes_of_input(shape, instances), neurons=len(shape) - 1)
    if axes is None:
        return None
    if name in _VALUE_DEPENDENT and (len(args) == 1 or name == "masked_select"):
        return Axes(gathered=True)
    if name not in _GATHERING or not isinstance(source, torch.Tensor):
        return None
    indices = _indices(name, args, kwargs)
    rank = len(shape)
    if axes.gathered:
        batch_axes = [
            axis for axis, index in indices if index.dtype != torch.bool and axis < rank and shape[axis] == instances
        ]
        # In the order of the instances again, as where a sort by length is undone.
        return Axes(batch_axes[0], rank - 1) if batch_axes else None
    for axis, index in indices:
        covered = axis + (index.dim() if index.dtype == torch.bool or name == "masked_select" else 1)
        if axes.batch is not None and axis <= axes.batch < covered:
            in_order = axes_of(index) is None and _selects_all_in_order(index, source.shape[axis])
            return None if in_order else Axes(None, rank - 1, gathered=True)
    return None


def _indices(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[tuple[int, torch.Tensor]]:
    """The index tensors, each with the axis that it indexes."""
    if name == "getitem":
        subscripts = args[1] if isinstance(args[1], tuple) else (args[1],)
        indices = []
        for position, index in enumerate(subscripts):
            if index is Ellipsis or index is None:
                break
            index = torch.as_tensor(index) if isinstance(index, list) else index
            if isinstance(index, torch.Tensor) and index.dim():
                indices.append((position, index))
        return indices
    tensors = [value for value in (*args[1:], *kwargs.values()) if isinstance(value, torch.Tensor) and value.dim()]
    if name in ("masked_select", "take"):
        axis: Any = 0
    else:
        axis = kwargs.get("dim", next((value for value in args[1:] if isinstance(value, int)), None))
    return [(axis, tensors[0])] if tensors and isinstance(axis, int) and axis >= 0 else []


def _selects_all_in_order(index: torch.Tensor, size: int) -> bool:
    """Whether an index selects all rows in order, as in `states[torch.arange(n), last]`."""
    index = index.reshape(index.shape[0], -1)[:, 0]
    return index.dtype != torch.bool and index.shape[0] == size and bool((index.cpu() == torch.arange(size)).all())
