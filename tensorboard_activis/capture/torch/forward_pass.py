"""A forward pass of the model: the batch that it was called with, and what it gave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from tensorboard_activis.capture.data.batch_forms import split_labels
from tensorboard_activis.capture.instances.patterns import Patterns
from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors, packed_sequences
from tensorboard_activis.capture.torch.data.padding import named_inputs, padding_mask
from tensorboard_activis.capture.torch.depth.hooks import PassRows
from tensorboard_activis.capture.torch.graph.call_stack import CallCounts
from tensorboard_activis.capture.torch.positions import PassPositions
from tensorboard_activis.errors import ActiVisError


@dataclass(frozen=True)
class Pass:
    """A forward pass that is over: what the model was called with, what it gave, and what its layers gave.

    Attributes:
        positions: where in the input the layers' neurons are active.
        error: why the model could not be recorded before this pass, if so; there are no activations then.
        is_own_output: whether the output is what the model gave, and not what the user says instead.
        rows: what prediction by depth is read of; None without it.
        patterns: of pinned instances, by layer of heads.
    """

    batch: Batch
    output: Any
    activations: Mapping[str, torch.Tensor]
    calls: CallCounts
    positions: PassPositions = field(default_factory=PassPositions)
    error: Exception | None = None
    is_own_output: bool = True
    rows: PassRows | None = None
    patterns: Mapping[str, Patterns] = field(default_factory=dict)

    def with_output(self, output: Any) -> "Pass":
        """The pass, with what the user says instead of the model's output, if anything."""
        return self if output is None else replace(self, output=output, is_own_output=False)


def last_fitting(passes: Sequence[Pass], instances: int) -> Pass | None:
    """The last pass of as many instances as a batch has; None if there were no passes. Raises ActiVisError if none has."""
    fitting = [done for done in passes if done.batch.instances == instances]
    if fitting or not passes:
        return fitting[-1] if fitting else None
    sizes = ", ".join(str(done.batch.instances) for done in passes)
    raise ActiVisError(
        f"For a batch of {instances} instances the model ran on {sizes}. Run it once on the whole batch."
    )


def instance_axis(done: Pass, instances: int, *, first: bool) -> int:
    """The axis of the model's first input that has as many instances as there are labels, other than the first axis.

    Arguments:
        first: whether the pass is the first of the evaluation.

    Raises:
        ActiVisError: there is none, or it comes too late.
    """
    shapes = [tuple(tensor.shape) for tensor in all_tensors([done.batch.args, done.batch.kwargs]) if tensor.dim()]
    if not first or instances not in shapes[0]:
        raise ActiVisError(
            f"batch() has {instances} labels, but the forward pass before it was of {done.batch.instances} instances, in "
            f"inputs of shape {shapes[0]}. Call it right after the pass that the labels belong to."
        )
    return shapes[0].index(instances)


def batch_of_call(
    args: tuple[Any, ...], kwargs: dict[str, Any], begun: Batch | None, axis: int, model: nn.Module
) -> Batch:
    """The batch that a call of the model is for.

    Arguments:
        args, kwargs: of the call.
        begun: the batch that was begun before, if any.
        axis: of the instances in the first input.
        model: that was called.

    Raises:
        ActiVisError: there is no tensor that tells the number of instances.
    """
    named = dict(kwargs)
    labels = split_labels(named)
    tensors = [tensor for tensor in all_tensors([args, named]) if tensor.dim()]
    packed = packed_sequences([args, named])
    if not tensors and packed:
        return Batch(args, kwargs, labels, int(packed[0].batch_sizes[0]), None)
    if not tensors:
        raise ActiVisError("The model was called without a tensor, so its instances cannot be told.")
    instances = tensors[0].shape[min(axis, tensors[0].dim() - 1)]
    if begun is not None and any(begun.instances in tensor.shape for tensor in tensors):
        instances = begun.instances
    mask = padding_mask(named_inputs(model, args, kwargs), instances)
    if mask is None and begun is not None and begun.mask is not None and instances == begun.instances:
        mask = begun.mask.to(tensors[0].device)
    return Batch(args, kwargs, labels, instances, mask)
