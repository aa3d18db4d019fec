"""The direction of a set of instances in a layer: the difference of two means, and how far instances lie along it."""

import math

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.limits import check_time

FOLDS = 5
_BLOCK = 2_048


class Direction:
    """From the mean of the instances that are not in a set to the mean of those that are. Only rows without a value that is not
    finite count.

    Arguments:
        activations: float16 [instances, neurons].
        inside: bool [instances], the set.
        sampled: the first so many instances count; pinned ones are behind them.

    Attributes:
        n, rest: how many instances count in the set, and outside of it.
        means: float64 [2, neurons], of the rest and of the set; NaN where either has none.
        vector: float64 [neurons], the second minus the first, in the layer's units.
        length: of the vector, which is the distance of the two means; NaN where there is none.
        outside: bool [instances], those that count outside of the set.
    """

    def __init__(self, activations: np.ndarray, inside: np.ndarray, sampled: int) -> None:
        self._activations, self._inside = activations, inside
        self._usable = _finite(activations)
        self._usable[sampled:] = False
        self.outside = self._usable & ~inside
        self._fold = np.cumsum(self._usable) % FOLDS
        self._sums, self._counts = self._summed()
        counts = self._counts.sum(axis=1)
        self.rest, self.n = (int(count) for count in counts)
        with np.errstate(invalid="ignore"):
            self.means = self._sums.sum(axis=1) / np.where(counts > 0, counts, np.nan)[:, None]
        self.vector = self.means[1] - self.means[0]
        self.length = float(np.linalg.norm(self.vector))

    @property
    def unit(self) -> np.ndarray:
        """The vector at length 1; NaN where there is no direction."""
        unit: np.ndarray = self.vector / (self.length if self.length > 0 else math.nan)
        return unit

    def along(self) -> np.ndarray:
        """Where each instance lies, float64 [instances]: 0 at the mean of the rest, 1 at that of the set; NaN where that is not
        known."""
        places = np.full(len(self._activations), np.nan)
        square = float(self.vector @ self.vector)
        if not (square > 0 and math.isfinite(square)):
            return places
        for start in range(0, len(places), _BLOCK):
            check_time()
            values = self._activations[start : start + _BLOCK].astype(np.float64)
            with np.errstate(invalid="ignore"):
                places[start : start + _BLOCK] = (values - self.means[0]) @ self.vector / square
        return np.where(np.isfinite(places), places, np.nan)

    def auc(self) -> float:
        """Probability that an instance of the set lies further along than another one, by directions of the other four fifths:
        the area under the curve of held-out instances, weighted by the pairs of each fold. NaN where there are too few."""
        right = pairs = 0.0
        for held in range(FOLDS):
            others = self._counts.sum(axis=1) - self._counts[:, held]
            here = np.flatnonzero(self._usable & (self._fold == held))
            own = self._inside[here]
            if not others.all() or not own.any() or own.all():
                continue
            check_time()
            means = (self._sums.sum(axis=1) - self._sums[:, held]) / others[:, None]
            along = widen(np.ascontiguousarray(self._activations[here])) @ (means[1] - means[0])
            _, places, sizes = np.unique(along, return_inverse=True, return_counts=True)
            ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[places]  # equal values share their ranks
            size = int(own.sum())
            right += float(ranks[own].sum()) - size * (size + 1) / 2
            pairs += size * (own.size - size)
        return right / pairs if pairs else math.nan

    def _summed(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums of the rest's and the set's activations, float64 [2, folds, neurons], and how many they are of."""
        sums, counts = np.zeros((2, FOLDS, self._activations.shape[1])), np.zeros((2, FOLDS))
        for start in range(0, len(self._activations), _BLOCK):
            check_time()
            here = np.arange(start, min(start + _BLOCK, len(self._activations)))
            here = here[self._usable[here]]
            values = widen(np.ascontiguousarray(self._activations[here]))
            for side in (0, 1):
                which = np.eye(FOLDS, dtype=np.float32)[self._fold[here]]
                which *= (self._inside[here] == bool(side))[:, None]
                sums[side] += which.T @ values
                counts[side] += which.sum(axis=0)
        return sums, counts


def _finite(activations: np.ndarray) -> np.ndarray:
    finite = np.empty(len(activations), bool)
    for start in range(0, len(activations), _BLOCK):
        check_time()
        finite[start : start + _BLOCK] = np.isfinite(activations[start : start + _BLOCK]).all(axis=1)
    return finite
