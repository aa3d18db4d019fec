"""Reduces layer outputs to one float32 number per neuron and instance, with the operators of the backend."""

from typing import Any

from keras import ops

from tensorboard_activis.capture.reducers import Reducer, check_reduced, no_positions_error
from tensorboard_activis.capture.reductions import reduce_positions


def reduce_activations(output: Any, axis: int, reducer: Reducer = "mean", mask: Any = None) -> Any:
    """Reduces a layer's raw output over all axes but instances and neurons.

    Arguments:
        output: [instances, ...] of any rank and numeric type.
        axis: the neuron axis, counted without the batch axis.
        reducer: one of REDUCERS, or a function.
        mask: bool, for the first axes of `output` ([instances, positions]), False for padding. None: no padding.

    Returns:
        float32 [instances, neurons]; NaN for an instance that is all padding.

    Raises:
        ActiVisError: the reducer is "none" for more than two axes, or a function that returns another shape.
    """
    # Before reducing, because sums in bfloat16 are inaccurate and those in float16 overflow.
    output = ops.cast(output, "float32")
    rank = len(output.shape)
    if rank <= 2:
        return output if rank == 2 else ops.reshape(output, (-1, 1))
    others = [number for number in range(1, rank) if number != axis + 1]
    masked = mask is not None and len(mask.shape) <= axis + 1
    if not masked and reducer in ("mean", "max"):
        return (ops.mean if reducer == "mean" else ops.max)(output, axis=others)
    if reducer == "none":
        raise no_positions_error(output.shape)
    sizes = ops.shape(output)
    values = ops.reshape(ops.transpose(output, (0, axis + 1, *others)), (-1, sizes[axis + 1], _product(sizes, others)))
    real = None
    if masked:
        wide = ops.reshape(ops.cast(mask, "bool"), (*ops.shape(mask), *([1] * (rank - 1 - len(mask.shape)))))
        wide = ops.broadcast_to(wide, [sizes[number] for number in (0, *others)])
        real = ops.reshape(wide, (-1, _product(sizes, others)))
    return _over_positions(values, real, reducer)


def _over_positions(values: Any, real: Any, reducer: Reducer) -> Any:
    """Reduces values [instances, neurons, positions]; real is bool [instances, positions], False for padding, or None."""
    if callable(reducer):
        reduced = reducer(values, real)
        check_reduced(reducer, values.shape, reduced.shape)
        return ops.cast(reduced, "float32")
    return reduce_positions(ops, values, real, reducer)


def _product(sizes: Any, axes: list[int]) -> Any:
    product = 1
    for number in axes:
        product = product * sizes[number]
    return product
