"""The order of leaves: as good as scipy's, and near it where the best would cost too much."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from tensorboard_activis.query.matrix import leaf_order as module
from tensorboard_activis.query.matrix.clustering import clustered_order
from tensorboard_activis.query.matrix.leaf_order import leaf_order

hierarchy = pytest.importorskip("scipy.cluster.hierarchy")  # comes with scikit-learn
squareform = pytest.importorskip("scipy.spatial.distance").squareform


def points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 6))


def apart(places: np.ndarray) -> np.ndarray:
    return np.linalg.norm(places[:, None] - places, axis=2).astype(np.float32)


def length(order: np.ndarray, distances: np.ndarray) -> float:
    return float(distances[order[:-1], order[1:]].sum())


def scipys(distances: np.ndarray) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Merges in our numbering, and the leaves in scipy's optimal order."""
    tree = hierarchy.linkage(squareform(distances, checks=False), "average")
    number = list(range(len(distances)))
    merges = []
    for one, other in tree[:, :2].astype(int):
        merges.append((number[one], number[other]))
        number.append(number[one])
    best = hierarchy.optimal_leaf_ordering(tree, squareform(distances, checks=False))
    return merges, hierarchy.leaves_list(best)


def turns(merges: list[tuple[int, int]]) -> Iterator[list[int]]:
    """All orders of the leaves that the tree allows."""
    for flips in itertools.product((False, True), repeat=len(merges)):
        parts: dict[int, list[int]] = {}
        for (first, second), flip in zip(merges, flips, strict=True):
            one, other = parts.get(first, [first]), parts.get(second, [second])
            parts[first] = other + one if flip else one + other
        yield parts[merges[-1][0]]


@pytest.mark.parametrize("count", [2, 3, 4, 6, 9])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_shortest_of_all_turns(count: int, seed: int) -> None:
    distances = apart(points(count, seed))
    merges, _ = scipys(distances)
    order, optimal = leaf_order(merges, distances)
    assert optimal
    assert order.tolist() in list(turns(merges))
    shortest = min(length(np.array(turn), distances) for turn in turns(merges))
    assert length(order, distances) == pytest.approx(shortest, rel=1e-6)


@pytest.mark.parametrize("count", [40, 150])
def test_it_is_no_longer_than_scipys(count: int) -> None:
    distances = apart(points(count))
    merges, best = scipys(distances)
    order, optimal = leaf_order(merges, distances)
    assert optimal
    assert sorted(order) == list(range(count))
    assert length(order, distances) <= length(best, distances) * (1 + 1e-6)


def test_a_chain_of_a_thousand_leaves() -> None:
    places = np.cumsum(np.arange(1.0, 1001))[:, None] * [1, 0]
    merges = [(0, leaf) for leaf in range(1, 1000)]
    order, optimal = leaf_order(merges, apart(places))
    assert optimal
    assert order.tolist() in (list(range(1000)), list(range(999, -1, -1)))


def test_where_the_best_costs_too_much_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    distances = apart(points(60))
    merges, best = scipys(distances)
    for limit in (0, 500, 3_000):
        monkeypatch.setattr(module, "MAX_WORK", limit)
        order, optimal = leaf_order(merges, distances)
        assert not optimal
        assert sorted(order) == list(range(60))
        assert length(order, distances) < 1.3 * length(best, distances)
        group = hierarchy.fcluster(hierarchy.linkage(squareform(distances, checks=False), "average"), 7, "maxclust")
        assert np.count_nonzero(np.diff(group[order])) == group.max() - 1


def test_neurons_are_ordered_by_it() -> None:
    values = points(70).T
    scores = (values - values.mean(axis=0)) / values.std(axis=0)
    _, best = scipys(apart(scores.T))
    order, optimal = clustered_order(values)
    assert optimal
    assert length(order, apart(scores.T)) <= length(best, apart(scores.T)) * (1 + 1e-5)
