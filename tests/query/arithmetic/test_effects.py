"""Effect sizes by hand, tests of means against scipy."""

import numpy as np
import pytest

from tensorboard_activis.query.arithmetic.effects import correction, discovery_rates, effect_size, student, welch

stats = pytest.importorskip("scipy.stats")  # comes with scikit-learn


def moments(*sets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of sets [instances, neurons]: mean, population deviation and count, each [sets, neurons]."""
    return (
        np.array([one.mean(axis=0) for one in sets]),
        np.array([one.std(axis=0) for one in sets]),
        np.array([np.full(one.shape[1], len(one)) for one in sets]),
    )


def test_hedges_g_by_hand() -> None:
    # A: 1 2 3 4 5, B: 2 4 6; means 3 and 4, sample variances 2.5 and 4; pooled variance (4*2.5 + 2*4) / 6 = 3.
    # The factor of 6 degrees of freedom: Γ(3) / (√3 Γ(2.5)) = 2 / (√3 · 1.5 · 0.5 · √π).
    one, other = np.arange(1.0, 6)[:, None], np.array([[2.0], [4], [6]])
    factor = 2 / (np.sqrt(3) * 0.75 * np.sqrt(np.pi))
    assert effect_size(*moments(one, other))[0] == pytest.approx(-1 / np.sqrt(3) * factor)


def test_the_correction_fades_as_instances_become_many() -> None:
    degrees = np.array([0, 1, 2, 6, 78, 1e6])
    expected = [np.nan, 0, 1 / np.sqrt(np.pi), 0.86863, 1 - 3 / (4 * 78 - 1), 1]
    np.testing.assert_allclose(correction(degrees), expected, rtol=1e-4)
    assert correction(degrees.reshape(2, 3)).shape == (2, 3)


def test_welch_is_scipys() -> None:
    generator = np.random.default_rng(0)
    one = generator.normal([0, 1, 5, 0, 100, 2, 0], [1, 3, 1, 1, 0.01, 1, 1], (11, 7))
    other = generator.normal([0, 0, 0, 0.5, 100, 2, 0], [2, 1, 1, 1, 0.02, 1, 9], (5, 7))
    expected = stats.ttest_ind(one, other, equal_var=False).pvalue
    np.testing.assert_allclose(welch(*moments(one, other)), expected, rtol=1e-8)


@pytest.mark.parametrize("degrees", [1, 1.5, 2, 7.25, 60, 900, 9_999, 10_001, 1e7])
def test_tails_of_students_t_are_scipys(degrees: float) -> None:
    t = np.array([0, 1e-9, 0.3, -1, 1.96, 4, -12, 30])
    np.testing.assert_allclose(student(t, np.full(8, degrees)), 2 * stats.t.sf(np.abs(t), degrees), rtol=2e-4)


def test_what_cannot_be_tested_is_nan() -> None:
    mean, std, count = np.array([[1.0, 1, 1, np.nan], [2, 1, 2, 2]]), np.ones((2, 4)), np.full((2, 4), 9)
    std[:, :2] = 0
    count[0, 2] = 1
    assert np.isnan(welch(mean, std, count)).all()


def test_discovery_rates_are_scipys() -> None:
    p = np.array([0.04, 0.001, np.nan, 0.5, 0.012, 0.012, 1])
    known = np.isfinite(p)
    found = discovery_rates(p)
    np.testing.assert_allclose(found[known], stats.false_discovery_control(p[known]))
    assert np.isnan(found[2])
    assert discovery_rates(np.array([])).shape == (0,)
