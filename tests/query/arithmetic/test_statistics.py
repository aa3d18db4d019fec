"""Statistics of sets of rows against numpy's in float64, whichever way they go."""

import numpy as np
import pytest

from tensorboard_activis.query.arithmetic import blocks
from tensorboard_activis.query.arithmetic import statistics as module
from tensorboard_activis.query.arithmetic.statistics import Moments, mean_and_std, statistics


def reference(activations: np.ndarray, sets: np.ndarray) -> Moments:
    """numpy's, over the finite values of each neuron."""
    shape = (len(sets), activations.shape[1])
    count, mean, std, highest, active = np.zeros(shape, np.int64), *(np.full(shape, np.nan) for _ in range(4))
    for i, chosen in enumerate(sets):
        for j, column in enumerate(activations[chosen].T):
            values = column[np.isfinite(column)].astype(np.float64)
            count[i, j] = values.size
            if values.size:
                mean[i, j], std[i, j], highest[i, j] = values.mean(), values.std(), values.max()
                active[i, j] = (values > 0).mean()
    return Moments(count, mean, std, highest, active)


def agrees(found: Moments, exact: Moments) -> None:
    """Means and deviations to a millionth of the deviation, the rest exactly."""
    assert np.array_equal(found.count, exact.count)
    assert np.array_equal(found.max, exact.max, equal_nan=True)
    np.testing.assert_allclose(found.active, exact.active, rtol=1e-12)
    assert np.array_equal(np.isnan(found.mean), np.isnan(exact.mean))
    few = 1e-6 * np.nan_to_num(exact.std) + 1e-12 * np.nan_to_num(np.abs(exact.mean))
    assert (np.nan_to_num(np.abs(found.mean - exact.mean)) <= few).all()
    assert (np.nan_to_num(np.abs(found.std - exact.std)) <= few).all()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small data go the way of large ones, in many blocks and parts."""
    monkeypatch.setattr(module, "_EXACT", -1)
    monkeypatch.setattr(blocks, "_BLOCK", 1 << 11)
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 64)
    monkeypatch.setattr(blocks, "_PART", 1 << 13)


def overlapping(rows: int) -> np.ndarray:
    """Five sets of unequal sizes: all, every third, none, one, a random half."""
    sets = np.zeros((5, rows), bool)
    sets[0] = True
    sets[1, ::3] = True
    sets[3, rows // 2] = True
    sets[4] = np.random.default_rng(7).random(rows) < 0.5
    return sets


def disjoint(rows: int) -> np.ndarray:
    """Seven classes, the last of a single row, and none."""
    labels = np.random.default_rng(8).integers(0, 6, rows)
    labels[rows // 3] = 6
    return labels == np.arange(8)[:, None]


def many(rows: int) -> np.ndarray:
    """Forty sets, more than there are bits to tell them apart by."""
    return np.random.default_rng(10).random((40, rows)) < 0.02


SETS = pytest.mark.parametrize("sets", [overlapping, disjoint, many, lambda rows: overlapping(rows)[4:]])


@SETS
@pytest.mark.parametrize("finite", [True, False])
@pytest.mark.usefixtures("fast")
def test_ordinary_values(sets, finite: bool) -> None:
    activations = np.random.default_rng(0).normal(size=(701, 29)).astype(np.float16)
    agrees(statistics(activations, sets(701), finite=finite), reference(activations, sets(701)))


@SETS
@pytest.mark.usefixtures("fast")
def test_a_small_spread_beside_a_large_mean(sets) -> None:
    generator = np.random.default_rng(1)
    means = np.array([0, 1, 60, 300, 2000, 60000, -60000], np.float64)
    activations = (generator.normal(size=(701, 7)) * [1e-3, 1e-2, 0.1, 1, 2, 50, 50] + means).astype(np.float16)
    agrees(statistics(activations, sets(701), finite=True), reference(activations, sets(701)))


@pytest.mark.usefixtures("fast")
def test_sets_far_apart_each_with_little_spread() -> None:
    # About one pivot the sums of squares would be a million times what they are to tell.
    labels = np.random.default_rng(2).integers(0, 4, 701)
    sets = np.concatenate([labels == np.arange(4)[:, None], np.ones((1, 701), bool)])
    centres = np.array([[10, 0, 5], [-10, 0, 5], [2000, 3, 5], [0.01, 3, 5]])
    activations = (centres[labels] + np.random.default_rng(3).normal(size=(701, 3)) * 0.01).astype(np.float16)
    activations[:, 2] = 5  # constant everywhere
    activations[labels == 1, 1] = 0.25  # constant in one set
    agrees(statistics(activations, sets, finite=True), reference(activations, sets))


@SETS
@pytest.mark.usefixtures("fast")
def test_subnormals_and_the_ends_of_the_range(sets) -> None:
    bits = np.random.default_rng(4).integers(0, 0x400, (701, 3)).astype(np.uint16)
    bits[::2] |= 0x8000
    ends = np.where(np.random.default_rng(5).random((701, 2)) < 0.5, 65504, -65504).astype(np.float16)
    activations = np.column_stack([bits.view(np.float16), ends])
    agrees(statistics(activations, sets(701), finite=True), reference(activations, sets(701)))


@SETS
@pytest.mark.usefixtures("fast")
def test_values_that_are_not_finite_are_left_out_per_neuron(sets) -> None:
    generator = np.random.default_rng(6)
    activations = generator.normal(size=(701, 29)).astype(np.float16)
    for value in (np.nan, np.inf, -np.inf):
        activations[generator.random(activations.shape) < 0.05] = value
    activations[:, 3] = np.nan
    activations[:, 4] = np.inf
    activations[:, 5] = np.where(np.isfinite(activations[:, 5]), -np.abs(activations[:, 5]), np.nan)
    agrees(statistics(activations, sets(701), finite=False), reference(activations, sets(701)))


def test_few_values_go_through_float64() -> None:
    activations = np.array([[1, np.nan, 2], [3, np.inf, -4], [5, 6, np.nan]], np.float16)
    sets = np.array([[1, 1, 1], [0, 0, 0], [0, 1, 0]], bool)
    found = statistics(activations, sets, finite=False)
    assert found.count.tolist() == [[3, 1, 2], [0, 0, 0], [1, 0, 1]]
    assert found.mean[0].tolist() == [3, 6, -1]
    assert found.max[0].tolist() == [5, 6, 2]
    np.testing.assert_allclose(found.std[0], [np.sqrt(8 / 3), 0, 3])
    agrees(found, reference(activations, sets))


def test_a_nan_that_signals_is_left_out_like_any_other() -> None:
    activations = np.array([[1], [3], [5]], np.float16)
    activations.view(np.uint16)[1] = 0x7C01  # files may hold it, arithmetic with it warns
    found = statistics(activations, np.array([[True, True, True]]), finite=False)
    assert (found.count, found.mean, found.std) == (2, 3, 2)


def test_many_rows_as_they_come() -> None:
    activations = np.random.default_rng(9).normal(2, 1, size=(20_000, 300)).astype(np.float16)
    sets = overlapping(20_000)
    agrees(statistics(activations, sets, finite=True), reference(activations, sets))
    mean, std = mean_and_std(activations, sets, finite=True)
    whole = statistics(activations, sets, finite=True)
    np.testing.assert_allclose(mean, whole.mean, rtol=1e-6)
    np.testing.assert_allclose(std, whole.std, rtol=1e-6)


@pytest.mark.usefixtures("fast")
def test_without_extremes() -> None:
    found = statistics(np.ones((90, 3), np.float16), np.ones((2, 90), bool), finite=True, extremes=False)
    assert np.isnan(found.max).all()
    assert np.isnan(found.active).all()
    assert (found.mean == 1).all()
