"""Exact medians of every neuron over sets of instances, by sorting the bit patterns of float16 values.

Sixteen bits are sorted by radix in two passes, whatever their order was: a third of what finding the middle takes numpy.
"""

from collections.abc import Iterator

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import not_finite, ordered
from tensorboard_activis.query.arithmetic.workers import in_parts

#: Values of a share of the work for a thread, and the fewest neurons of one: rows are read in pieces of a cache line.
_PART, _COLUMNS = 1 << 20, 32
_LAST = np.iinfo(np.int16).max


def medians(activations: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """The median of the finite values of every neuron over each set of rows, float32 [sets, neurons].

    Of an even number of values the mean of the two in the middle; NaN where a set has none.

    Arguments:
        activations: float16 [instances, neurons].
        sets: bool [sets, instances].
    """
    neurons = activations.shape[1]
    result = np.full((len(sets), neurons), np.nan, np.float32)
    rows = [np.flatnonzero(chosen) for chosen in sets]

    def shares() -> Iterator[tuple[int, slice]]:
        for index, chosen in enumerate(rows):
            step = max(_COLUMNS, _PART // max(1, chosen.size))
            yield from ((index, slice(start, start + step)) for start in range(0, neurons if chosen.size else 0, step))

    def work(share: tuple[int, slice]) -> tuple[int, slice, np.ndarray]:
        index, columns = share
        return index, columns, _middles(activations[rows[index], columns])

    for index, columns, middles in in_parts(work, shares()):
        result[index, columns] = middles
    return result


def _middles(half: np.ndarray) -> np.ndarray:
    """The medians of the columns of float16 [rows, columns], float32 [columns]."""
    values = np.ascontiguousarray(half.T)
    bits = values.view(np.int16)
    missing = not_finite(values)
    keys = ordered(bits)
    keys[missing] = _LAST  # behind all others
    count = values.shape[1] - np.count_nonzero(missing, axis=1)
    keys.sort(axis=1, kind="stable")
    lower, upper = (
        np.take_along_axis(keys, np.clip(place, 0, None)[:, None], axis=1)[:, 0]
        for place in ((count - 1) // 2, count // 2)
    )
    some = count > 0
    upper, lower = (ordered(np.where(some, each, 0).astype(np.int16)).view(np.float16) for each in (upper, lower))
    return np.where(some, (lower.astype(np.float32) + upper.astype(np.float32)) / 2, np.nan)
