"""Streaming statistics per subset and neuron, about a fixed pivot: the mean of the first batch.

Sums of squares about zero lose what they are to measure: in float32 they gave a negative variance at mean 100. About a pivot
near the data they do not, and they add up: over batches, and over processes, as Chan, Golub and LeVeque's rule has it ("Updating
Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979), which is what shifting one pivot to another comes to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

#: A subset with at most so many rows in a batch is added together with others: 1,000 classes are 1,000 such subsets.
_FEW = 8


@dataclass
class Statistics:
    """What `Moments` hands over; every array is [subsets, neurons] but `count` is [subsets, 1] when nothing was left out."""

    count: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    min: np.ndarray
    max: np.ndarray


class Moments:
    """Statistics of every neuron over `subsets` subsets; values that are not finite are left out and counted.

    Attributes:
        nan, inf: values left out, each counted once, whatever the subsets.
    """

    def __init__(self, subsets: int, neurons: int) -> None:
        shape = (subsets, neurons)
        self._rows = np.zeros(subsets, dtype=np.int64)
        self._missing: np.ndarray | None = None  # int64 [subsets, neurons], once a value was left out
        self._pivot: np.ndarray | None = None  # float32 [neurons]
        self._sum = np.zeros(shape)
        self._squares = np.zeros(shape)
        self._min = np.full(shape, np.inf, dtype=np.float32)
        self._max = np.full(shape, -np.inf, dtype=np.float32)
        self.nan = 0
        self.inf = 0

    def add(self, activations: np.ndarray, members: Sequence[np.ndarray]) -> None:
        """Adds one batch.

        Args:
            activations: float32 [instances, neurons].
            members: per subset the positions of its instances in the batch.
        """
        if not activations.shape[0]:
            return
        low = high = activations
        finite = np.isfinite(activations)
        everything = bool(finite.all())
        if not everything:
            self.nan += int(np.isnan(activations).sum())
            self.inf += int(np.isinf(activations).sum())
            low, high = np.where(finite, activations, np.inf), np.where(finite, activations, -np.inf)
        if self._pivot is None:
            counts = np.maximum(finite.sum(axis=0), 1)
            self._pivot = (np.where(finite, activations, 0).sum(axis=0, dtype=np.float64) / counts).astype(np.float32)
        deviation = np.where(finite, activations, self._pivot) - self._pivot
        # In float64 from here on; the difference itself is as exact as float32 is.
        deviation = deviation.astype(np.float64)
        squares = deviation * deviation

        sizes = np.array([rows.size for rows in members])
        self._rows += sizes
        for subset in np.flatnonzero(sizes > _FEW).tolist():
            rows = members[subset]
            self._sum[subset] += deviation[rows].sum(axis=0)
            self._squares[subset] += squares[rows].sum(axis=0)
            self._min[subset] = np.minimum(self._min[subset], low[rows].min(axis=0))
            self._max[subset] = np.maximum(self._max[subset], high[rows].max(axis=0))
        for subsets, rows in _ranks(members, sizes):
            self._sum[subsets] += deviation[rows]
            self._squares[subsets] += squares[rows]
            self._min[subsets] = np.minimum(self._min[subsets], low[rows])
            self._max[subsets] = np.maximum(self._max[subsets], high[rows])
        if not everything:
            missing = self._missing_counts()
            for subset in np.flatnonzero(sizes).tolist():
                missing[subset] += (~finite[members[subset]]).sum(axis=0)

    def merge(self, other: "Moments") -> None:
        """Adds what another has seen: another process, another part of the data."""
        if other._pivot is None:
            return
        if self._pivot is None:
            self._pivot = other._pivot
        self.nan += other.nan
        self.inf += other.inf
        self._rows += other._rows
        if other._missing is not None:
            self._missing_counts()[:] += other._missing
        shift = other._pivot.astype(np.float64) - self._pivot
        count = other._count()
        self._squares += other._squares + 2 * shift * other._sum + count * shift * shift
        self._sum += other._sum + count * shift
        np.minimum(self._min, other._min, out=self._min)
        np.maximum(self._max, other._max, out=self._max)

    def statistics(self) -> Statistics:
        """The result: float32, NaN where a subset has no finite value; `std` is the population's."""
        count = self._count()
        empty = np.broadcast_to(count == 0, self._sum.shape)
        divisor = np.maximum(count, 1)
        pivot = 0 if self._pivot is None else self._pivot.astype(np.float64)
        mean = self._sum / divisor
        variance = np.maximum(self._squares / divisor - mean * mean, 0)

        def as_float32(values: np.ndarray) -> np.ndarray:
            return np.where(empty, np.nan, values).astype(np.float32)

        return Statistics(
            count, as_float32(pivot + mean), as_float32(np.sqrt(variance)), as_float32(self._min), as_float32(self._max)
        )

    def _count(self) -> np.ndarray:
        """int64 [subsets, 1], or [subsets, neurons] when values were left out."""
        rows = self._rows[:, None]
        return rows.copy() if self._missing is None else rows - self._missing

    def _missing_counts(self) -> np.ndarray:
        if self._missing is None:
            self._missing = np.zeros(self._sum.shape, dtype=np.int64)
        return self._missing


def _ranks(members: Sequence[np.ndarray], sizes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The first row of every small subset, then the second, ...: (subsets, rows), no subset twice in a turn."""
    for turn in range(_FEW):
        subsets = np.flatnonzero((sizes > turn) & (sizes <= _FEW))
        if not subsets.size:
            return
        yield subsets, np.array([members[subset][turn] for subset in subsets.tolist()])
