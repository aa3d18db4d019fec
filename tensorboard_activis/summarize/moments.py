"""Streaming statistics per subset and neuron: (n, mean, M2, min, max), merged by Chan's rule.

Source of the merge: Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass
class Statistics:
    """What `Moments` hands over; every array is [subsets, neurons] but `count` is [subsets, 1] when nothing was left out."""

    count: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    min: np.ndarray
    max: np.ndarray


class Moments:
    """Statistics of every neuron over `subsets` subsets, in float64; values that are not finite are left out and counted.

    Naive sums of squares in float32 gave a negative variance at mean 100; sums about the batch's own mean do not.
    """

    def __init__(self, subsets: int, neurons: int) -> None:
        shape = (subsets, neurons)
        self.count = np.zeros(shape)
        self.mean = np.zeros(shape)
        self.m2 = np.zeros(shape)
        self.min = np.full(shape, np.inf)
        self.max = np.full(shape, -np.inf)
        self.nan = 0
        self.inf = 0

    def add(self, activations: np.ndarray, members: Sequence[np.ndarray]) -> None:
        """Adds one batch.

        Args:
            activations: float32 [instances, neurons].
            members: per subset the positions of its instances in the batch.
        """
        finite = np.isfinite(activations)
        everything = bool(finite.all())
        if not everything:
            self.nan += int(np.isnan(activations).sum())
            self.inf += int(np.isinf(activations).sum())
        for subset, rows in enumerate(members):
            if not rows.size:
                continue
            values = activations[rows].astype(np.float64)
            if everything:
                count = np.full(values.shape[1], float(rows.size))
                low, high = values.min(axis=0), values.max(axis=0)
                mean = values.mean(axis=0)
                deviation = values - mean
            else:
                kept = finite[rows]
                count = kept.sum(axis=0).astype(np.float64)
                low = np.where(kept, values, np.inf).min(axis=0)
                high = np.where(kept, values, -np.inf).max(axis=0)
                mean = np.where(kept, values, 0.0).sum(axis=0) / np.maximum(count, 1)
                deviation = np.where(kept, values - mean, 0.0)
            self._merge(subset, count, mean, np.einsum("ij,ij->j", deviation, deviation), low, high)

    def merge(self, other: "Moments") -> None:
        """Adds what another has seen: another process, another part of the data."""
        self.nan += other.nan
        self.inf += other.inf
        self._merge(slice(None), other.count, other.mean, other.m2, other.min, other.max)

    def _merge(
        self,
        at: int | slice,
        count: np.ndarray,
        mean: np.ndarray,
        m2: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
    ) -> None:
        before = self.count[at]
        total = before + count
        share = count / np.maximum(total, 1)
        delta = mean - self.mean[at]
        self.m2[at] += m2 + delta * delta * before * share
        self.mean[at] += delta * share
        self.count[at] = total
        self.min[at] = np.minimum(self.min[at], low)
        self.max[at] = np.maximum(self.max[at], high)

    def statistics(self) -> Statistics:
        """The result: float32, NaN where a subset has no finite value; `std` is the population's."""
        empty = self.count == 0
        count = self.count.astype(np.int64)
        if not self.nan and not self.inf and count.size:
            count = count[:, :1]

        def as_float32(values: np.ndarray) -> np.ndarray:
            return np.where(empty, np.nan, values).astype(np.float32)

        deviation = np.sqrt(self.m2 / np.maximum(self.count, 1))
        return Statistics(
            count, as_float32(self.mean), as_float32(deviation), as_float32(self.min), as_float32(self.max)
        )
