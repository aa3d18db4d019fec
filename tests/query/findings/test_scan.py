"""The scan over conditions, against loops that count."""

import itertools
import math

import numpy as np
import pytest

from tensorboard_activis.query.findings.outcomes import fails
from tensorboard_activis.query.findings.scan import Scan, Shuffle, label_rates


def made_up(seed: int, n: int = 240, conditions: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    members = random.random((conditions, n)) < random.uniform(0.1, 0.6, conditions)[:, None]
    strata = random.integers(0, 4, n)
    errors = random.random(n) < np.array([0.05, 0.1, 0.2, 0.6])[strata]
    errors |= members[2] & members[5] & (random.random(n) < 0.5)
    return members, strata, errors


def by_loops(members: np.ndarray, strata: np.ndarray, errors: np.ndarray) -> dict[tuple[int, ...], tuple]:
    """(n, k, E, statistic) of every condition and pair of at least 20 instances."""
    total, rate = int(errors.sum()), {c: errors[strata == c].mean() for c in set(strata.tolist())}
    found: dict[tuple[int, ...], tuple] = {}
    chosen: list[tuple[int, ...]] = [(i,) for i in range(len(members))]
    chosen += list(itertools.combinations(range(len(members)), 2))
    for one in chosen:
        inside = np.flatnonzero(np.all([members[i] for i in one], axis=0))
        if len(inside) < 20:
            continue
        k, e = int(errors[inside].sum()), sum(rate[c] for c in strata[inside].tolist())
        statistic = 0.0
        if k > e:
            statistic = k * math.log(k / e)
            statistic += (total - k) * math.log((total - k) / (total - e)) if total > k else 0
        found[one] = (len(inside), k, e, statistic)
    return found


def everything(n: np.ndarray, k: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.ones(n.shape, bool)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_counts_and_statistics(seed: int) -> None:
    members, strata, errors = made_up(seed)
    expected = by_loops(members, strata, errors)
    scan = Scan(members, np.ones(12, bool), strata, errors)
    assert scan.candidates == len(expected)
    found = scan.best(1000, everything)
    assert [one.statistic for one in found] == sorted((one.statistic for one in found), reverse=True)
    assert {one.conditions for one in found} == {one for one, (_, k, e, _) in expected.items() if k > e}
    for one in found:
        assert (one.n, one.k, one.expected, one.statistic) == pytest.approx(
            expected[one.conditions], rel=1e-4, abs=1e-6
        )
    assert found[0].conditions == (2, 5)


def test_p_is_that_of_the_largest_statistic() -> None:
    """Against permutations of another generator; of 199 each, so that the standard error of a share of .3 is .03."""
    members, strata, _ = made_up(3, conditions=8)
    errors = np.random.default_rng(5).random(240) < 0.2
    random = np.random.default_rng(11)
    maxima = []
    for _ in range(199):
        shuffled = errors.copy()
        for c in range(4):
            here = np.flatnonzero(strata == c)
            shuffled[here] = errors[random.permutation(here)]
        maxima.append(max(one[3] for one in by_loops(members, strata, shuffled).values()))
    scan = Scan(members, np.ones(8, bool), strata, errors)
    for quantile, tolerance in ((0.97, 0.03), (0.999, 0.02)):
        statistic = float(np.quantile(maxima, quantile))
        assert scan.p(statistic) == pytest.approx((1 + sum(one >= statistic for one in maxima)) / 200, abs=tolerance)
    assert scan.p(1e9) == 1 / 200
    assert scan.p(0.0) > 0.05


def test_a_shuffle_keeps_the_errors_of_each_label() -> None:
    _, strata, errors = made_up(0)
    strata[:3], errors[:3] = 7, True  # a label of which all are wrong
    shuffle = Shuffle(strata, errors)
    random = np.random.default_rng(0)
    seen = np.zeros(240)
    for _ in range(400):
        wrong = shuffle.errors(random)
        assert len(set(wrong.tolist())) == errors.sum()
        assert np.bincount(strata[wrong]).tolist() == np.bincount(strata[errors]).tolist()
        seen[wrong] += 1
    assert seen / 400 == pytest.approx(label_rates(strata, errors), abs=0.12)


def test_labels_alone_are_no_candidates_but_in_pairs() -> None:
    members, strata, errors = made_up(0)
    alone = np.ones(12, bool)
    alone[2] = False
    found = {one.conditions for one in Scan(members, alone, strata, errors).best(1000, everything)}
    assert (2,) not in found
    assert (2, 5) in found


def test_a_condition_that_implies_another_makes_no_pair_with_it() -> None:
    members, strata, errors = made_up(0)
    members = members[[0, 0]]
    members[1] = members[0] & (np.arange(240) % 2 == 0)
    assert Scan(members, np.ones(2, bool), strata, errors).candidates == 2


def test_a_pair_must_beat_its_better_condition() -> None:
    random = np.random.default_rng(0)
    n = 2000
    members = random.random((30, n)) < 0.3
    strata = np.zeros(n, int)
    one = Scan(members, np.ones(30, bool), strata, (random.random(n) < 0.05) | (members[4] & (random.random(n) < 0.4)))
    pairs = [
        candidate
        for candidate in one.best(1000, everything)
        if 4 in candidate.conditions and len(candidate.conditions) == 2
    ]
    assert one.parent(pairs[0]).conditions == (4,)
    assert not one.beats(pairs[0], one.parent(pairs[0]))
    both = members[4] & members[9]
    two = Scan(members, np.ones(30, bool), strata, (random.random(n) < 0.05) | (both & (random.random(n) < 0.4)))
    best = two.best(1, everything)[0]
    assert best.conditions == (4, 9)
    assert two.beats(best, two.parent(best))


@pytest.mark.parametrize(("left_out", "beaten"), [(19, False), (20, True)])
def test_a_pair_that_leaves_few_instances_of_its_condition_out_does_not_beat_it(left_out: int, beaten: bool) -> None:
    """All errors of a condition of 120 instances are in those of a second one, which leaves 19 or 20 of them out."""
    members = np.zeros((2, 1000), bool)
    members[0, :120] = True
    members[1, : 120 - left_out] = members[1, 500:700] = True
    errors = np.zeros(1000, bool)
    errors[: 120 - left_out : 2] = errors[900:920] = True
    scan = Scan(members, np.ones(2, bool), np.zeros(1000, int), errors)
    pair = next(one for one in scan.best(10, everything) if one.conditions == (0, 1))
    parent = scan.parent(pair)
    assert (parent.conditions, pair.n, pair.k, parent.k) == ((0,), 120 - left_out, pair.k, pair.k)
    assert scan.beats(pair, parent) == beaten


def test_a_pair_is_tried_by_its_share_of_the_errors_within_its_better_condition() -> None:
    """A pair with fewer errors than its condition, nearly all of them its own; its p-value against draws by loops."""
    random = np.random.default_rng(1)
    n = 900
    members = random.random((12, n)) < 0.3
    strata = random.integers(0, 3, n)
    errors = (random.random(n) < 0.03) | (members[2] & members[5] & (random.random(n) < 0.3))
    scan = Scan(members, np.ones(12, bool), strata, errors)
    pair = next(one for one in scan.best(1000, everything) if one.conditions == (2, 5))
    parent = scan.parent(pair)
    inside = np.flatnonzero(members[parent.conditions[0]])
    rates = label_rates(strata, errors)[inside]
    total = int(errors[inside].sum())

    def largest(wrong: np.ndarray, others: list[int]) -> float:
        statistics = [0.0]
        for j in others:
            both = members[j][inside]
            k, e = int(wrong[both].sum()), total * rates[both].sum() / rates.sum()
            if 20 <= both.sum() < min(inside.size, members[j].sum()) and k > e:
                rest = (total - k) * math.log((total - k) / (total - e)) if k < total else 0
                statistics.append(k * math.log(k / e) + rest)
        return max(statistics)

    (other,) = set(pair.conditions) - set(parent.conditions)
    observed = largest(errors[inside], [other])
    drawn = []
    for _ in range(199):
        wrong = np.zeros(inside.size, bool)
        wrong[random.choice(inside.size, total, replace=False, p=rates / rates.sum())] = True
        drawn.append(largest(wrong, [j for j in range(12) if j != parent.conditions[0]]))
    assert np.mean(np.array(drawn) >= observed) <= 0.001
    assert scan.beats(pair, parent)
    weak = max(
        (
            one
            for one in scan.best(1000, everything)
            if len(one.conditions) == 2 and one.conditions != (2, 5) and parent.conditions[0] in one.conditions
        ),
        key=lambda one: one.k,
    )
    (other,) = set(weak.conditions) - set(parent.conditions)
    assert np.mean(np.array(drawn) >= largest(errors[inside], [other])) >= 0.05
    assert not scan.beats(weak, parent)


@pytest.mark.parametrize(
    ("n", "k", "expected", "shown"),
    [
        (84, 41, 10.0, True),
        (19, 15, 1.0, False),
        (20, 4, 0.1, False),
        (100, 14, 5.0, False),
        (100, 30, 20.1, False),
        (100, 31, 20.1, True),
    ],
)
def test_what_is_enough_to_be_shown(n: int, k: int, expected: float, shown: bool) -> None:
    assert bool(fails(n, k, expected)) is shown
