"""Where in layers errors gather, beyond what an unsure score explains: sets of instances that lie together, with permutations.

Two kinds of sets are looked at in each layer: the instances of the highest predictions of a cross-fitted ridge regression of the
errors on the activations, and the nearest instances of single ones. The statistic of n instances with k errors, of which E are
expected from their scores, is k ln(k/E) + (n - k) ln((n - k)/(n - E)), and 0 unless k > E. Its p-value is that of the largest over
all layers and sets when the errors are shuffled among instances of like scores, the regression fitted anew.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import not_finite, widen
from tensorboard_activis.query.findings.conditions import LEAST_INSTANCES
from tensorboard_activis.query.findings.outcomes import fails
from tensorboard_activis.query.findings.scan import LEVEL, Shuffle, label_rates
from tensorboard_activis.query.limits import check_time

SHUFFLES = 199
FOLDS = 5
#: Of the mean squared length of an instance, with neurons scaled to a deviation of 1.
_RIDGE = 0.1
#: Sizes of the sets of highest predictions: each so many times the one before, up to this share of all.
_GROWTH, _MOST_SHARE = 1.15, 0.3
#: Instances whose nearest ones are looked at, and how many of these.
_CENTRES, _NEAR = 300, (20, 28, 40, 56, 80, 112)


#: Shuffles that are looked at together; and bytes that are kept for them until all layers were looked at without.
_AT_ONCE, _KEPT_BYTES = 40, 64 << 20


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


@dataclass(frozen=True, slots=True)
class _Sets:
    """Sets of instances for some vectors of errors, each with its statistic's numbers, of one shape [sets, vectors]."""

    counts: np.ndarray
    expected: np.ndarray
    sizes: np.ndarray


class RegionScan:
    """The scan of some layers. Most have no region, which few shuffles show, so the errors as they are go before the shuffles.

    Arguments:
        errors: bool [instances].
        strata: of like scores, int [instances], within which errors are shuffled.
        seed: of the shuffles.
    """

    def __init__(self, errors: np.ndarray, strata: np.ndarray, seed: int = 0) -> None:
        self._n, self._seed = errors.size, seed
        self._rates = label_rates(strata, errors)
        self._shuffle = Shuffle(strata, errors)
        self._own = errors[:, None].astype(np.float32)
        self._later: list[Callable[[np.ndarray], Iterator[_Sets]]] = []
        #: The largest statistic of each shuffle, as far as they were looked at.
        self._maxima = np.zeros(SHUFFLES)
        self._bytes = 0
        self._best: tuple[float, int, np.ndarray] | None = None
        self._candidates = 0

    def add_ordered(self, layer: int, values: np.ndarray) -> None:
        """Looks at the sets of highest predictions of a ridge regression on a layer, float32 [instances, neurons]."""
        regression = HeldOut(values)
        rates, sizes = self._rates[:, None].astype(np.float32), _sizes(self._n)

        def ordered(errors: np.ndarray) -> tuple[np.ndarray, _Sets]:
            order = np.argsort(-regression.predict(errors - rates), axis=0, kind="stable")[: sizes[-1]]
            counts = np.cumsum(np.take_along_axis(errors, order, axis=0), axis=0)[sizes - 1]
            expected = np.cumsum(self._rates[order], axis=0)[sizes - 1]
            return order, _Sets(counts, expected, np.broadcast_to(sizes[:, None], counts.shape))

        order, own = ordered(self._own)
        best = self._look(own)
        if best is not None:
            self._best = (best[0], layer, order[: sizes[best[1]], 0])
        self._shuffles(lambda errors: iter([ordered(errors)[1]]), regression.nbytes)

    def add_near(self, layer: int, values: np.ndarray) -> None:
        """Looks at the nearest instances of some in a layer, float32 [instances, neurons]."""
        centres = np.random.default_rng(4).permutation(self._n)[:_CENTRES]
        lengths = np.einsum("ij,ij->i", values, values)
        near = _smallest(lengths - 2 * (values[centres] @ values.T), _NEAR[-1])
        sizes = [size for size in _NEAR if size <= self._n]

        def nearest(errors: np.ndarray) -> Iterator[_Sets]:
            members, done = np.zeros((len(centres), self._n), np.float32), 0
            for size in sizes:
                members[np.arange(len(centres))[:, None], near[:, done:size]] = 1
                done = size
                counts = members @ errors
                expected = np.broadcast_to((members @ self._rates)[:, None], counts.shape)
                yield _Sets(counts, expected, np.full(counts.shape, size))

        for size, own in zip(sizes, nearest(self._own), strict=True):
            best = self._look(own)
            if best is not None:
                self._best = (best[0], layer, near[best[1], :size])
        self._shuffles(nearest, near.nbytes)

    def best(self) -> Region | None:
        """The set of the largest statistic of those that fail, if any; None also where its p-value is above LEVEL."""
        if self._best is None:
            return None
        statistic, layer, first = self._best
        members = np.zeros(self._n, bool)
        members[first] = True
        above = int(LEVEL * (1 + SHUFFLES))  # so many shuffles that are as large make p larger than LEVEL
        for start in range(0, SHUFFLES, _AT_ONCE):
            here = slice(start, min(start + _AT_ONCE, SHUFFLES))
            self._look_shuffled(here, self._later)
            if (self._maxima[: here.stop] >= statistic).sum() >= above:
                return None
        p = (1 + int((self._maxima >= statistic).sum())) / (1 + SHUFFLES)
        return Region(layer, members, first, p, self._candidates)

    def _shuffles(self, sets: Callable[[np.ndarray], Iterator[_Sets]], nbytes: int) -> None:
        """Has the shuffles looked at later, or, where what they need takes too much memory until then, now."""
        if self._bytes + nbytes <= _KEPT_BYTES:
            self._bytes += nbytes
            self._later.append(sets)
        else:
            self._look_shuffled(slice(0, SHUFFLES), [sets])

    def _look_shuffled(self, here: slice, later: Sequence[Callable[[np.ndarray], Iterator[_Sets]]]) -> None:
        """The largest statistics of some shuffles."""
        if not later:
            return
        errors = np.zeros((self._n, here.stop - here.start), np.float32)
        for number in range(here.start, here.stop):
            wrong = self._shuffle.errors(np.random.default_rng((3, self._seed, number)))
            errors[wrong, number - here.start] = 1
        for sets in later:
            for one in sets(errors):
                check_time()
                largest = _statistic(one.counts.astype(float), one.expected, one.sizes).max(axis=0)
                self._maxima[here] = np.maximum(self._maxima[here], largest)

    def _look(self, own: _Sets) -> tuple[float, int] | None:
        """The largest statistic of the errors as they are, if it is the largest up to now, and its place."""
        check_time()
        sizes, counts, expected = own.sizes[:, 0], own.counts[:, 0].astype(float), own.expected[:, 0]
        self._candidates += len(counts)
        values = np.where(fails(sizes, counts, expected), _statistic(counts, expected, sizes), 0)
        place = int(values.argmax())
        if values[place] <= (self._best[0] if self._best is not None else 0):
            return None
        return float(values[place]), place


def _smallest(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the smallest values of each row, ascending, equal ones in their order; [rows, at most count]."""
    if count >= values.shape[1]:
        return np.argsort(values, axis=1, kind="stable")
    limit = np.partition(values, count - 1, axis=1)[:, count - 1]
    found = np.empty((len(values), count), np.int64)
    for row, here in enumerate(values):
        places = np.flatnonzero(here <= limit[row])
        found[row] = places[np.argsort(here[places], kind="stable")[:count]]
    return found


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


class HeldOut:
    """Held-out predictions by ridge regression in five folds.

    Of the inverse of the whole system, the part of a fold gives what the regression without the fold misses there. Where there are
    fewer neurons than instances, it comes from the inverse of the neurons' products (the Woodbury identity).

    Arguments:
        values: float32 [instances, neurons], centred.

    Attributes:
        nbytes: that it takes.
    """

    def __init__(self, values: np.ndarray) -> None:
        n, neurons = values.shape
        few = neurons < n
        self._wide = values.astype(np.float64) if few else None
        system = (values.T @ values if few else values @ values.T).astype(np.float64)
        self._ridge = _RIDGE * float(np.trace(system)) / n
        system[np.diag_indices(len(system))] += self._ridge
        check_time()
        self._inverse = np.linalg.inv(system)
        self._right = self._wide @ self._inverse if self._wide is not None else None
        self.nbytes = sum(one.nbytes for one in (self._wide, self._inverse, self._right) if one is not None)

    def predict(self, wanted: np.ndarray) -> np.ndarray:
        """Of targets, [instances, targets], the predictions, float64 of the same shape."""
        n = len(wanted)
        if self._wide is not None and self._right is not None:
            whole = (wanted - self._right @ (self._wide.T @ wanted)) / self._ridge
        else:
            whole = self._inverse @ wanted
        predicted = np.empty(whole.shape)
        for fold in range(FOLDS):
            check_time()
            held = np.arange(fold, n, FOLDS)
            predicted[held] = wanted[held] - np.linalg.solve(self._part(held), whole[held])
        return predicted

    def _part(self, held: np.ndarray) -> np.ndarray:
        """The part of the inverse of the whole system, [held, held]."""
        part: np.ndarray
        if self._wide is None or self._right is None:
            part = self._inverse[np.ix_(held, held)]
        else:
            part = (np.eye(held.size) - self._right[held] @ self._wide[held].T) / self._ridge
        return part


def score_strata(scores: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Strata of like scores, int [instances], with bounds at these shares of the instances; one for scores that are not known."""
    known = np.isfinite(scores)
    if not known.any():
        return np.zeros(scores.size, np.int64)
    bounds = np.unique(np.quantile(scores[known], shares))
    return np.where(known, np.searchsorted(bounds, scores, side="left"), bounds.size + 1)
