"""float16 values by their place among all 65,536: what is counted once per value needs no sorting, however many there are."""

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import ordered

CODES = 1 << 16
_SIGN = np.uint16(0x8000)
_MINUS_ZERO, _ZERO = np.uint16(0x7FFF), np.uint16(0x8000)


def codes(half: np.ndarray) -> np.ndarray:
    """uint16 of the same shape in the order of the values: equal values have equal codes, -0 that of 0."""
    bits = np.ascontiguousarray(half).view(np.int16)  # a column of many rows is slow to read: once
    found: np.ndarray = ordered(bits).view(np.uint16) ^ _SIGN
    found[found == _MINUS_ZERO] = _ZERO
    return found


def _values() -> np.ndarray:
    places = np.arange(CODES, dtype=np.uint16)
    values = ordered((places ^ _SIGN).view(np.int16)).view(np.float16).astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


#: The value of each code, float64 [CODES]; NaN for those of no finite value, which lie at both ends.
VALUES = _values()
FINITE = np.isfinite(VALUES)


def count(of: np.ndarray) -> np.ndarray:
    """How often each code is there, int64 [CODES]; 0 where there is no finite value."""
    return np.bincount(of, minlength=CODES) * FINITE


def highest(of: np.ndarray, most: int) -> np.ndarray:
    """Positions of the highest finite values, at most so many, highest first; ties in order."""
    return _first(CODES - 1 - of.astype(np.int32), count(of)[::-1], most)


def lowest(of: np.ndarray, most: int) -> np.ndarray:
    """Positions of the lowest finite values, at most so many, lowest first; ties in order."""
    return _first(of, count(of), most)


def _first(of: np.ndarray, counts: np.ndarray, most: int) -> np.ndarray:
    """Positions of the lowest codes that are counted."""
    there = np.flatnonzero(counts)
    found: list[np.ndarray] = [np.zeros(0, np.int64)]
    if not there.size or most <= 0:
        return found[0]
    reached = np.cumsum(counts[there])
    last = min(int(np.searchsorted(reached, most)), there.size - 1)
    if last > 0:
        before = np.flatnonzero((of >= there[0]) & (of < there[last]))
        found.append(before[np.argsort(of[before], kind="stable")])
    found.append(np.flatnonzero(of == there[last]))  # may be many: only the first are needed
    return np.concatenate(found)[:most]


def mean_ranks(counts: np.ndarray) -> np.ndarray:
    """Rank of a value of each code among the counted, from 1, equal values sharing the mean of theirs: float64 [CODES]."""
    last = np.cumsum(counts)
    ranks: np.ndarray = last - (counts - 1) / 2
    return ranks
