"""One number per neuron and instance, inside the backend's own computation, in float32."""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from keras import ops

from tensorboard_activis.errors import ActiVisError, ConfigurationError

#: A user's own: takes float32 [instances, neurons, positions], and bool [instances, positions] that is False where there is
#: no data (None: there is everywhere); gives [instances, neurons]. Written with `keras.ops`.
Reduce = Callable[[Any, Any], Any]
Reducer = str | Reduce

#: What `reducer` may be, besides a function.
REDUCERS = ("mean", "max", "first", "last", "none")


def check_reducer(reducer: object) -> None:
    """Refuses what is neither a reducer nor a dict of reducers by layer name or glob.

    Raises:
        ConfigurationError: see above.
    """
    choices = reducer.values() if isinstance(reducer, Mapping) else (reducer,)
    for choice in choices:
        if choice is not None and not callable(choice) and choice not in REDUCERS:
            raise ConfigurationError(
                f"reducer must be one of {', '.join(REDUCERS)}, a function of (values, mask), or a dict of these by layer "
                f"name or glob; got {choice!r}."
            )


def reducer_of(name: str, reducer: Reducer | Mapping[str, Reducer] | None) -> Reducer:
    """The reducer for one layer: its own name first, then the first glob that fits, else the mean."""
    if isinstance(reducer, Mapping):
        if name in reducer:
            return reducer[name]
        return next((value for glob, value in reducer.items() if fnmatchcase(name, glob)), "mean")
    return reducer or "mean"


def check_matches(reducer: Reducer | Mapping[str, Reducer] | None, names: Sequence[str]) -> None:
    """Raises ConfigurationError where a name or glob of `reducer` is that of no recorded layer."""
    for pattern in reducer if isinstance(reducer, Mapping) else ():
        if not any(name == pattern or fnmatchcase(name, pattern) for name in names):
            raise ConfigurationError(
                f"reducer: {pattern!r} matches none of the recorded layers, which are {', '.join(names)}."
            )


def reducer_name(reducer: Reducer, rank: int) -> str:
    """How it is recorded: "none" when every neuron has one number per instance already."""
    if rank <= 2:
        return "none"
    return reducer if isinstance(reducer, str) else getattr(reducer, "__name__", type(reducer).__name__)


def reduce_activations(output: Any, axis: int, reducer: Reducer = "mean", mask: Any = None) -> Any:
    """Reduce a layer's raw output over all axes but instances and neurons.

    Arguments:
        output: [instances, ...] of any rank and type of number.
        axis: of the neurons, counted without the batch axis.
        reducer: "mean", "max", "first", "last", "none", or a function.
        mask: bool, for the first axes of `output` ([instances, tokens]); False where there is nothing. None: all is there.

    Returns:
        float32 [instances, neurons]; NaN where the mask leaves nothing of an instance.

    Raises:
        ActiVisError: "none" with several axes, or a function that gives another shape.
    """
    # Before reducing: sums in bfloat16 are off, those in float16 overflow.
    output = ops.cast(output, "float32")
    rank = len(output.shape)
    if rank <= 2:
        return output if rank == 2 else ops.reshape(output, (-1, 1))
    others = [number for number in range(1, rank) if number != axis + 1]
    masked = mask is not None and len(mask.shape) <= axis + 1
    if not masked and reducer in ("mean", "max"):
        return (ops.mean if reducer == "mean" else ops.max)(output, axis=others)
    if reducer == "none":
        raise ActiVisError(
            f"The reducer 'none' needs outputs of two axes; this layer gives {tuple(output.shape)}. Use 'mean' or 'max'."
        )
    sizes = ops.shape(output)
    values = ops.reshape(ops.transpose(output, (0, axis + 1, *others)), (-1, sizes[axis + 1], _product(sizes, others)))
    real = None
    if masked:
        wide = ops.reshape(ops.cast(mask, "bool"), (*ops.shape(mask), *([1] * (rank - 1 - len(mask.shape)))))
        wide = ops.broadcast_to(wide, [sizes[number] for number in (0, *others)])
        real = ops.reshape(wide, (-1, _product(sizes, others)))
    return _over_positions(values, real, reducer)


def _over_positions(values: Any, real: Any, reducer: Reducer) -> Any:
    """The general case: values [instances, neurons, positions], real bool [instances, positions] or None."""
    if callable(reducer):
        reduced = reducer(values, real)
        if len(reduced.shape) != 2 or reduced.shape[1] != values.shape[1]:
            raise ActiVisError(
                f"The reducer {reducer_name(reducer, 3)} gave {tuple(reduced.shape)} for values of shape "
                f"{tuple(values.shape)}; [instances, neurons] was expected."
            )
        return ops.cast(reduced, "float32")
    if real is None:
        return values[:, :, 0] if reducer == "first" else values[:, :, -1]
    there = ops.expand_dims(real, 1)
    # Not multiplied by the mask: what lies in the padding may be NaN.
    if reducer == "max":
        reduced = ops.max(ops.where(there, values, -np.inf), axis=2)
    elif reducer == "mean":
        count = ops.sum(ops.cast(there, "float32"), axis=2)
        reduced = ops.sum(ops.where(there, values, 0.0), axis=2) / ops.maximum(count, 1.0)
    else:
        # Not the number of real positions minus one: padding may be on the left.
        number = ops.cumsum(ops.cast(real, "int32"), axis=1)
        which = 1 if reducer == "first" else ops.max(number, axis=1, keepdims=True)
        chosen = ops.expand_dims(ops.logical_and(real, ops.equal(number, which)), 1)
        reduced = ops.sum(ops.where(chosen, values, 0.0), axis=2)
    return ops.where(ops.any(there, axis=2), reduced, np.nan)


def _product(sizes: Any, axes: list[int]) -> Any:
    product = 1
    for number in axes:
        product = product * sizes[number]
    return product
