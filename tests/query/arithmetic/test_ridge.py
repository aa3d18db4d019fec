"""The ridge regression against scikit-learn's, its R² against predictions of instances that are left out, and its limits."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from tensorboard_activis.query.arithmetic.ridge import RIDGE, most_rows, ridge
from tests.processor_time import at_most


@pytest.mark.parametrize(("n", "neurons"), [(60, 20), (30, 50), (40, 40), (3, 7), (1_100, 1)])
def test_weights_and_r2_are_those_of_scikit_learn(n: int, neurons: int) -> None:
    random = np.random.default_rng(n)
    activations = (random.normal(size=(n + 5, neurons)) * random.random(neurons) * 3 + 2).astype(np.float16)
    rows = np.arange(2, n + 2)
    values = activations[rows].astype(np.float64)
    targets = values @ random.normal(size=(neurons, 4)) + random.normal(size=(n, 4))
    penalty = RIDGE * ((values - values.mean(axis=0)) ** 2).sum() / neurons
    found = ridge(activations, rows, targets)
    assert found.n == n
    np.testing.assert_allclose(found.weights, Ridge(alpha=penalty).fit(values, targets).coef_, rtol=2e-4, atol=1e-5)
    if n < 100:
        left_out = cross_val_predict(Ridge(alpha=penalty), values, targets, cv=LeaveOneOut())
        squares = ((targets - targets.mean(axis=0)) ** 2).sum()
        assert found.r2 == pytest.approx(1 - ((targets - left_out) ** 2).sum() / squares, rel=1e-6, abs=1e-6)


def test_what_does_not_vary_gives_weights_of_zero_and_no_error() -> None:
    activations = np.full((9, 4), 3, np.float16)
    found = ridge(activations, np.arange(9), np.arange(18.0).reshape(9, 2))
    assert (found.weights == 0).all()
    assert found.r2 < 0  # nothing is known of an instance that is left out
    varying = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float16)
    assert np.isnan(ridge(varying, np.arange(9), np.full((9, 2), 7.0)).r2)


def test_r2_of_many_neurons_is_no_better_than_chance_where_there_is_nothing_to_learn() -> None:
    random = np.random.default_rng(1)
    activations = random.normal(size=(50, 400)).astype(np.float16)
    targets = random.normal(size=(50, 3))
    found = ridge(activations, np.arange(50), targets)
    centred = activations - activations.astype(np.float64).mean(axis=0)
    fitted = centred @ found.weights.T.astype(np.float64) + targets.mean(axis=0)
    assert ((targets - fitted) ** 2).sum() < 0.01 * targets.var() * targets.size  # it fits what it has seen,
    assert found.r2 < 0.1  # which says nothing


def test_2_048_neurons_and_1_000_instances_take_a_second_of_the_processor() -> None:
    random = np.random.default_rng(2)
    activations, targets = random.normal(size=(1_000, 2_048)).astype(np.float16), random.normal(size=(1_000, 10))
    ridge(activations[:, :8], np.arange(1_000), targets)
    with at_most(2):
        ridge(activations, np.arange(1_000), targets)


@pytest.mark.parametrize("neurons", [1, 64, 1_536, 1_537, 2_048, 8_192, 1_000_000])
def test_work_and_memory_are_bounded(neurons: int) -> None:
    n = most_rows(neurons)
    assert n >= 64
    assert n * neurons * min(n, neurons) <= 1e10
    assert min(n, neurons) ** 2 * 8 < 20 << 20
