"""Reduces layer outputs to one float32 number per neuron and instance, with JAX, also while it traces."""

import math
from typing import Any

import jax.numpy as jnp

from tensorboard_activis.capture.recorded_layers import Axes
from tensorboard_activis.capture.reducers import Reducer, check_reduced, no_positions_error
from tensorboard_activis.capture.reductions import reduce_positions


def reduce_activations(output: Any, axes: Axes, reducer: Reducer = "mean", mask: Any = None) -> Any:
    """Reduces a layer's raw output over all axes but instances and neurons.

    Arguments:
        output: of any rank and numeric type.
        axes: which of its axes are instances and neurons.
        reducer: one of REDUCERS, or a function.
        mask: bool [instances, positions], False for padding; used if the output has an axis of that length.

    Returns:
        float32 [instances, neurons]; NaN for an instance that is all padding.

    Raises:
        ActiVisError: the reducer is "none" for more than two axes, or a function that returns another shape.
    """
    # Before reducing, because sums in bfloat16 are inaccurate and those in float16 overflow.
    output = (jnp.abs(output) if jnp.iscomplexobj(output) else output).astype(jnp.float32)
    if output.ndim == 1:
        return output[:, None]
    output = jnp.moveaxis(output, (axes.batch, axes.neurons), (0, 1))
    if output.ndim == 2:
        return output
    if reducer == "none":
        raise no_positions_error(output.shape)
    real = None
    sequences = [axis for axis in range(2, output.ndim) if mask is not None and output.shape[axis] == mask.shape[1]]
    if sequences:
        output = jnp.moveaxis(output, sequences[0], 2)
        real = jnp.repeat(mask, math.prod(output.shape[3:]), axis=1)
    values = output.reshape(*output.shape[:2], -1)
    if not callable(reducer):
        return reduce_positions(jnp, values, real, reducer)
    reduced = jnp.asarray(reducer(values, real))
    check_reduced(reducer, values.shape, reduced.shape)
    return reduced.astype(jnp.float32)
