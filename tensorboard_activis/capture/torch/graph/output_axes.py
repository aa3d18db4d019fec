"""The axes of what a module or an operator gives in a forward pass that is recorded."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from tensorboard_activis.capture.torch.graph.axes import (
    Axes,
    axes_after_module,
    axes_after_operator,
    axes_of_input,
    axes_of_packed,
)
from tensorboard_activis.capture.torch.graph.indexing import axes_after_indexing
from tensorboard_activis.capture.torch.graph.products import axes_after_product
from tensorboard_activis.capture.torch.graph.single_rows import row_taken, with_rows
from tensorboard_activis.capture.torch.graph.tracked import RunningModule, TrackedTensor, sizes_of
from tensorboard_activis.capture.torch.model.modules import TensorOrPacked, runs_own_forward


def axes_of_operator_output(
    func: Callable[..., Any],
    name: str,
    args: Any,
    kwargs: Any,
    key_path: str,
    output: torch.Tensor,
    inputs: Sequence[TrackedTensor],
    tracked: Callable[[torch.Tensor], TrackedTensor | None],
    instances: int,
) -> Axes:
    """Axes of an output of an operator.

    Arguments:
        func, name, args, kwargs: the operator and its arguments.
        key_path: which tensor of the output this is.
        inputs: those that depend on the data.
        tracked: what is known of a tensor.
        instances: in the batch.
    """

    def call(first: torch.Tensor) -> Any:
        return func(first, *args[1:], **kwargs)

    def axes_of(value: Any) -> Axes | None:
        known = tracked(value) if isinstance(value, torch.Tensor) else None
        return None if known is None else known.axes

    shape = torch.Size(sizes_of(output))
    axes = axes_after_indexing(name, args, kwargs, shape, axes_of, instances)
    axes = axes or axes_after_product(name, args, axes_of)
    axes = axes or axes_after_operator(name, call, shape, [(value.sizes, value.axes) for value in inputs], instances)
    row = row_taken(name, args, kwargs, axes_of(args[0] if args else None), key_path) if instances > 1 else None
    if row is not None:
        return Axes(None, axes.neurons, row=row)
    return with_rows(axes, [value.axes for value in inputs], len(shape), instances)


def axes_of_module_output(
    module: nn.Module,
    key_path: str,
    output: TensorOrPacked,
    running: RunningModule | None,
    value: TrackedTensor | None,
    instances: int,
) -> Axes:
    """Axes of an output of a module.

    Arguments:
        key_path: which tensor of the output this is.
        running: the call of the module, if it is one node; None if it has nodes inside, through which axes are propagated.
        value: what is known of the output.
        instances: in the batch.
    """
    if not isinstance(output, torch.Tensor):
        known = [value] if value is not None else []
        return axes_of_packed(output, [each.axes for each in (running.inputs if running is not None else known)])
    if value is not None and (running is None or (value in running.made and not runs_own_forward(module))):
        return value.axes  # propagated through the operators inside, which have no nodes
    if running is None:
        return axes_of_input(torch.Size(sizes_of(output)), instances)
    shape, inputs = torch.Size(sizes_of(output)), [each.axes for each in running.inputs]
    axes = axes_after_module(module, key_path, shape, [(each.sizes, each.axes) for each in running.inputs], instances)
    return with_rows(axes, inputs, len(shape), instances)
