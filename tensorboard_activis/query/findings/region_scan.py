"""Where in layers errors gather, beyond what an unsure score explains: sets of instances that lie together, with permutations.

Two kinds of sets are looked at in each layer: the instances of the highest predictions of a cross-fitted ridge regression of the
errors on the activations, and the nearest instances of single ones. The statistic of n instances with k errors, of which E are
expected from their scores, is k ln(k/E) + (n - k) ln((n - k)/(n - E)), and 0 unless k > E. Its p-value is that of the largest over
all layers and sets when the errors are shuffled among instances of like scores, the regression fitted anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import not_finite, widen
from tensorboard_activis.query.findings.conditions import LEAST_INSTANCES
from tensorboard_activis.query.findings.outcomes import fails
from tensorboard_activis.query.findings.scan import Shuffle, label_rates
from tensorboard_activis.query.limits import check_time

SHUFFLES = 199
FOLDS = 5
#: Of the mean squared length of an instance, with neurons scaled to a deviation of 1.
_RIDGE = 0.1
#: Sizes of the sets of highest predictions: each so many times the one before, up to this share of all.
_GROWTH, _MOST_SHARE = 1.15, 0.3
#: Instances whose nearest ones are looked at, and how many of these.
_CENTRES, _NEAR = 300, (20, 28, 40, 56, 80, 112)


@dataclass(frozen=True, slots=True)
class Region:
    """Instances that lie together and hold more errors than their scores explain.

    Attributes:
        layer: index of the layer among those given.
        members: bool [instances].
        first: their indices, those to look at first in front.
        p: of the largest statistic over all layers and sets, from `SHUFFLES` shuffles.
        candidates: how many sets there are.
    """

    layer: int
    members: np.ndarray
    first: np.ndarray
    p: float
    candidates: int


class RegionScan:
    """The scan of some layers.

    Arguments:
        errors: bool [instances].
        strata: of like scores, int [instances], within which errors are shuffled.
        seed: of the shuffles.
    """

    def __init__(self, errors: np.ndarray, strata: np.ndarray, seed: int = 0) -> None:
        self._n = errors.size
        self._rates = label_rates(strata, errors)
        shuffle = Shuffle(strata, errors)
        #: Errors as they are and in every shuffle, [instances, 1 + shuffles].
        self._errors = np.zeros((self._n, 1 + SHUFFLES), np.float32)
        self._errors[errors, 0] = 1
        for number in range(SHUFFLES):
            self._errors[shuffle.errors(np.random.default_rng((3, seed, number))), 1 + number] = 1
        self._maxima = np.zeros(SHUFFLES)
        self._best: tuple[float, int, np.ndarray] | None = None
        self._candidates = 0

    def add_ordered(self, layer: int, values: np.ndarray) -> None:
        """Looks at the sets of highest predictions of a ridge regression on a layer, float32 [instances, neurons]."""
        predicted = held_out(values, self._errors - self._rates[:, None].astype(np.float32))
        order = np.argsort(-predicted, axis=0, kind="stable")
        sizes = _sizes(self._n)
        counts = np.cumsum(np.take_along_axis(self._errors, order, axis=0), axis=0)[sizes - 1]
        expected = np.cumsum(self._rates[order], axis=0)[sizes - 1]
        best = self._look(counts, expected, np.broadcast_to(sizes[:, None], counts.shape))
        if best is not None:
            self._best = (best[0], layer, order[: sizes[best[1]], 0])

    def add_near(self, layer: int, values: np.ndarray) -> None:
        """Looks at the nearest instances of some in a layer, float32 [instances, neurons]."""
        centres = np.random.default_rng(4).permutation(self._n)[:_CENTRES]
        lengths = np.einsum("ij,ij->i", values, values)
        order = np.argsort(lengths - 2 * (values[centres] @ values.T), axis=1, kind="stable")
        for size in (size for size in _NEAR if size <= self._n):
            members = np.zeros((len(centres), self._n), np.float32)
            members[np.arange(len(centres))[:, None], order[:, :size]] = 1
            counts, expected = members @ self._errors, (members @ self._rates)[:, None]
            best = self._look(counts, np.broadcast_to(expected, counts.shape), np.full(counts.shape, size))
            if best is not None:
                self._best = (best[0], layer, order[best[1], :size])

    def best(self) -> Region | None:
        """The set of the largest statistic of those that fail, if any."""
        if self._best is None:
            return None
        statistic, layer, first = self._best
        members = np.zeros(self._n, bool)
        members[first] = True
        p = (1 + int((self._maxima >= statistic).sum())) / (1 + SHUFFLES)
        return Region(layer, members, first, p, self._candidates)

    def _look(self, counts: np.ndarray, expected: np.ndarray, sizes: np.ndarray) -> tuple[float, int] | None:
        """The largest statistic, if it is the largest up to now, and its place; of [sets, 1 + shuffles]."""
        check_time()
        values = _statistic(counts.astype(float), expected, sizes)
        self._candidates += len(values)
        self._maxima = np.maximum(self._maxima, values[:, 1:].max(axis=0))
        own = np.where(fails(sizes[:, 0], counts[:, 0], expected[:, 0]), values[:, 0], 0)
        place = int(own.argmax())
        if own[place] <= (self._best[0] if self._best is not None else 0):
            return None
        return float(own[place]), place


def _statistic(k: np.ndarray, expected: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The statistic of sets of n instances with k errors, 0 where there are no more than expected; arrays of one shape."""
    value = np.zeros(k.shape)
    here = k > expected + 1e-9
    count, e, size = k[here], np.maximum(expected[here], 1e-12), n[here]
    right = size - count
    value[here] = count * np.log(count / e)
    value[here] += right * np.log(np.maximum(right, 1e-12) / np.maximum(size - e, 1e-12))
    return value


def _sizes(n: int) -> np.ndarray:
    """Sizes of the sets of highest predictions."""
    found = [LEAST_INSTANCES]
    while found[-1] * _GROWTH < _MOST_SHARE * n:
        found.append(max(found[-1] + 1, int(found[-1] * _GROWTH)))
    return np.array([size for size in found if size <= n], np.int64)


def layer_values(half: np.ndarray) -> np.ndarray | None:
    """Activations in float32, centred and scaled to a deviation of 1; neurons that do not vary are left out, None without any.

    An instance with values that are not finite lies in the middle.

    Arguments:
        half: float16 [instances, neurons].
    """
    lost = np.asarray(not_finite(half).any(axis=1))
    values = widen(np.ascontiguousarray(half)).astype(np.float32)
    if lost.all():
        return None
    values[lost] = values[~lost].mean(axis=0)
    values -= values.mean(axis=0)
    deviation = values.std(axis=0)
    varies = deviation > 1e-6
    return values[:, varies] / deviation[varies] if varies.any() else None


def held_out(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Held-out predictions by ridge regression in five folds, float64 [instances, targets].

    Of the inverse of the whole system, the part of a fold gives what the regression without the fold misses there. Where there are
    fewer neurons than instances, it comes from the inverse of the neurons' products (the Woodbury identity).

    Arguments:
        values: float32 [instances, neurons], centred.
        wanted: [instances, targets].
    """
    n, neurons = values.shape
    few = neurons < n
    system = (values.T @ values if few else values @ values.T).astype(np.float64)
    ridge = _RIDGE * float(np.trace(system)) / n
    system[np.diag_indices(len(system))] += ridge
    check_time()
    inverse = np.linalg.inv(system)
    if few:
        wide = values.astype(np.float64)
        right = wide @ inverse
        whole = (wanted - right @ (wide.T @ wanted)) / ridge
    else:
        whole = inverse @ wanted
    predicted = np.empty(whole.shape)
    for fold in range(FOLDS):
        check_time()
        held = np.arange(fold, n, FOLDS)
        part = (np.eye(held.size) - right[held] @ wide[held].T) / ridge if few else inverse[np.ix_(held, held)]
        predicted[held] = wanted[held] - np.linalg.solve(part, whole[held])
    return predicted


def score_strata(scores: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Strata of like scores, int [instances], with bounds at these shares of the instances; one for scores that are not known."""
    known = np.isfinite(scores)
    if not known.any():
        return np.zeros(scores.size, np.int64)
    bounds = np.unique(np.quantile(scores[known], shares))
    return np.where(known, np.searchsorted(bounds, scores, side="left"), bounds.size + 1)
