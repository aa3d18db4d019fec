"""Where in the input neurons are active, with the operators of the backend, inside the compiled forward pass.

Of every batch only what can be among a neuron's strongest leaves the device: at most k maps of each neuron, averaged down, where it
is known which instances will be in the sample.
"""

from typing import Any

import numpy as np
from keras import ops

from tensorboard_activis.capture.batch_positions import PINNED, PINNED_POSITIONS, STORED, WINDOW, pinned_sizes
from tensorboard_activis.capture.reductions import real_first

#: Axes of positions that are recorded.
_MOST_AXES = 3
_LARGEST = 65504.0
#: What `layer_positions` gives with an axis of instances.
BY_INSTANCE = ("peaks", "real", "whole")


def layer_positions(output: Any, axis: int, mask: Any, values: Any, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """Reads the positions of a layer's raw output.

    Arguments:
        output: [instances, ...] of any rank and numeric type.
        axis: the neuron axis, counted without the batch axis.
        mask: bool [instances, positions], False for padding. None: no padding.
        values: the activations, float32 [instances, neurons].
        wanted: of which instances the maps are chosen, see `Wanted`; empty for pinned instances, whose maps are read whole.

    Returns:
        `peaks`, int32 [instances, neurons]; `sizes`, int32 [axes]; of a sequence also `real`, bool [instances, positions].
        Of the chosen: `rows`, int32 [chosen, neurons], and `maps`, float32 [chosen, neurons, *stored sizes], of a sequence the
        windows from `starts`, int32 [chosen, neurons], on. Of pinned instances: `whole`, float32 [instances, neurons, *stored
        sizes]. None for an output without positions.
    """
    rank = len(output.shape)
    others = [number for number in range(1, rank) if number != axis + 1]
    if not 1 <= len(others) <= _MOST_AXES or (mask is not None and (len(mask.shape) != 2 or axis < 1)):
        return None
    ordered = ops.cast(ops.transpose(output, (0, axis + 1, *others)), "float32")
    if mask is not None and rank > 3:
        ordered = ops.max(ordered, axis=list(range(3, rank)))
    instances, neurons, *sizes = ops.shape(ordered)
    positions = _product(sizes)
    flat = ops.reshape(ordered, (-1, neurons, positions))
    found = {"sizes": ops.stack([ops.cast(size, "int32") for size in sizes])}
    known = ops.logical_not(ops.isnan(flat))
    real = None
    if mask is not None or (len(others) == 1 and axis == 1):
        real = ops.ones_like(flat[:, 0, :], dtype="bool") if mask is None else ops.cast(mask, "bool")
        found["real"] = real
        if mask is not None:
            known = ops.logical_and(known, ops.expand_dims(real, 1))
    places = ops.cast(ops.argmax(ops.where(known, flat, -np.inf), axis=2), "int32")
    numbers = places
    if mask is not None:
        numbers = ops.take_along_axis(ops.cumsum(ops.cast(real, "int32"), axis=1) - 1, places, axis=1)
    found["peaks"] = peaks = ops.where(ops.any(known, axis=2), numbers, -1)
    if wanted:
        rows = _chosen(values, wanted)
        maps = ops.take(ops.reshape(flat, (-1, positions)), rows * neurons + ops.arange(neurons, dtype="int32"), axis=0)
        found["rows"] = rows
        if real is None:
            found["maps"] = _pooled(maps, sizes, [_at_most(size, STORED[len(sizes)]) for size in sizes])
        else:
            peaks = ops.take_along_axis(peaks, rows, axis=0)
            found["maps"], found["starts"] = _windows(maps, ops.take(real, rows, axis=0), peaks)
    elif real is None:
        fixed = all(isinstance(size, int) for size in (neurons, *sizes))
        stored = (
            pinned_sizes(tuple(sizes), neurons) if fixed else [_at_most(size, PINNED[len(sizes)]) for size in sizes]
        )
        found["whole"] = _pooled(flat, sizes, stored)
    else:
        columns = real_first(ops, real)[:, None, :PINNED_POSITIONS]
        count = ops.sum(ops.cast(real, "int32"), axis=1)[:, None, None]
        inside = ops.arange(ops.shape(columns)[2], dtype="int32") < count
        whole = ops.take_along_axis(
            flat, ops.broadcast_to(columns, (instances, neurons, ops.shape(columns)[2])), axis=2
        )
        found["whole"] = ops.where(inside, whole, np.nan)
    return found


def _chosen(values: Any, wanted: dict[str, Any]) -> Any:
    """The strongest instances of each neuron, int32 [chosen, neurons]; of equal ones those that come first in `order`."""
    order, kept, ranks = wanted["order"], wanted["kept"], wanted["ranks"]
    # Compared as they are recorded.
    rounded = ops.cast(ops.cast(ops.clip(values, -_LARGEST, _LARGEST), "float16"), "float32")
    recorded = ops.where(ops.isinf(values), values, rounded)
    recorded = ops.take(ops.where(ops.isnan(recorded), -np.inf, recorded), order, axis=0)
    possible = ops.expand_dims(ops.arange(ops.shape(order)[0], dtype="int32") < kept, 1)
    ranked = ops.argsort(-ops.where(possible, recorded, -np.inf), axis=0)
    return ops.cast(ops.take(order, ops.take(ranked, ranks, axis=0), axis=0), "int32")


def _windows(values: Any, real: Any, peaks: Any) -> tuple[Any, Any]:
    """Windows around peaks: values [..., window], NaN behind the end, and starts [...]; of values and `real` [..., positions]."""
    count = ops.sum(ops.cast(real, "int32"), axis=-1)
    starts = ops.minimum(ops.maximum(peaks - WINDOW // 2, 0), ops.maximum(count - WINDOW, 0))
    numbers = ops.expand_dims(starts, -1) + ops.arange(WINDOW, dtype="int32")
    places = ops.minimum(numbers, ops.shape(values)[-1] - 1)
    places = ops.take_along_axis(real_first(ops, real), places, axis=-1)
    return ops.where(numbers < ops.expand_dims(count, -1), ops.take_along_axis(values, places, axis=-1), np.nan), starts


def _pooled(values: Any, sizes: list[Any], stored: Any) -> Any:
    """Maps [..., ..., positions] averaged down to [..., ..., *stored]; no value where one of those averaged is not finite."""
    first, second = ops.shape(values)[:2]
    values = ops.reshape(values, (-1, *sizes))
    finite = ops.isfinite(values)
    known, lost = ops.where(finite, values, 0.0), ops.where(finite, 0.0, 1.0)
    for axis, (size, fewer) in enumerate(zip(sizes, stored, strict=True)):
        if isinstance(size, int) and isinstance(fewer, int) and size == fewer:
            continue
        weights = _weights(size, fewer)
        known, lost = (_averaged(part, weights, axis + 1) for part in (known, lost))
    return ops.reshape(ops.where(lost > 0, np.nan, known), (first, second, *stored))


def _averaged(values: Any, weights: Any, axis: int) -> Any:
    return ops.moveaxis(ops.tensordot(values, weights, axes=[[axis], [0]]), -1, axis)


def _weights(size: Any, fewer: Any) -> Any:
    """The share of each position in each of fewer: float32 [size, fewer]."""
    number = ops.arange(fewer, dtype="int32")
    begins, ends = number * size // fewer, ((number + 1) * size + fewer - 1) // fewer
    place = ops.expand_dims(ops.arange(size, dtype="int32"), 1)
    inside = ops.logical_and(place >= begins, place < ends)
    return ops.cast(inside, "float32") / ops.cast(ends - begins, "float32")


def _at_most(size: Any, most: int) -> Any:
    return min(size, most) if isinstance(size, int) else ops.minimum(size, most)


def _product(sizes: list[Any]) -> Any:
    product = 1
    for size in sizes:
        product = product * size
    return product
