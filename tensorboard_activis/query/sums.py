"""Sums over sets of float16 rows, a share of the rows at a time.

Rows are widened in blocks that a core's cache holds and summed by a product with the sets' zeros and ones: one pass over the
rows, however many sets. Sums are about a pivot: sums of squares about zero would lose a small spread beside a large mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.blocks import SCRATCH, shares
from tensorboard_activis.query.halffloat import LOWEST, highest, not_finite, ordered


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
    asked = len(part.members)
    sums = Sums(asked, len(part.pivot))
    alone = asked == 1
    chosen = np.ones((1, part.rows.size), bool) if alone else sets[np.ix_(part.members, part.rows)]
    weights = _weights(chosen)
    for block, bits in SCRATCH.blocks(activations, part.rows):
        if part.columns is not None:
            bits = bits[:, part.columns]
        weight, members = weights[:, block], chosen[:, block]
        half = bits.view(np.float16)
        bad = None if finite else not_finite(half)
        if bad is None or not bad.any():
            bad = None
            sums.count += np.count_nonzero(members, axis=1)[:, None]
        else:
            sums.count += (weight @ (~bad).astype(np.float32))[:asked]
        values = SCRATCH.widened(half)
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
                    of_mine = bits if alone else SCRATCH.taken(bits, np.flatnonzero(mine))
                    np.maximum(best, ordered(highest(of_mine)), out=best)
    return sums


def _weights(chosen: np.ndarray) -> np.ndarray:
    """Zeros and ones, float32; rows of zeros fill up to a multiple of four, which BLAS multiplies a third faster than ten."""
    sets, rows = chosen.shape
    weights = np.zeros((sets if sets == 1 else -(-sets // 4) * 4, rows), np.float32)
    weights[:sets] = chosen
    return weights
