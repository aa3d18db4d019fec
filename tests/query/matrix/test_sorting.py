"""Orders of neurons on values that can be checked by eye."""

import numpy as np
import pytest

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.arithmetic.effects import effect_size
from tensorboard_activis.query.matrix.clustering import MAX_CLUSTERED, clustered_order
from tensorboard_activis.query.matrix.sorting import Sort, order, parse_sort

MEAN = np.array([[1.0, 5.0, np.nan, 3.0], [4.0, 0.0, 2.0, 3.0], [0.0, 0.0, 9.0, -8.0]])
STD = np.ones((3, 4))
COUNT = np.full((3, 4), 6)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (Sort("index"), [0, 1, 2, 3]),
        (Sort("row", 0), [1, 3, 0, 2]),
        (Sort("row", 1), [0, 3, 2, 1]),
        (Sort("strongest"), [2, 1, 0, 3]),
        (Sort("difference", 0, 1), [1, 3, 0, 2]),
        (Sort("difference", 1, 0), [0, 3, 1, 2]),
        (Sort("difference", 0, 0), [0, 1, 3, 2]),
    ],
)
def test_orders(sort: Sort, expected: list[int]) -> None:
    assert order(sort, MEAN, STD.__getitem__, COUNT).order.tolist() == expected
    assert order(sort, MEAN, STD.__getitem__, COUNT).order.dtype == np.int32


def test_without_spread() -> None:
    mean = np.array([[1.0, 2.0, 0.0], [1.0, 1.0, 4.0]])
    nothing = np.zeros((2, 3))
    effect = effect_size(mean, nothing, np.full((2, 3), 5))
    assert effect[0] == 0
    assert np.isnan(effect[1:]).all()
    assert order(Sort("difference", 0, 1), mean, nothing.__getitem__, np.full((2, 3), 5)).order.tolist() == [1, 0, 2]
    # Two single instances have no pooled deviation at all: by the difference itself.
    assert order(Sort("difference", 0, 1), mean, nothing.__getitem__, np.ones((2, 3))).order.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    "sort",
    [
        1,
        {},
        {"by": "a"},
        {"by": "row"},
        {"by": "row", "a": 3},
        {"by": "row", "a": -1},
        {"by": "row", "a": True},
        {"by": "difference", "a": 1},
    ],
)
def test_wrong_rules(sort: object) -> None:
    with pytest.raises(QueryError):
        parse_sort(sort, 3)


def test_rules_from_json() -> None:
    assert parse_sort(None, 3) == Sort()
    assert parse_sort({"by": "difference", "a": 2, "b": 0}, 3) == Sort("difference", 2, 0)


def test_clusters_stand_together() -> None:
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(4, 12)) * 5  # 4 groups of neurons, over 12 rows
    group = generator.integers(0, 4, 60)
    values = (centres[group] + generator.normal(size=(60, 12)) * 0.3).T
    found, _ = clustered_order(values)
    assert sorted(found.tolist()) == list(range(60))
    assert np.count_nonzero(np.diff(group[found])) == 3


def test_clustering_agrees_with_scipy_on_the_groups() -> None:
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    generator = np.random.default_rng(1)
    values = generator.normal(size=(7, 25))
    points = (values - values.mean(axis=0)) / values.std(axis=0)
    groups = hierarchy.fcluster(hierarchy.linkage(points.T, "average"), 6, "maxclust")
    # A group is a branch, and a branch's leaves stand side by side whichever way branches are turned.
    assert np.count_nonzero(np.diff(groups[clustered_order(values)[0]])) == groups.max() - 1


@pytest.mark.parametrize("neurons", [0, 1, 2, MAX_CLUSTERED + 5])
def test_every_neuron_is_there_once(neurons: int) -> None:
    values = np.random.default_rng(2).normal(size=(3, neurons))
    values[:, : neurons // 2] = 1.0
    assert sorted(clustered_order(values)[0].tolist()) == list(range(neurons))


def test_dead_and_unknown_neurons_do_no_harm() -> None:
    values = np.random.default_rng(3).normal(size=(4, 9))
    values[:, 2] = 0
    values[:, 5] = np.nan
    assert sorted(clustered_order(values)[0].tolist()) == list(range(9))
