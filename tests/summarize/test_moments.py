"""Statistics agree with numpy over the whole data, however it is cut into batches and merged."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.summarize.groups import Groups
from tensorboard_activis.summarize.membership import Membership
from tensorboard_activis.summarize.moments import Moments
from tests.processes import run_threads


def groups(masks: np.ndarray) -> Groups:
    """masks: bool [subsets, instances]"""
    subset, instance = np.nonzero(masks)
    return Groups(Membership(subset, instance, *masks.shape))


def groups_of(members: list[np.ndarray], instances: int) -> Groups:
    return Groups(Membership.of_lists(members, instances))


def test_one_value_that_is_far_out_spoils_no_other_subset() -> None:
    """A mean as the pivot would lie so far out that the others' digits were lost."""
    values = np.linspace(1, 2, 20, dtype=np.float32)[:, None]
    values[3] = -3e38
    moments = Moments(2, 1)
    others = np.delete(np.arange(20), 3)
    moments.add(values, groups_of([np.arange(20), others], 20))
    result = moments.statistics()
    exact = values.astype(np.float64)
    np.testing.assert_allclose(result.mean[:, 0], [exact.mean(), exact[others].mean()], rtol=1e-6)
    np.testing.assert_allclose(result.std[:, 0], [exact.std(), exact[others].std()], rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 9), st.floats(-1e4, 1e4))
def test_batches_and_merges_give_what_numpy_gives(seed: int, instances: int, batch: int, offset: float) -> None:
    random = np.random.default_rng(seed)
    values = (offset + random.normal(size=(instances, 5))).astype(np.float32)
    masks = random.random((3, instances)) < 0.5
    parts = [Moments(3, 5), Moments(3, 5)]
    for index, start in enumerate(range(0, instances, batch)):
        rows = slice(start, start + batch)
        parts[index % 2].add(values[rows], groups(masks[:, rows]))
    parts[0].merge(parts[1].part())
    result = parts[0].statistics()

    for subset, mask in enumerate(masks):
        assert result.count[subset, 0] == mask.sum()
        if not mask.any():
            assert np.isnan([result.mean[subset], result.std[subset], result.min[subset], result.max[subset]]).all()
            continue
        of_subset = values[mask].astype(np.float64)
        np.testing.assert_allclose(result.mean[subset], of_subset.mean(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(result.std[subset], of_subset.std(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(result.min[subset], values[mask].min(axis=0))
        np.testing.assert_array_equal(result.max[subset], values[mask].max(axis=0))


@given(st.data(), st.integers(1, 40), st.integers(1, 12), st.sampled_from([1, 3, 100]), st.booleans())
def test_any_subsets_in_blocks_of_any_size(
    data: st.DataObject, instances: int, subsets: int, rows: int, holes: bool
) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = random.integers(-99, 99, (instances, 5)).astype(np.float32)
    if holes:
        values[random.random(values.shape) < 0.2] = random.choice([np.nan, np.inf, -np.inf])
    # Few and many members, the same ones twice, one class per instance.
    masks = random.random((subsets, instances)) < random.random((subsets, 1)) ** 3
    masks = np.concatenate([masks, masks[:1], random.integers(0, 4, instances) == np.arange(4)[:, None]])
    moments = Moments(len(masks), 5)
    where, wide = "tensorboard_activis.summarize.moments", data.draw(st.sampled_from([1, 1024]))
    with patch(f"{where}._BLOCK", rows * 5), patch(f"{where}._WIDE", wide):
        for _ in range(2):  # a second batch adds to the first
            moments.add(values, groups(masks))
    result = moments.statistics()
    for subset, mask in enumerate(masks):
        for neuron in range(5):
            known = values[mask, neuron].astype(np.float64)
            known = known[np.isfinite(known)]
            assert np.broadcast_to(result.count, result.mean.shape)[subset, neuron] == 2 * known.size
            found = [getattr(result, name)[subset, neuron] for name in ("mean", "std", "min", "max")]
            expected = [known.mean(), known.std(), known.min(), known.max()] if known.size else [np.nan] * 4
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.booleans())
def test_processes_add_up(seed: int, size: int, holes: bool) -> None:
    """What each has seen, reduced over all; one of them may have seen nothing."""
    random = np.random.default_rng(seed)
    values = random.normal(1e3, 1, (20, 5)).astype(np.float32)
    if holes:
        values[3, 2] = np.nan
    owner = random.integers(0, size, 20)
    masks = random.random((3, 20)) < 0.5
    whole = Moments(3, 5)
    whole.add(values, groups(masks))

    def work(processes: Processes) -> Moments:
        mine = owner == processes.rank
        moments = Moments(3, 5)
        moments.add(values[mine], groups(masks[:, mine]))
        moments.combine(processes.sum, processes.min, processes.max)
        return moments

    expected = whole.statistics()
    for moments in run_threads(size, work):
        assert moments.nan.sum() == int(holes)
        result = moments.statistics()
        for field in ("count", "mean", "std", "min", "max"):
            np.testing.assert_allclose(getattr(result, field), getattr(expected, field), rtol=1e-6, err_msg=field)


def test_no_negative_variance_far_from_zero() -> None:
    values = np.full((7, 2), 16_777_216, dtype=np.float32)
    moments = Moments(1, 2)
    moments.add(values, groups_of([np.arange(7)], 7))
    np.testing.assert_array_equal(moments.statistics().std, np.zeros((1, 2)))


def test_values_that_are_not_finite_are_left_out_and_counted() -> None:
    values = np.array([[1, np.nan], [3, 2], [np.inf, 4], [-np.inf, np.nan]], dtype=np.float32)
    moments = Moments(2, 2)
    moments.add(values, groups_of([np.arange(4), np.array([0, 3])], 4))
    result = moments.statistics()
    assert (moments.nan.tolist(), moments.inf.tolist()) == ([0, 2], [2, 0])
    np.testing.assert_array_equal(result.count, [[2, 2], [1, 0]])
    np.testing.assert_array_equal(result.mean, [[2, 3], [1, np.nan]])
    np.testing.assert_array_equal(result.std, [[1, 1], [0, np.nan]])
    np.testing.assert_array_equal(result.min, [[1, 2], [1, np.nan]])


@pytest.mark.parametrize("instances", [0, 1])
def test_almost_nothing(instances: int) -> None:
    moments = Moments(1, 3)
    moments.add(np.full((instances, 3), 2, dtype=np.float32), groups_of([np.arange(instances)], instances))
    assert moments.statistics().count[0, 0] == instances
