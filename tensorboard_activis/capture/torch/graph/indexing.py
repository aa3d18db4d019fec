"""Propagates the batch axis through indexing, gather and scatter.

Where instances are routed to experts or sorted by length, row i of a tensor is no longer instance i, until that is undone.
Activations of such a tensor belong to no known instance, even if it happens to have as many rows as there are instances.
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
#: These give their values in another order along an axis, or some of them; with the position of that axis in the arguments.
_REORDERING = {"sort": 1, "argsort": 1, "topk": 2, "flip": 1, "roll": 2}


def axes_after_indexing(
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    shape: torch.Size,
    axes_of: Callable[[Any], Axes | None],
    instances: int,
) -> Axes | None:
    """Axes of the output of an operator that gathers, scatters or reorders; None for all other operators.

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
        return axes if axes is not None else _axes_of_target(shape, instances)
    if axes is None:
        return None
    if name in _REORDERING and axes.batch is not None and axes.batch in _reordered(name, args, kwargs):
        return Axes(None, axes.neurons, gathered=True)
    if name in _VALUE_DEPENDENT and (len(args) == 1 or name == "masked_select"):
        return Axes(gathered=True)
    if name not in _GATHERING or not isinstance(source, torch.Tensor):
        return None
    indices = _indices(name, args, kwargs)
    rank = len(shape)
    if (
        axes.rows is not None
        and len(axes.rows) == source.shape[0]
        and len(indices) == 1
        and _is_of_rows(*indices[0], 0)
    ):
        return _axes_of_rows(axes.rows[indices[0][1].to(axes.rows.device)], rank, instances)
    if axes.gathered:
        batch_axes = [
            axis for axis, index in indices if index.dtype != torch.bool and axis < rank and shape[axis] == instances
        ]
        # In the order of the instances again, as where a sort by length is undone.
        return Axes(batch_axes[0], rank - 1) if batch_axes else None
    for axis, index in indices:
        covered = axis + (index.dim() if index.dtype == torch.bool or name == "masked_select" else 1)
        if axes.batch is not None and axis <= axes.batch < covered:
            if axes_of(index) is None and _selects_all_in_order(index, source.shape[axis]):
                return None
            if axes == Axes(0, axes.neurons) and _selects_one_of_each(index):
                return Axes(0, rank - 1)
            return Axes(None, rank - 1, gathered=True, rows=index if _is_of_rows(axis, index, axes.batch) else None)
    return None


def _axes_of_target(shape: torch.Size, instances: int) -> Axes:
    """Axes of a tensor that does not depend on the data, such as zeros, once data were scattered into it."""
    if shape and shape[0] > instances and shape[0] % instances == 0:
        return Axes(0, len(shape) - 1, flattened=True)
    return replace(axes_of_input(shape, instances), neurons=len(shape) - 1)


def _reordered(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> set[int]:
    """The axes along which an operator of `_REORDERING` reorders."""
    rank = args[0].dim() if args else kwargs["input"].dim()
    place = _REORDERING[name]
    dims = kwargs.get("dim", kwargs.get("dims", args[place:] if name == "flip" else args[place : place + 1]))
    axes = [dims] if isinstance(dims, int) else dims[0] if dims and not isinstance(dims[0], int) else dims
    whole = [axis for axis in axes if isinstance(axis, int) and not isinstance(axis, bool)]
    default = range(rank) if name == "roll" else [-1]
    return {axis % rank for axis in whole or default} if rank else set()


def _is_of_rows(axis: int, index: torch.Tensor, batch: int) -> bool:
    """Whether an index gives one number for each row that it takes of the batch axis."""
    return axis == batch and index.dim() == 1 and index.dtype != torch.bool


def _axes_of_rows(rows: torch.Tensor, rank: int, instances: int) -> Axes:
    """Axes of gathered rows that were gathered again: those of the instances where that puts them back in their order."""
    if rows.numel() and rows.numel() % instances == 0:
        count = int(rows.max()) + 1
        repeated = torch.arange(count, device=rows.device).repeat_interleave(max(rows.numel() // count, 1))
        if count % instances == 0 and torch.equal(rows, repeated.to(rows.dtype)):
            return Axes(0, rank - 1, flattened=rows.numel() > instances)
    return Axes(None, rank - 1, gathered=True, rows=rows)


def _selects_one_of_each(index: torch.Tensor) -> bool:
    """Whether a mask of instances and positions selects one position of each instance, such as the end of each text."""
    return index.dtype == torch.bool and index.dim() > 1 and bool((index.flatten(1).sum(1) == 1).all())


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
