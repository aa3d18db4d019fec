"""Widening is exact for every float16, and the statistics agree with numpy's in float64."""

import numpy as np
import pytest

from tensorboard_activis.query.halffloat import mean_and_std, statistics, widen


def test_every_float16_is_widened_exactly() -> None:
    half = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = half[np.isfinite(half)]
    wide = widen(finite)
    assert wide.dtype == np.float32
    assert np.array_equal(wide.view(np.uint32), finite.astype(np.float32).view(np.uint32))  # signs of zero too
    assert np.array_equal(widen(half), half.astype(np.float32), equal_nan=True)


def _sets(rows: int) -> np.ndarray:
    sets = np.zeros((4, rows), bool)
    sets[0] = True
    sets[1, ::3] = True
    sets[3, rows // 2] = True
    return sets


@pytest.mark.parametrize("rows", [7, 5000])
@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_statistics_agree_with_float64(rows: int, mean: float) -> None:
    generator = np.random.default_rng(0)
    activations = (generator.normal(size=(rows, 5)) + mean).astype(np.float16)
    sets = _sets(rows)
    found = statistics(activations, sets, finite=True)
    exact = activations.astype(np.float64)
    for index in (0, 1, 3):
        chosen = exact[sets[index]]
        np.testing.assert_allclose(found.mean[index], chosen.mean(axis=0), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found.std[index], chosen.std(axis=0), rtol=1e-4, atol=1e-5)
        assert np.array_equal(found.max[index], chosen.max(axis=0))
        np.testing.assert_allclose(found.active[index], (chosen > 0).mean(axis=0), rtol=1e-12)
        assert (found.count[index] == len(chosen)).all()
    assert np.isnan(found.mean[2]).all()
    assert np.isnan(found.max[2]).all()
    assert (found.count[2] == 0).all()


def test_both_threads_and_both_ways_give_the_same() -> None:
    generator = np.random.default_rng(1)
    activations = generator.normal(loc=2, size=(3000, 701)).astype(np.float16)
    sets = _sets(3000)
    fast, slow = statistics(activations, sets, finite=True), statistics(activations, sets, finite=False)
    for name in ("mean", "std", "max", "active"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-4, atol=2e-6)
    mean, std = mean_and_std(activations, sets, finite=True)
    assert np.array_equal(mean, fast.mean, equal_nan=True)
    assert np.array_equal(std, fast.std, equal_nan=True)


def test_values_that_are_not_finite_are_left_out_per_neuron() -> None:
    activations = np.array([[1, np.nan, 2], [3, np.inf, -4], [5, 6, np.nan]], np.float16)
    found = statistics(activations, np.ones((1, 3), bool), finite=False)
    assert found.count.tolist() == [[3, 1, 2]]
    assert found.mean.tolist() == [[3, 6, -1]]
    assert found.max.tolist() == [[5, 6, 2]]
    np.testing.assert_allclose(found.std, [[np.sqrt(8 / 3), 0, 3]])
    np.testing.assert_allclose(found.active, [[1, 1, 0.5]])
