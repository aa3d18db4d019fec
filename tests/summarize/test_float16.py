"""Rounding to float16, by numpy and by torch, against the definition of the format."""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis.capture.torch.reduce import torch_convert
from tensorboard_activis.summarize.float16 import Convert, numpy_convert, to_float16

both = pytest.mark.parametrize("convert", [numpy_convert, torch_convert])


@both
def test_what_is_finite_and_beyond_is_clipped_and_counted(convert: Convert) -> None:
    values = np.array([1.5, 7e4, -1e30, np.inf, -np.inf, np.nan, 65504], dtype=np.float32)
    rounded, clipped = to_float16(values, convert)
    assert clipped == 2
    np.testing.assert_array_equal(rounded, np.array([1.5, 65504, -65504, np.inf, -np.inf, np.nan, 65504], np.float16))


@both
@given(st.lists(st.floats(-65504, 65504, width=32), min_size=1))
def test_rounds_to_nearest(convert: Convert, values: list[float]) -> None:
    rounded, clipped = to_float16(np.array(values, np.float32), convert)
    assert clipped == 0
    # Python's own packing rounds from the double, in which the float32 is exact.
    assert [struct.pack("<e", value) for value in values] == [value.tobytes() for value in rounded]


@both
@pytest.mark.parametrize("shape", [(0, 3), (7, 0), (7, 5)])
def test_shapes_are_kept(convert: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...]) -> None:
    values = np.ones((shape[1], shape[0]), np.float32).T  # not contiguous
    rounded, _ = to_float16(values, convert)
    assert (rounded.shape, rounded.dtype) == (shape, np.float16)
