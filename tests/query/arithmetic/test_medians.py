"""Medians against numpy's, over values of every kind."""

import numpy as np
import pytest

from tensorboard_activis.query.arithmetic import medians as module
from tensorboard_activis.query.arithmetic.medians import medians
from tensorboard_activis.query.limits import TooLargeError, time_limit


def expected(activations: np.ndarray, sets: np.ndarray) -> np.ndarray:
    values = np.where(np.isfinite(activations), activations, np.nan).astype(np.float64)
    some = [[column[chosen & np.isfinite(column)] for column in values.T] for chosen in sets]
    return np.array([[np.median(each) if each.size else np.nan for each in line] for line in some])


@pytest.mark.parametrize("rows", [1, 2, 7, 300])
@pytest.mark.parametrize("part", [1 << 20, 64])
def test_any_values(rows: int, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PART", part)
    random = np.random.default_rng(rows)
    bits = random.integers(0, 1 << 16, (rows, 70), np.uint16)  # every float16 there is, NaN and infinities among them
    activations = bits.view(np.float16)
    sets = random.random((4, rows)) < np.array([[1.0], [0.5], [0.1], [0.0]])
    with np.errstate(invalid="ignore"):
        found = medians(activations, sets)
        np.testing.assert_allclose(found, expected(activations, sets), rtol=1e-6)
    assert found.dtype == np.float32


def test_equal_values_and_both_zeros() -> None:
    activations = np.array([[1, -0.0], [1, 0.0], [1, -1], [2, 1]], np.float16)
    assert medians(activations, np.ones((1, 4), bool)).tolist() == [[1, 0]]


def test_the_largest_values_do_not_overflow() -> None:
    activations = np.array([[65504], [65504]], np.float16)
    assert medians(activations, np.ones((1, 2), bool)).tolist() == [[65504]]


def test_nothing() -> None:
    assert medians(np.zeros((0, 3), np.float16), np.zeros((2, 0), bool)).shape == (2, 3)
    assert np.isnan(medians(np.full((2, 1), np.nan, np.float16), np.ones((1, 2), bool))).all()


def test_the_limit_of_time_holds() -> None:
    with pytest.raises(TooLargeError), time_limit(0):
        medians(np.zeros((10, 3), np.float16), np.ones((1, 10), bool))
