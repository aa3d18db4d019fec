"""The arithmetic of the reducers, with numpy in the place of a framework."""

import numpy as np
import pytest

from tensorboard_activis.capture.reducers import REDUCERS
from tensorboard_activis.capture.reductions import _REDUCTIONS, reduce_positions

VALUES = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
#: Padding on the right, on the left, and nothing else.
REAL = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 0, 0]], bool)


def test_every_reducer_has_a_computation():
    assert {*_REDUCTIONS, "none"} == set(REDUCERS)


@pytest.mark.parametrize(
    ("reducer", "by_hand"),
    [
        ("mean", lambda real: real.mean(1)),
        ("max", lambda real: real.max(1)),
        ("std", lambda real: real.std(1)),
        ("first", lambda real: real[:, 0]),
        ("last", lambda real: real[:, -1]),
    ],
)
def test_only_real_positions_count(reducer, by_hand):
    values = np.where(REAL[:, None], VALUES, np.nan)
    with np.errstate(invalid="ignore"):
        reduced = reduce_positions(np, values, REAL, reducer)
    for row in (0, 1):
        np.testing.assert_allclose(reduced[row], by_hand(VALUES[row][:, REAL[row]]), rtol=1e-5)
    assert np.isnan(reduced[2]).all()
    np.testing.assert_allclose(reduce_positions(np, VALUES, None, reducer)[2], by_hand(VALUES[2]), rtol=1e-5)
