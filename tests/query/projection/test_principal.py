"""Principal components of many rows against scikit-learn's exact ones."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tensorboard_activis.query.arithmetic import blocks, statistics
from tensorboard_activis.query.projection import principal as module
from tensorboard_activis.query.projection.principal import principal


@pytest.fixture(autouse=True)
def in_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_EXACT", -1)
    monkeypatch.setattr(blocks, "_BLOCK", 1 << 11)
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 64)
    monkeypatch.setattr(blocks, "_PART", 1 << 13)
    monkeypatch.setattr(module, "_FIRST", 300)


def decaying(instances: int, neurons: int, rate: float = 0.8) -> np.ndarray:
    """Directions of falling weight and a mean far from 0."""
    generator = np.random.default_rng(0)
    width = min(instances, neurons)
    weights = rate ** np.arange(width)
    mixed = (generator.normal(size=(instances, width)) * weights) @ generator.normal(size=(width, neurons))
    return (mixed + 40 * generator.normal(size=neurons)).astype(np.float16)


@pytest.mark.parametrize("shape", [(2_001, 53), (1_501, 210), (90, 210)])
@pytest.mark.parametrize("rate", [0.5, 0.8, 0.95])
def test_agrees_with_scikit_learn(shape: tuple[int, int], rate: float) -> None:
    activations = decaying(*shape, rate)
    reference = PCA(3, svd_solver="full").fit(activations.astype(np.float64))
    found, shares = principal(activations, 3)
    assert found.dtype == np.float32
    assert found.shape == (shape[0], 3)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_, rtol=5e-3)
    expected = reference.transform(activations.astype(np.float64))
    for axis in range(2):
        assert abs(np.corrcoef(found[:, axis], expected[:, axis])[0, 1]) > 0.99
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-3 * np.abs(found).max())


def test_axes_of_the_first_rows_carry_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FITTED", 700)
    activations = decaying(3_001, 53, 0.5)
    values = activations.astype(np.float64)
    found, shares = principal(activations, 2)
    axes = PCA(2, svd_solver="full").fit(values[:700] - values.mean(axis=0) + values[:700].mean(axis=0)).components_
    expected = (values - values.mean(axis=0)) @ axes.T
    assert abs(np.corrcoef(found[:, 0], expected[:, 0])[0, 1]) > 0.999
    total = values.var(axis=0).sum()
    np.testing.assert_allclose(shares, found.astype(np.float64).var(axis=0) / total, rtol=1e-3)


def test_values_that_are_not_finite_take_the_mean_of_their_neuron() -> None:
    activations = decaying(1_201, 37)
    generator = np.random.default_rng(1)
    activations[generator.random(activations.shape) < 0.02] = np.nan
    activations[5, 3], activations[:, 7] = np.inf, np.nan
    filled = np.where(np.isfinite(activations), activations.astype(np.float64), np.nan)
    with np.errstate(invalid="ignore"):
        means = np.nanmean(np.delete(filled, 7, axis=1), axis=0)
    filled = np.delete(filled, 7, axis=1)
    filled = np.where(np.isnan(filled), means, filled)
    found, shares = principal(activations, 2)
    reference = PCA(2, svd_solver="full").fit(filled)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_, rtol=5e-3)
    assert abs(np.corrcoef(found[:, 0], reference.transform(filled)[:, 0])[0, 1]) > 0.999


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 3), (3, 40)])
def test_little_data(shape: tuple[int, int]) -> None:
    found, shares = principal(np.arange(np.prod(shape), dtype=np.float16).reshape(shape), 2)
    assert found.shape[0] == shape[0]
    assert found.shape[1] == shares.size <= 2
    assert np.isfinite(found).all()


def test_constant_and_huge_values() -> None:
    assert principal(np.full((90, 4), 3, np.float16), 2)[0].shape == (90, 0)
    huge = np.full((90, 4), 65504, np.float16)
    huge[::2] = -65504
    found, shares = principal(huge, 2)
    assert shares[0] == pytest.approx(1)
    np.testing.assert_allclose(np.abs(found[:, 0]), 2 * 65504, rtol=1e-5)
