"""Sums over sets of float16 rows, a share of the rows at a time.

Rows are widened in blocks that a core's cache holds and summed by a product with the sets' zeros and ones: one pass over the
rows, however many sets. Sums are about a pivot: sums of squares about zero would lose a small spread beside a large mean.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.halffloat import LOWEST, highest, not_finite, ordered, widen

#: Values that are widened at a time, of at most so many rows: float32 adds up no more without loss.
_BLOCK = 1 << 18
_BLOCK_ROWS = 512
#: Values of a share: a few milliseconds.
_PART = 1 << 22
#: In values of two bytes.
_HALF_PAGE = 1024


@dataclass(frozen=True, slots=True)
class Part:
    """A share of the work.

    Attributes:
        members: the sets that are summed; a single one holds all of `rows`.
        rows: positions among the activations, ascending.
        columns: of the neurons that are summed; None for all.
        pivot: float32 [columns].
    """

    members: np.ndarray
    rows: np.ndarray
    columns: np.ndarray | None
    pivot: np.ndarray


class Sums:
    """Counts and sums about a pivot of finite values, [sets, neurons]; `highest` in the order that `halffloat.ordered` makes."""

    def __init__(self, sets: int, neurons: int) -> None:
        shape = (sets, neurons)
        self.count, self.total, self.squares, self.positive = (np.zeros(shape) for _ in range(4))
        self.highest = np.full(shape, np.iinfo(np.int16).min, np.int16)

    def add(self, part: Part, found: "Sums") -> None:
        """Adds what was found of a part, [its members, its columns]."""
        every = slice(None) if part.columns is None else part.columns
        where = np.ix_(part.members, part.columns) if part.columns is not None else (part.members, every)
        for name in ("count", "total", "squares", "positive"):
            getattr(self, name)[where] += getattr(found, name)
        self.highest[where] = np.maximum(self.highest[where], found.highest)


def split(rows: np.ndarray, columns: int) -> Iterator[np.ndarray]:
    """Rows in shares for parts."""
    size = max(_BLOCK_ROWS, _PART // max(1, columns))
    for start in range(0, rows.size, size):
        yield rows[start : start + size]


def sum_part(activations: np.ndarray, sets: np.ndarray, part: Part, *, finite: bool, extremes: bool) -> Sums:
    """Sums [members, columns] of a part.

    Arguments:
        activations: float16 [instances, neurons].
        sets: bool [sets, instances].
        finite: whether all values are known to be finite; those that are not are left out.
        extremes: whether to find `positive` and `highest`.
    """
    asked = len(part.members)
    sums = Sums(asked, len(part.pivot))
    scratch = _SCRATCH.sized(max(_BLOCK, activations.shape[1]))
    alone = asked == 1
    chosen = np.ones((1, part.rows.size), bool) if alone else sets[np.ix_(part.members, part.rows)]
    weights = _weights(chosen)
    for block, bits in _blocks(activations, part, scratch):
        weight, members = weights[:, block], chosen[:, block]
        half = bits.view(np.float16)
        bad = None if finite else not_finite(half)
        if bad is None or not bad.any():
            bad = None
            sums.count += np.count_nonzero(members, axis=1)[:, None]
        else:
            sums.count += (weight @ (~bad).astype(np.float32))[:asked]
        values = widen(half, scratch.wide[: half.size].reshape(half.shape))
        np.subtract(values, part.pivot, out=values)
        if bad is not None:
            values[bad] = 0
            bits = np.where(bad, LOWEST, bits)
        sums.total += (weight @ values)[:asked]
        np.multiply(values, values, out=values)
        sums.squares += (weight @ values)[:asked]
        if extremes:
            values[...] = np.greater(bits, 0)
            sums.positive += (weight @ values)[:asked]
            for best, mine in zip(sums.highest, members, strict=True):
                if mine.any():
                    of_mine = bits if alone else scratch.taken(bits, np.flatnonzero(mine))
                    np.maximum(best, ordered(highest(of_mine)), out=best)
    return sums


def _weights(chosen: np.ndarray) -> np.ndarray:
    """Zeros and ones, float32; rows of zeros fill up to a multiple of four, which BLAS multiplies a third faster than ten."""
    sets, rows = chosen.shape
    weights = np.zeros((sets if sets == 1 else -(-sets // 4) * 4, rows), np.float32)
    weights[:sets] = chosen
    return weights


def _blocks(activations: np.ndarray, part: Part, scratch: "_Scratch") -> Iterator[tuple[slice, np.ndarray]]:
    """Where in the part's rows, and the values' bits, int16 [rows, columns]."""
    size = min(_BLOCK_ROWS, max(1, _BLOCK // activations.shape[1]))
    every = activations.view(np.int16)
    for start in range(0, part.rows.size, size):
        rows = part.rows[start : start + size]
        dense = rows[-1] - rows[0] == rows.size - 1
        bits = every[rows[0] : rows[-1] + 1] if dense else scratch.gathered(every, rows)
        yield slice(start, start + size), bits if part.columns is None else bits[:, part.columns]


class _Scratch(threading.local):
    """What a thread works in: new memory for every block would cost as much as the work."""

    def __init__(self) -> None:
        self._size = 0

    def sized(self, size: int) -> "_Scratch":
        """The same, with room for so many values."""
        if size > self._size:
            self._size = size
            self._gathered, self._taken = (np.empty(size + _HALF_PAGE, np.int16) for _ in range(2))
            self.wide = np.empty(size, np.float32)
        return self

    def gathered(self, bits: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Rows of int16 [instances, neurons], until it is asked again."""
        return _take(bits, rows, self._gathered)

    def taken(self, bits: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Rows of what was gathered, until it is asked again."""
        return _take(bits, rows, self._taken)


def _take(values: np.ndarray, rows: np.ndarray, into: np.ndarray) -> np.ndarray:
    # Where source and target lie alike within their pages, processors (AMD's Zen 3) copy eight times slower.
    apart = (into.ctypes.data - values.ctypes.data) % (4 * _HALF_PAGE)
    start = 0 if _HALF_PAGE <= apart <= 3 * _HALF_PAGE else _HALF_PAGE
    out = into[start : start + rows.size * values.shape[1]].reshape(rows.size, -1)
    return np.take(values, rows, axis=0, out=out, mode="clip")  # "raise" would go through one more buffer


_SCRATCH = _Scratch()
