"""Numbers of the matrix against plain numpy over the data that were logged."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.query.matrix import matrix as module
from tensorboard_activis.query.matrix.matrix import matrix
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.matrix.sorting import Sort
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import Data

LAYER = "stem/relu"


def test_declared_subsets_are_exact(snapshot: SnapshotReader, data: Data) -> None:
    found = matrix(snapshot, LAYER, [Row(subset="all"), Row(subset="cat"), Row(subset="nobody")])
    for index, values in ((0, data.activations[LAYER]), (1, data.activations[LAYER][data.labels == 2])):
        np.testing.assert_allclose(found.mean[index], values.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(found.std[index], values.std(axis=0), rtol=1e-5)
        assert np.array_equal(found.max[index], values.max(axis=0))
        np.testing.assert_allclose(found.active[index], (values > 0).mean(axis=0), rtol=1e-6)
        assert found.n[index] == len(values)
    assert np.isnan(found.mean[2]).all()
    assert np.isnan(found.active[2]).all()
    assert found.n[2] == 0
    assert [source.source for source in found.rows] == ["exact"] * 3
    assert found.mean.dtype == np.float32
    assert found.order.tolist() == [0, 1, 2, 3, 4]
    assert found.effect is None


def test_expressions_and_instances_are_of_the_sample(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    found = matrix(snapshot, LAYER, [Row(expression='label == "cat"'), Row(instance=5)])
    half = data.activations[LAYER].astype(np.float16).astype(np.float64)[rank]
    chosen = half[data.labels[rank] == 2]
    np.testing.assert_allclose(found.mean[0], chosen.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.std[0], chosen.std(axis=0), rtol=1e-6)
    assert np.array_equal(found.mean[1], half[5])
    assert not found.std[1].any()
    assert [(source.source, source.n, source.seen) for source in found.rows] == [
        ("sample", len(chosen), 17),
        ("instance", 1, 17),
    ]


def test_sorted_by_difference(snapshot: SnapshotReader, data: Data) -> None:
    found = matrix(snapshot, LAYER, [Row(subset="ant"), Row(subset="bee")], Sort("difference", 0, 1))
    one, other = (data.activations[LAYER][data.labels == index].astype(np.float64) for index in (0, 1))
    n, m = len(one), len(other)
    pooled = np.sqrt(((n - 1) * one.var(axis=0, ddof=1) + (m - 1) * other.var(axis=0, ddof=1)) / (n + m - 2))
    hedges = np.exp(math.lgamma((n + m - 2) / 2) - math.lgamma((n + m - 3) / 2)) / np.sqrt((n + m - 2) / 2)
    expected = (one.mean(axis=0) - other.mean(axis=0)) / pooled * hedges
    assert found.effect is not None
    np.testing.assert_allclose(found.effect, expected, rtol=1e-4)
    assert found.order.tolist() == np.argsort(-expected).tolist()


def test_values_that_are_not_finite(snapshot: SnapshotReader) -> None:
    layer = replace(snapshot.layers["head"], nan=1)
    values = snapshot.activations("head").copy()
    values[3, 1] = np.nan
    snapshot.layers["head"] = layer
    setattr(snapshot, "activations", lambda name: values)  # noqa: B010
    found = matrix(snapshot, "head", [Row(expression="True")])
    known = np.delete(values[:, 1].astype(np.float64), 3)
    assert found.mean[0, 1] == pytest.approx(known.mean())
    assert np.isfinite(found.mean).all()


def test_limits_and_what_is_not_there(snapshot: SnapshotReader, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match="was not recorded"):
        matrix(snapshot, "stem", [Row(subset="all")])
    monkeypatch.setattr(module, "MAX_CELLS", 9)
    with pytest.raises(TooLargeError, match="A matrix can have 9 cells; 2 rows of 5 neurons are more"):
        matrix(snapshot, LAYER, [Row(subset="all"), Row(instance=1)])


def test_a_prefix_answers_first_with_an_interval(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    rows = [Row(subset="all"), Row(expression="True"), Row(expression='label == "bee"'), Row(instance=15)]
    whole, first = matrix(snapshot, LAYER, rows), matrix(snapshot, LAYER, rows, prefix=9)
    assert (whole.complete, first.complete) == (True, False)
    assert matrix(snapshot, LAYER, rows, prefix=17).complete
    half = data.activations[LAYER].astype(np.float16).astype(np.float64)[rank]
    np.testing.assert_allclose(first.mean[1], half[:9].mean(axis=0), rtol=1e-6)
    expected = half[:9].std(axis=0, ddof=1) / 3 * 2.306 * np.sqrt(1 - 9 / 17)  # t of 8 degrees of freedom
    np.testing.assert_allclose(first.error[1], expected, rtol=1e-2)
    assert first.n.tolist() == [17, 9, np.count_nonzero(data.labels[rank[:9]] == 1), 1]
    assert np.array_equal(first.mean[3], half[15])
    assert np.array_equal(first.mean[0], whole.mean[0])
    assert not first.error[[0, 3]].any()
    assert not whole.error.any()  # every instance was kept


def test_medians_are_of_the_kept_instances(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    rows = [
        Row(subset="all"),
        Row(subset="bee"),
        Row(expression='label == "bee"'),
        Row(instance=3),
        Row(subset="nobody"),
    ]
    found = matrix(snapshot, LAYER, rows, wanted=["median"])
    half = data.activations[LAYER].astype(np.float16).astype(np.float64)[rank]
    bees = np.median(half[data.labels[rank] == 1], axis=0)
    expected = [np.median(half, axis=0), bees, bees, half[3], np.full(5, np.nan)]
    np.testing.assert_allclose(found.median, expected, rtol=1e-6)
    first = matrix(snapshot, LAYER, rows[:1], wanted=["median"], prefix=9)
    np.testing.assert_allclose(first.median[0], np.median(half[:9], axis=0), rtol=1e-6)
    assert "median" not in matrix(snapshot, LAYER, rows).statistics  # takes a pass of its own, so it is asked for


def test_what_is_not_wanted_is_not_computed(snapshot: SnapshotReader, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row(subset="all"), Row(expression='label == "bee"'), Row(instance=3)]
    whole, few = matrix(snapshot, LAYER, rows), matrix(snapshot, LAYER, rows, wanted=("mean", "std"))
    for name in ("mean", "std", "error", "n"):
        assert np.array_equal(getattr(few, name), getattr(whole, name))
    assert few.rows == whole.rows
    with pytest.raises(AttributeError, match="no active"):
        few.active  # noqa: B018

    def never(*arguments: object) -> np.ndarray:
        raise AssertionError("a declared subset was looked for in the sample")

    monkeypatch.setattr(module, "members", never)
    assert np.array_equal(matrix(snapshot, LAYER, [rows[0], rows[2]], wanted=["max"]).max, whole.max[[0, 2]])
