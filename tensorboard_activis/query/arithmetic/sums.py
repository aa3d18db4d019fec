"""Sums of float16 activations over sets of instances, computed in parts by several threads.

Rows are widened in blocks that a core's cache holds and summed for all sets at once: one pass over the rows, however many sets.
Sums are about a pivot: sums of squares about zero would lose a small spread beside a large mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tensorboard_activis.query.arithmetic.blocks import BLOCK_ROWS, SCRATCH, shares
from tensorboard_activis.query.arithmetic.halffloat import LOWEST, highest, not_finite, ordered

#: Rows that runs must have on average to be summed on their own.
_SHORT = 4
_ONES = np.ones(BLOCK_ROWS, np.float32)
_LEAST = np.iinfo(np.int16).min


@dataclass(frozen=True, slots=True)
class Part:
    """A share of the work.

    Attributes:
        members: the sets that are summed.
        rows: positions among the activations; best with those of the same sets side by side.
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
        self.highest = np.full(shape, _LEAST, np.int16)

    def add(self, part: Part, partial: "Sums") -> None:
        """Adds what was found of a part, [its members, its columns]."""
        every = slice(None) if part.columns is None else part.columns
        where = np.ix_(part.members, part.columns) if part.columns is not None else (part.members, every)
        for name in ("count", "total", "squares", "positive"):
            getattr(self, name)[where] += getattr(partial, name)
        self.highest[where] = np.maximum(self.highest[where], partial.highest)


def split(rows: np.ndarray, columns: int) -> Iterator[np.ndarray]:
    """Splits row positions, int64 [rows], into shares of about equal work for rows of so many columns."""
    for share in shares(rows.size, columns):
        yield rows[share]


def sum_part(activations: np.ndarray, sets: np.ndarray, part: Part, *, finite: bool, extremes: bool) -> Sums:
    """Sums [members, columns] of a part.

    Arguments:
        activations: float16 [instances, neurons].
        sets: bool [sets, instances].
        finite: whether all values are known to be finite; those that are not are left out.
        extremes: whether to find `positive` and `highest`.
    """
    runs = _Runs(sets[np.ix_(part.members, part.rows)])
    shape = (runs.number, len(part.pivot))
    missing, total, squares, positive = (np.zeros(shape) for _ in range(4))
    best = np.full(shape, _LEAST, np.int16)
    about_pivot = part.pivot.any()
    for rows, bits in SCRATCH.blocks(activations, part.rows):
        if part.columns is not None:
            bits = bits[:, part.columns]
        here = runs.within(rows)
        half = bits.view(np.float16)
        bad = None if finite else not_finite(half)
        values = SCRATCH.widened(half)
        if about_pivot:
            np.subtract(values, part.pivot, out=values)
        if bad is not None and bad.any():
            values[bad] = 0
            bits = np.where(bad, LOWEST, bits)
            here.add(bad.astype(np.float32), missing)
        here.add(values, total)
        np.multiply(values, values, out=values)
        here.add(values, squares)
        if extremes:
            values[...] = np.greater(bits, 0)
            here.add(values, positive)
            here.raise_to(bits, best)
    sums = Sums(len(part.members), len(part.pivot))
    sums.count = runs.sizes - runs.of_sets(missing)
    for name, array in (("total", total), ("squares", squares), ("positive", positive)):
        setattr(sums, name, runs.of_sets(array))
    sums.highest = runs.highest_of_sets(best)
    return sums


class _Runs:
    """Neighbouring rows of a part that are in the same sets: what is summed of them is summed once for all of these.

    Where runs are short, sums are by set at once.

    Attributes:
        number: how many sums there are: those of runs, or of sets.
        single: whether they are of sets.

    Arguments:
        chosen: bool [sets, rows].
    """

    def __init__(self, chosen: np.ndarray) -> None:
        sets, rows = chosen.shape
        self._chosen = chosen
        self._starts = np.flatnonzero(np.append(True, (chosen[:, 1:] != chosen[:, :-1]).any(axis=0)))
        self.sizes = np.count_nonzero(chosen, axis=1)[:, None]
        self.single = self._starts.size * _SHORT > rows
        self.number = sets if self.single else self._starts.size
        if self.single:
            # Rows of zeros fill up to a multiple of four, which BLAS multiplies a third faster than ten.
            self._weights = np.zeros((-(-sets // 4) * 4, rows), np.float32)
            self._weights[:sets] = chosen

    def within(self, rows: slice) -> "_Block":
        """Those of some of the rows."""
        if self.single:
            return _Block(self._chosen[:, rows], self._weights[:, rows], ())
        first, last = np.searchsorted(self._starts, (rows.start, rows.stop - 1), side="right") - 1
        ends = [rows.start, *self._starts[first + 1 : last + 1].tolist(), rows.stop]
        spans = (slice(start - rows.start, stop - rows.start) for start, stop in pairwise(ends))
        return _Block(self._chosen, None, tuple(enumerate(spans, int(first))))

    def of_sets(self, sums: np.ndarray) -> np.ndarray:
        """Sums [sets, columns] from those that are kept, [number, columns]."""
        return sums if self.single else self._chosen[:, self._starts].astype(np.float64) @ sums

    def highest_of_sets(self, best: np.ndarray) -> np.ndarray:
        """The highest [sets, columns] of what is kept, [number, columns]."""
        if self.single:
            return best
        of_runs = self._chosen[:, self._starts]
        return np.stack([best[mine].max(axis=0, initial=_LEAST) for mine in of_runs])


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of a part's rows: the runs in it with their rows; or the sets, bool and float32 [sets, rows]."""

    chosen: np.ndarray
    weights: np.ndarray | None
    runs: tuple[tuple[int, slice], ...]

    def add(self, values: np.ndarray, sums: np.ndarray) -> None:
        """Adds float32 [rows, columns] to `sums`, float64 [number, columns]."""
        if self.weights is not None:
            sums += (self.weights @ values)[: len(sums)]
        for run, rows in self.runs:
            sums[run] += _ONES[: rows.stop - rows.start] @ values[rows]

    def raise_to(self, bits: np.ndarray, best: np.ndarray) -> None:
        """Raises `best` [number, columns], as in `Sums.highest`, to the largest values of these bits [rows, columns]."""
        for run, rows in self.runs:
            np.maximum(best[run], ordered(highest(bits[rows])), out=best[run])
        if self.weights is not None:
            values = ordered(bits)
            for mine, chosen in zip(best, self.chosen, strict=True):
                np.maximum(mine, values[chosen].max(axis=0, initial=_LEAST), out=mine)
