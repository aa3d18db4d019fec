"""Principal components against scikit-learn, and signs that stay."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tensorboard_activis.query.projection import pca as module
from tensorboard_activis.query.projection.pca import agreement, fix_signs, pca


def sample(instances: int, neurons: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(instances, 4)) * [8, 4, 2, 1] @ generator.normal(size=(4, neurons)) + 3).astype(
        np.float16
    )


@pytest.mark.parametrize("shape", [(40, 7), (7, 40)])
@pytest.mark.parametrize("exact", [True, False])
def test_agrees_with_scikit_learn(shape: tuple[int, int], exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not exact:
        monkeypatch.setattr(module, "MAX_EXACT", 0)
    activations = sample(*shape)
    reference = PCA(2, svd_solver="full").fit(activations.astype(np.float64))
    expected = reference.transform(activations.astype(np.float64))
    found = pca(activations)
    assert found.xy.dtype == np.float32
    np.testing.assert_allclose(np.abs(found.xy), np.abs(expected), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(found.explained, reference.explained_variance_ratio_, rtol=1e-3)
    np.testing.assert_allclose(found.xy.mean(axis=0), 0, atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (5, 1), (4, 0), (2, 3)])
def test_little_data(shape: tuple[int, int]) -> None:
    found = pca(np.arange(np.prod(shape), dtype=np.float16).reshape(shape))
    assert found.xy.shape == (shape[0], 2)
    assert np.isfinite(found.xy).all()


def test_constant_huge_and_missing_values() -> None:
    assert not pca(np.ones((9, 3), np.float16)).xy.any()
    huge = np.full((9, 3), 60000, np.float16)
    huge[:4] *= -1
    assert pca(huge).explained[0] == pytest.approx(1)
    missing = sample(30, 6)
    missing[2, 3] = np.nan
    missing[4, 1] = np.inf
    filled = missing.astype(np.float64)
    for row, column in ((2, 3), (4, 1)):
        filled[row, column] = np.delete(filled[:, column], row).mean()
    np.testing.assert_allclose(np.abs(pca(missing).xy), np.abs(PCA(2).fit_transform(filled)), rtol=1e-2, atol=2e-2)


def test_signs_do_not_depend_on_the_sign_of_the_axes() -> None:
    xy = np.random.default_rng(1).normal(size=(30, 2)).astype(np.float32)
    labels = np.repeat([-1, 0, 1], 10)
    xy[labels == 0] += 1
    for one in (labels, None):
        for signs in ([1, -1], [-1, 1], [-1, -1]):
            assert np.array_equal(fix_signs(xy * np.array(signs, np.float32), one), fix_signs(xy, one))
    assert (fix_signs(-xy, labels)[labels == 0].mean(axis=0) > 0).all()


def test_a_step_does_not_mirror_the_one_before() -> None:
    before = np.random.default_rng(2).normal(size=(30, 2)).astype(np.float32)
    after = before + 0.1
    signs, correlations = agreement(after * np.array([-1, 1], np.float32), before)
    assert signs.tolist() == [-1, 1]
    expected = [np.corrcoef(after[:, axis] + 0.0, before[:, axis])[0, 1] for axis in (0, 1)]
    before_centred, after_centred = before - before.mean(axis=0), after - after.mean(axis=0)
    np.testing.assert_allclose(agreement(after_centred, before_centred)[1], expected, rtol=1e-5)
    signs, correlations = agreement(after, np.zeros_like(before))
    assert signs.tolist() == [1, 1]
    assert correlations.tolist() == [0, 0]


@pytest.mark.parametrize("signal", [4, 0])  # eigenvalues far from the next ones, and close to them
def test_few_axes_of_many_neurons_are_those_of_scikit_learn(signal: int) -> None:
    random = np.random.default_rng(0)
    activations = random.normal(size=(400, 300))
    activations += random.normal(size=(400, signal)) @ random.normal(size=(signal, 300)) * 3
    half = activations.astype(np.float16)
    reference = PCA(2, svd_solver="full").fit(half.astype(np.float64))
    found = pca(half)
    np.testing.assert_allclose(np.abs(found.xy), np.abs(reference.transform(half.astype(np.float64))), atol=1e-3)
    np.testing.assert_allclose(found.explained, reference.explained_variance_ratio_, rtol=1e-5)
