"""Which conditions hold more errors than the labels of their instances explain: a scan with permutations within the label.

For a condition with k of all K errors, of which E are expected (the sum of the error rates of its instances' labels), the
statistic is k ln(k/E) + (K - k) ln((K - k)/(K - E)), and 0 unless k > E. Its p-value is that of the largest over all conditions
when the errors are shuffled within each label.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.arithmetic.workers import in_parts
from tensorboard_activis.query.findings.conditions import LEAST_INSTANCES
from tensorboard_activis.query.limits import check_time

#: Conditions of which pairs are made.
MOST_PAIRED = 300
#: Permutations, fewer where they would take longer than so many multiplications; one more is a multiple of twenty.
PERMUTATIONS = (199, 99, 39, 19)
_MOST_PRODUCTS = 1.5e11
#: Significance levels: of the largest of all candidates, and of a pair beside one of its conditions.
LEVEL, PARENT_LEVEL = 0.05, 0.01
_BLOCK = 8_192


@dataclass(frozen=True, slots=True)
class Candidate:
    """One condition or two: indices of conditions, with counts.

    Attributes:
        conditions: one index or two.
        n: instances.
        k: errors among them.
        expected: errors that their labels explain.
        statistic: how far the errors exceed those.
    """

    conditions: tuple[int, ...]
    n: int
    k: int
    expected: float
    statistic: float


class Scan:
    """The scan over all conditions and pairs of them.

    Arguments:
        members: instances of each condition, bool [conditions, instances].
        alone: which conditions are candidates by themselves; in pairs all are. bool [conditions].
        strata: label of each instance, int [instances], within which errors are shuffled.
        errors: bool [instances].
        seed: of the permutations.
    """

    def __init__(
        self, members: np.ndarray, alone: np.ndarray, strata: np.ndarray, errors: np.ndarray, seed: int = 0
    ) -> None:
        self._members, self._errors, self._seed = members, errors, seed
        self._strata = strata
        self.total = int(errors.sum())
        self.rates = label_rates(strata, errors)
        paired = min(MOST_PAIRED, len(members))
        self._pairs = members[:paired]
        # Rows of instances lie together: an error is one row of each.
        self._by_instance = np.ascontiguousarray(members.T)
        self._single_n = members.sum(axis=1)
        self._single_e = members @ self.rates
        self._pair_n, self._pair_e = self._pair_sums()
        self._singles = alone & (self._single_n >= LEAST_INSTANCES)
        smaller = np.minimum.outer(self._single_n[:paired], self._single_n[:paired])
        # A pair of which one condition implies the other is a single one.
        self._pairable = np.triu((self._pair_n >= LEAST_INSTANCES) & (self._pair_n < smaller), 1)
        self._logs = np.concatenate([[0.0], np.log(np.arange(1, self.total + 1))]) * np.arange(self.total + 1)
        products = 2.0 * self.total * (paired**2 + len(members)) + 30.0 * paired**2
        self.permutations = next(
            (count for count in PERMUTATIONS if count * products <= _MOST_PRODUCTS), PERMUTATIONS[-1]
        )
        self._shuffle = Shuffle(strata, errors)
        wrong = np.flatnonzero(errors)
        #: Errors and statistics as they are, of single conditions and of pairs.
        self._observed = tuple(zip(self._counts(wrong), self._statistics(wrong), strict=True))
        self._maxima: list[float] = []

    @property
    def candidates(self) -> int:
        """How many conditions and pairs there are."""
        return int(self._singles.sum() + self._pairable.sum())

    def best(self, count: int, shown: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> list[Candidate]:
        """The candidates of the largest statistic, at most so many: ties by fewer conditions, more instances, order of conditions.

        Arguments:
            shown: which of them may be shown, given arrays of their instances, errors and expected errors.
        """
        (k_single, single), (k_pair, pair) = self._observed
        single = np.where(shown(self._single_n, k_single, self._single_e), single, 0)
        pair = np.where(shown(self._pair_n, k_pair, self._pair_e), pair, 0)
        found = [
            Candidate((i,), int(self._single_n[i]), int(k_single[i]), float(self._single_e[i]), float(single[i]))
            for i in _largest(single, count)
        ]
        for place in _largest(pair.ravel(), count):
            i, j = divmod(place, pair.shape[1])
            numbers = int(self._pair_n[i, j]), int(k_pair[i, j]), float(self._pair_e[i, j]), float(pair[i, j])
            found.append(Candidate((i, j), *numbers))
        found.sort(key=lambda one: (-round(one.statistic, 9), len(one.conditions), -one.n, one.conditions))
        return found[:count]

    def single(self, condition: int) -> Candidate:
        """A condition by itself."""
        k, statistic = (int(self._observed[0][0][condition]), float(self._observed[0][1][condition]))
        return Candidate((condition,), int(self._single_n[condition]), k, float(self._single_e[condition]), statistic)

    def p(self, statistic: float) -> float:
        """Share of permutations, this one counted in, whose largest statistic is at least so large.

        Stops where it is certain to be above LEVEL.
        """
        reached, allowed = 0, LEVEL * (self.permutations + 1) - 1
        for maximum in self._maxima:
            reached += maximum >= statistic
        if len(self._maxima) < self.permutations and reached <= allowed:
            for maximum in in_parts(self._maximum, range(len(self._maxima), self.permutations)):
                self._maxima.append(maximum)
                reached += maximum >= statistic
                if reached > allowed:
                    break
        return (reached + 1) / (len(self._maxima) + 1)

    def parent(self, pair: Candidate) -> Candidate:
        """The better one of a pair's conditions, by itself."""
        return max(map(self.single, pair.conditions), key=lambda one: one.statistic)

    def beats(self, pair: Candidate, parent: Candidate) -> bool:
        """Whether a pair says more than one of its conditions by itself.

        Within that condition's instances, is the pair with the errors it has there as surprising as no pair is by chance? As many
        errors as there are fall on them at random, in proportion to the error rates of their labels: in at most PARENT_LEVEL of
        the draws may any pair with this condition be as surprising. A pair that leaves fewer than LEAST_INSTANCES of them out is
        none of these: it says of too few that they do not fail.
        """
        (condition,) = parent.conditions
        other = next(one for one in pair.conditions if one != condition)
        inside = np.flatnonzero(self._members[condition])
        weights = np.log(np.maximum(self.rates[inside], 1e-12))
        n, share = self._pair_n[condition], self._pair_e[condition] / max(parent.expected, 1e-12)
        allowed = (n >= LEAST_INSTANCES) & (n < self._single_n[: n.size]) & (n <= inside.size - LEAST_INSTANCES)
        allowed[condition] = False
        if not allowed[other]:
            return False

        def surprises(wrong: np.ndarray) -> np.ndarray:
            k = self._by_instance[wrong, : n.size].sum(axis=0)
            return self._surprise(k, parent.k * share, allowed, parent.k)

        observed = float(surprises(inside[self._errors[inside]])[other])
        reached = 0
        for number in range(PERMUTATIONS[0]):
            check_time()
            # The largest of these keys are a weighted draw without replacement (Efraimidis and Spirakis, 2006).
            keys = weights + np.random.default_rng((self._seed, condition, number)).gumbel(size=inside.size)
            wrong = inside[np.argpartition(keys, -parent.k)[-parent.k :]]
            reached += surprises(wrong).max(initial=0.0) >= observed - 1e-9
            if reached + 1 > PARENT_LEVEL * (PERMUTATIONS[0] + 1):
                return False
        return True

    def _pair_sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Instances of each pair and their expected errors, [paired, paired]."""
        size = len(self._pairs)
        n, e = np.zeros((size, size)), np.zeros((size, size))
        for start in range(0, self._errors.size, _BLOCK):
            check_time()
            some = self._pairs[:, start : start + _BLOCK].astype(np.float32)
            n += some @ some.T
            e += (some * self.rates[start : start + _BLOCK].astype(np.float32)) @ some.T
        return n, e

    def _counts(self, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Errors of each condition and of each pair, where these instances are wrong."""
        rows = self._by_instance[wrong]
        some = rows[:, : len(self._pairs)].astype(np.float32)
        return rows.sum(axis=0), some.T @ some

    def _statistics(self, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        single, pair = self._counts(wrong)
        return (
            self._surprise(single, self._single_e, self._singles),
            self._surprise(pair, self._pair_e, self._pairable),
        )

    def _surprise(
        self, k: np.ndarray, expected: np.ndarray, allowed: np.ndarray, total: int | None = None
    ) -> np.ndarray:
        """The statistic where it is allowed and k exceeds what is expected, elsewhere 0; of so many errors, by default all."""
        total = self.total if total is None else total
        value = np.zeros(k.shape)
        here = allowed & (k > expected + 1e-9)
        count, e = k[here].astype(np.int64), expected[here]
        rest = total - count
        left = np.maximum(total - e, 1e-12)
        value[here] = self._logs[count] - count * np.log(e) + self._logs[rest] - rest * np.log(left)
        return value

    def _maximum(self, number: int) -> float:
        wrong = self._shuffle.errors(np.random.default_rng((self._seed, number)))
        single, pair = self._statistics(wrong)
        return float(max(single.max(initial=0.0), pair.max(initial=0.0)))


class Shuffle:
    """Shuffles errors within the label.

    Arguments:
        strata: label of each instance, int [instances].
        errors: bool [instances].
    """

    def __init__(self, strata: np.ndarray, errors: np.ndarray) -> None:
        order = np.argsort(strata, kind="stable")
        _, starts = np.unique(strata[order], return_index=True)
        self._parts = [(part, int(errors[part].sum())) for part in np.split(order, starts[1:])]

    def errors(self, random: np.random.Generator) -> np.ndarray:
        """Indices of the instances that are wrong in one permutation: of each label as many as there are."""
        chosen = [
            part if count == part.size else part[random.choice(part.size, count, replace=False, shuffle=False)]
            for part, count in self._parts
            if count
        ]
        return np.concatenate(chosen) if chosen else np.zeros(0, np.int64)


def label_rates(strata: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The error rate of each instance's label, float64 [instances]."""
    _, codes = np.unique(strata, return_inverse=True)
    counts = np.bincount(codes)
    rates: np.ndarray = (np.bincount(codes, weights=errors) / np.maximum(counts, 1))[codes]
    return rates


def _largest(values: np.ndarray, count: int) -> list[int]:
    """Places of the largest values above 0, at most so many and those that are equal to the last."""
    above = int((values > 0).sum())
    if not above:
        return []
    threshold = max(0.0, np.partition(values, -min(count, values.size))[-min(count, values.size)])
    places: list[int] = np.flatnonzero((values >= threshold) & (values > 0))[: 4 * count].tolist()
    return places
