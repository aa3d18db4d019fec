"""Cells as bytes: within half a step of the values, and unknown ones are told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.matrix.quantized import parse_bounds, parse_window, to_bytes


@given(
    arrays.arrays(
        np.float32,
        (3, 5),
        elements=st.floats(-1e6, 1e6, width=32)
        | st.floats(allow_nan=False, allow_infinity=False, width=32)
        | st.sampled_from([np.nan, np.inf, -np.inf]),
    )
)
def test_a_byte_is_within_half_a_step(values: np.ndarray) -> None:
    found = to_bytes(values)
    known = np.isfinite(values)
    assert found.values.dtype == np.uint8
    assert ((found.values == 0) == ~known).all()
    back = found.low + (found.values.astype(float) - 1) / 254 * (found.high - found.low)
    assert np.abs(back - values)[known].max(initial=0) <= (found.high - found.low) / 508 * (1 + 1e-4)


def test_given_bounds_make_windows_fit_together() -> None:
    found = to_bytes(np.array([-9.0, 0, 1, 2, 99]), (0.0, 2.0))
    assert found.values.tolist() == [1, 1, 128, 255, 255]
    assert (found.low, found.high) == (0, 2)


def test_a_span_below_float32s_normal_numbers() -> None:
    found = to_bytes(np.array([0, 1e-45, 3e-45], np.float32))
    assert found.values.tolist() == [1, 128, 255]


def test_nothing_known_and_nothing_that_differs() -> None:
    assert to_bytes(np.full((2, 3), np.nan)).values.tolist() == [[0] * 3] * 2
    found = to_bytes(np.full(4, 7.5))
    assert (found.values.tolist(), found.low, found.high) == ([1] * 4, 7.5, 7.5)
    assert to_bytes(np.zeros((0, 5))).values.shape == (0, 5)


def test_windows() -> None:
    assert parse_window(None, 7) is None
    assert parse_window([2, 5], 7) == slice(2, 5)
    assert parse_window([2, 500], 7) == slice(2, 7)
    wrong: object
    for wrong in ([5, 2], [1], [-1, 3], [0, 1.5], [True, 3], "1,2", {}):
        with pytest.raises(QueryError, match="positions among the 7 sorted neurons"):
            parse_window(wrong, 7)


def test_bounds() -> None:
    assert parse_bounds(None) is None
    assert parse_bounds([-1, 2.5]) == (-1.0, 2.5)
    wrong: object
    for wrong in ([2, 1], [1], [None, 1], [True, 2], 5, [0, float("inf")], [float("nan"), 1]):
        with pytest.raises(QueryError, match="two numbers in this order"):
            parse_bounds(wrong)
