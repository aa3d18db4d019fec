"""Ordinals of float16 values among all 65,536: counting them replaces sorting, whatever the number of values."""

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import ordered

ORDINALS = 1 << 16
_SIGN = np.uint16(0x8000)
_MINUS_ZERO, _ZERO = np.uint16(0x7FFF), np.uint16(0x8000)


def ordinals(half: np.ndarray) -> np.ndarray:
    """uint16 of the same shape in the order of the values: equal values have equal ordinals, -0 that of 0."""
    bits = np.ascontiguousarray(half).view(np.int16)  # a column of many rows is slow to read: once
    places: np.ndarray = ordered(bits).view(np.uint16) ^ _SIGN
    places[places == _MINUS_ZERO] = _ZERO
    return places


def _values() -> np.ndarray:
    places = np.arange(ORDINALS, dtype=np.uint16)
    values = ordered((places ^ _SIGN).view(np.int16)).view(np.float16).astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


#: The value of each ordinal, float64 [ORDINALS]; NaN for those of no finite value, which lie at both ends.
VALUES = _values()
FINITE = np.isfinite(VALUES)


def count(values: np.ndarray) -> np.ndarray:
    """How often each ordinal is there, int64 [ORDINALS]; 0 where there is no finite value."""
    counts: np.ndarray = np.bincount(values, minlength=ORDINALS) * FINITE
    return counts


def highest(values: np.ndarray, most: int) -> np.ndarray:
    """Positions of the highest finite ones of ordinals [instances], at most `most`, highest first, ties in order: int64."""
    return _first(ORDINALS - 1 - values.astype(np.int32), count(values)[::-1], most)


def lowest(values: np.ndarray, most: int) -> np.ndarray:
    """Positions of the lowest finite ones of ordinals [instances], at most `most`, lowest first, ties in order: int64."""
    return _first(values, count(values), most)


def _first(values: np.ndarray, counts: np.ndarray, most: int) -> np.ndarray:
    """Positions of the lowest ordinals that are counted."""
    there = np.flatnonzero(counts)
    parts: list[np.ndarray] = [np.zeros(0, np.int64)]
    if not there.size or most <= 0:
        return parts[0]
    reached = np.cumsum(counts[there])
    last = min(int(np.searchsorted(reached, most)), there.size - 1)
    if last > 0:
        before = np.flatnonzero((values >= there[0]) & (values < there[last]))
        parts.append(before[np.argsort(values[before], kind="stable")])
    parts.append(np.flatnonzero(values == there[last]))  # may be many: only the first are needed
    return np.concatenate(parts)[:most]


def mean_ranks(counts: np.ndarray) -> np.ndarray:
    """Rank of a value of each ordinal among the counted, from 1, equal values sharing the mean of theirs: float64 [ORDINALS]."""
    last = np.cumsum(counts)
    ranks: np.ndarray = last - (counts - 1) / 2
    return ranks
