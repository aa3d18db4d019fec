"""The arithmetic of the reducers by name, over the array functions of any framework that calls them as numpy does.

Values are selected by the mask, never multiplied by it: padding may be NaN.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def reduce_positions(xp: Any, values: Any, real: Any, reducer: str) -> Any:
    """Reduces an output over its positions.

    Arguments:
        xp: the module of array functions, such as `keras.ops` or `jax.numpy`.
        values: float32 [instances, neurons, positions].
        real: bool [instances, positions], False for padding; None: no padding.
        reducer: a name, but not "none".

    Returns:
        float32 [instances, neurons]; NaN for an instance that is all padding.
    """
    if real is None:
        real = xp.ones_like(values[:, 0, :], dtype="bool")
    real = xp.expand_dims(real, 1)
    return xp.where(xp.any(real, axis=2), _REDUCTIONS[reducer](xp, values, real), np.nan)


def _mean(xp: Any, values: Any, real: Any) -> Any:
    count = xp.sum(xp.where(real, 1.0, 0.0), axis=2)
    return xp.sum(xp.where(real, values, 0.0), axis=2) / xp.maximum(count, 1.0)


def _max(xp: Any, values: Any, real: Any) -> Any:
    return xp.max(xp.where(real, values, -np.inf), axis=2)


def _std(xp: Any, values: Any, real: Any) -> Any:
    """The population standard deviation, from deviations, so that a large mean costs no precision."""
    deviations = xp.where(real, values - xp.expand_dims(_mean(xp, values, real), 2), 0.0)
    return xp.sqrt(_mean(xp, xp.square(deviations), real))


def _first(xp: Any, values: Any, real: Any) -> Any:
    return _numbered(xp, values, real, 1)


def _last(xp: Any, values: Any, real: Any) -> Any:
    # By counting, not by index: padding may be on the left.
    return _numbered(xp, values, real, xp.sum(xp.where(real, 1, 0), axis=2, keepdims=True))


def _numbered(xp: Any, values: Any, real: Any, number: Any) -> Any:
    """The value at the real position of this number, from 1."""
    chosen = xp.logical_and(real, xp.equal(xp.cumsum(xp.where(real, 1, 0), axis=2), number))
    return xp.sum(xp.where(chosen, values, 0.0), axis=2)


#: By name, functions of `xp`, values float32 [instances, neurons, positions] and real bool [instances, 1, positions]. The
#: result for an instance without a real position is replaced by NaN.
_REDUCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mean": _mean,
    "max": _max,
    "std": _std,
    "first": _first,
    "last": _last,
}


def real_first(ops: Any, real: Any) -> Any:
    """Which positions are real, in order, and then the others: int32, as `real` [..., positions]."""
    positions = ops.shape(real)[-1]
    places = ops.arange(positions, dtype="int32")
    return ops.cast(ops.argsort(ops.where(real, places, places + positions), axis=-1), "int32")
