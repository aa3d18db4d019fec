"""Follows instances that a model takes out of a batch one by one, and notices where it joins them again in another order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from tensorboard_activis.capture.torch.graph.axes import Axes


def row_taken(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], axes: Axes | None, part: str) -> int | None:
    """Which row of the batch an operator takes out alone, as `x[3]`, `x[3, :length]` and `x.unbind()` do; None for all others.

    Arguments:
        name, args, kwargs: the operator and its arguments.
        axes: of its first argument; None if that does not depend on the data.
        part: key path of the output, such as "[3]" for the fourth of several.
    """
    source = args[0] if args else None
    if axes is None or axes.batch is None or axes.gathered or axes.flattened or not isinstance(source, torch.Tensor):
        return None
    if name == "unbind":
        axis = kwargs.get("dim", args[1] if len(args) > 1 else 0)
        return int(part[1:-1]) if axis % source.dim() == axes.batch and part[1:-1].isdecimal() else None
    if name == "select" and len(args) == 3:
        place, row = args[1] % source.dim(), args[2]
    elif name == "getitem" and axes.batch == 0:
        place, row = 0, args[1][0] if isinstance(args[1], tuple) and args[1] else args[1]
    else:
        return None
    taken = place == axes.batch and isinstance(row, int) and not isinstance(row, bool)
    return row % source.size(place) if taken else None


def with_rows(axes: Axes, inputs: Sequence[Axes], rank: int, instances: int) -> Axes:
    """The axes of an output, where some of the inputs are single rows of the batch.

    An operator on one row gives what belongs to that row. One on a row for each instance joins them: in their order they are the
    instances again, in any other order they are gathered.

    Arguments:
        axes: of the output, but for that.
        inputs: axes of all inputs that depend on the data.
        rank: of the output.
        instances: in the batch.
    """
    rows = [each.row for each in inputs if each.row is not None]
    if not rows:
        return axes
    if len(set(rows)) == 1:
        return Axes(None, axes.neurons, row=rows[0]) if len(rows) == len(inputs) and axes.batch is None else axes
    if sorted(rows) == list(range(instances)) and rows != list(range(instances)):
        return replace(axes, batch=None, neurons=rank - 1, flattened=False, gathered=True, rows=torch.tensor(rows))
    return axes
