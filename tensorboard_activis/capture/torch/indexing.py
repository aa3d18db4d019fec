"""Operators that take rows out of a tensor and put rows back: which row is which instance afterwards.

Instances that are routed to experts, or ordered by their length, are no longer the rows of their number; what a layer gives
for them cannot be told apart by instance, though by chance there may be as many rows as instances.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from tensorboard_activis.capture.torch.axes import Axes, axes_of_input

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


def axes_after_indexing(
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    shape: torch.Size,
    of: Callable[[Any], Axes | None],
    instances: int,
) -> Axes | None:
    """The layout of what an operator gives that picks rows by an index, or puts them back; None for all others.

    Arguments:
        args, kwargs: the operator's.
        shape: of the output.
        of: the layout of a tensor that stems from the data; None for others.
    """
    source = args[0] if args else kwargs.get("input")
    axes = of(source)
    if name in _PUTTING:
        return axes if axes is not None else replace(axes_of_input(shape, instances), neurons=len(shape) - 1)
    if axes is None:
        return None
    if name in _FINDING and (len(args) == 1 or name == "masked_select"):
        return Axes(gathered=True)
    if name not in _PICKING or not isinstance(source, torch.Tensor):
        return None
    indices = _indices(name, args, kwargs)
    rank = len(shape)
    if axes.gathered:
        back = [
            axis for axis, index in indices if index.dtype != torch.bool and axis < rank and shape[axis] == instances
        ]
        return Axes(back[0], rank - 1) if back else None  # in order again, as after a sort by length
    for axis, index in indices:
        covered = axis + (index.dim() if index.dtype == torch.bool or name == "masked_select" else 1)
        if axes.batch is not None and axis <= axes.batch < covered:
            in_order = of(index) is None and _is_every_row(index, source.shape[axis])
            return None if in_order else Axes(None, rank - 1, gathered=True)
    return None


def _indices(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[tuple[int, torch.Tensor]]:
    """The tensors that say what is taken along which axis."""
    if name == "getitem":
        places = args[1] if isinstance(args[1], tuple) else (args[1],)
        found = []
        for place, index in enumerate(places):
            if index is Ellipsis or index is None:
                break
            index = torch.as_tensor(index) if isinstance(index, list) else index
            if isinstance(index, torch.Tensor) and index.dim():
                found.append((place, index))
        return found
    tensors = [value for value in (*args[1:], *kwargs.values()) if isinstance(value, torch.Tensor) and value.dim()]
    if name in ("masked_select", "take"):
        axis: Any = 0
    else:
        axis = kwargs.get("dim", next((value for value in args[1:] if isinstance(value, int)), None))
    return [(axis, tensors[0])] if tensors and isinstance(axis, int) and axis >= 0 else []


def _is_every_row(index: torch.Tensor, rows: int) -> bool:
    """Whether this is the index of one row after the other, as in `states[torch.arange(n), last]`."""
    index = index.reshape(index.shape[0], -1)[:, 0]
    return index.dtype != torch.bool and index.shape[0] == rows and bool((index.cpu() == torch.arange(rows)).all())
