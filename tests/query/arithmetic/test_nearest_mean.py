"""Decisions by the nearest mean where float32 is not enough: scikit-learn's, in float64."""

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from tensorboard_activis.query.arithmetic.nearest_mean import NearestMean

FOLDS = 3


def by_scikit_learn(values: np.ndarray, groups: np.ndarray, folds: np.ndarray) -> np.ndarray:
    decided = np.empty_like(groups)
    for fold in range(FOLDS):
        means = NearestCentroid().fit(values[folds != fold], groups[folds != fold])
        decided[folds == fold] = means.predict(values[folds == fold])
    return decided


@pytest.mark.parametrize("seed", range(3))
def test_groups_that_differ_in_the_last_digits(seed: int) -> None:
    """Each row has a twin in the other group that differs by no more than the last digits of its neurons."""
    random = np.random.default_rng(seed)
    pairs, neurons = 60, 400
    shared = random.normal(scale=1000, size=(pairs, neurons))
    half = shared.astype(np.float16)
    twins = np.where(random.random(shared.shape) < 0.02, np.nextafter(half, np.float16(np.inf)), half)
    activations = np.concatenate([half, twins]).astype(np.float16)
    groups, folds = np.repeat([0, 1], pairs), np.tile(np.arange(pairs) % FOLDS, 2)
    rows = random.permutation(2 * pairs)
    nearest = NearestMean(activations, rows, groups[rows], folds[rows], (2, FOLDS))
    expected = by_scikit_learn(activations.astype(np.float64), groups, folds)
    assert set(expected) == {0, 1}
    assert (nearest.decisions() == expected[rows]).all()


def test_equal_means_are_the_first_groups() -> None:
    activations = np.tile(np.random.default_rng(0).normal(size=(6, 4)).astype(np.float16), (2, 1))
    groups, folds = np.repeat([0, 1], 6), np.tile(np.arange(6) % FOLDS, 2)
    nearest = NearestMean(activations, np.arange(12), groups, folds, (2, FOLDS))
    assert (nearest.decisions() == 0).all()
    assert nearest.largest_effect()[1:] == (None, None)


def test_runs_longer_than_a_block() -> None:
    """Sums over several blocks of rows are numpy's own."""
    random = np.random.default_rng(1)
    activations = random.normal(size=(2000, 3)).astype(np.float16)
    groups = np.repeat([0, 1, 2], [1500, 10, 490])
    folds = random.integers(0, FOLDS, 2000)
    rows = random.permutation(2000)
    nearest = NearestMean(activations, rows, groups[rows], folds[rows], (3, FOLDS))
    assert (nearest.decisions() == by_scikit_learn(activations.astype(np.float64), groups, folds)[rows]).all()
