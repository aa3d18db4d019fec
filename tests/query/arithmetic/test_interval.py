"""Intervals against scipy and against how often they hold."""

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from tensorboard_activis.query.arithmetic.interval import half_width, t_quantile


def test_quantiles_of_students_t() -> None:
    degrees = np.array([1, 2, 3, 4, 5, 8, 20, 100, 10**6])
    np.testing.assert_allclose(t_quantile(degrees), stats.t.ppf(0.975, degrees), rtol=1e-2)
    assert np.isnan(t_quantile(np.array([0]))).all()


def test_by_hand() -> None:
    # population deviation 3 of 10 values: standard error 3 / sqrt(9) = 1, t of 9 degrees 2.262, three quarters not seen
    assert half_width(np.array(3.0), np.array(10), 0.25) == pytest.approx(2.262 * np.sqrt(0.75), rel=1e-3)
    assert half_width(np.array(3.0), np.array(10), 1.0) == 0
    assert np.isnan(half_width(np.array([0.0]), np.array([1]), 0.5)).all()


def test_holds_nineteen_times_of_twenty() -> None:
    generator = np.random.default_rng(0)
    everything = generator.gamma(2.0, size=400)
    held = 0
    for _ in range(1000):
        sample = generator.choice(everything, 100, replace=False)
        error = half_width(sample.std(), np.array(100), 0.25)
        held += abs(sample.mean() - everything.mean()) <= error
    assert 925 <= held <= 975
