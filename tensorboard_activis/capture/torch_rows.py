"""Operators that take rows out of a tensor and put rows back: which row is which instance afterwards.

Instances that are routed to experts, or ordered by their length, are no longer the rows of their number; what a layer gives
for them cannot be told apart by instance, though by chance there may be as many rows as instances.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from tensorboard_activis.capture.torch_axes import Layout, of_input

#: These take rows by an index.
_PICKING = {"getitem", "index_select", "gather", "take_along_dim", "masked_select", "take"}
#: How many rows come out depends on the values.
_FINDING = {"nonzero", "argwhere", "where", "unique", "unique_consecutive", "masked_select"}
#: These put rows back into their first argument.
_PUTTING = {
    "setitem",
    "index_add",
    "index_copy",
    "index_put",
    "index_reduce",
    "scatter",
    "scatter_add",
    "scatter_reduce",
}


def through_rows(
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    shape: torch.Size,
    of: Callable[[Any], Layout | None],
    instances: int,
) -> Layout | None:
    """The layout of what an operator gives that picks rows by an index, or puts them back; None for all others.

    Arguments:
        args, kwargs: the operator's.
        shape: of the output.
        of: the layout of a tensor that stems from the data; None for others.
    """
    source = args[0] if args else kwargs.get("input")
    layout = of(source)
    if name in _PUTTING:
        return layout if layout is not None else replace(of_input(shape, instances), neurons=len(shape) - 1)
    if layout is None:
        return None
    if name in _FINDING and (len(args) == 1 or name == "masked_select"):
        return Layout(picked=True)
    if name not in _PICKING or not isinstance(source, torch.Tensor):
        return None
    axis = 0 if layout.batch is None else layout.batch
    index = _index_of_rows(name, args, kwargs, axis)
    if index is None or (of(index) is None and _is_every_row(index, source.shape[axis])):
        return None
    if layout.picked and index.dtype != torch.bool and shape and shape[0] == instances:
        return Layout(0, len(shape) - 1)  # back in order, as after a sort by length
    return Layout(None, len(shape) - 1, picked=True) if layout.batch is not None or layout.picked else None


def _index_of_rows(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], axis: int) -> torch.Tensor | None:
    """The tensor that says which rows are taken, if one does."""
    if name == "getitem":
        indices = args[1] if isinstance(args[1], tuple) else (args[1],)
        if any(index is Ellipsis or index is None for index in indices[: axis + 1]) or len(indices) <= axis:
            return None
        found = indices[axis]
    elif name in ("masked_select", "take"):
        found = args[1] if len(args) > 1 else None
    else:
        axis_of = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if name == "take_along_dim":
            axis_of = kwargs.get("dim", args[2] if len(args) > 2 else None)
        found = kwargs.get("index", next((arg for arg in args[1:] if isinstance(arg, torch.Tensor)), None))
        if axis_of != axis:
            return None
    if isinstance(found, list):
        found = torch.as_tensor(found)
    return found if isinstance(found, torch.Tensor) and found.dim() else None


def _is_every_row(index: torch.Tensor, rows: int) -> bool:
    """Whether this is the index of one row after the other, as in `states[torch.arange(n), last]`."""
    index = index.reshape(index.shape[0], -1)[:, 0]
    return index.dtype != torch.bool and index.shape[0] == rows and bool((index.cpu() == torch.arange(rows)).all())
