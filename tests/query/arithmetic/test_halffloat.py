"""Widening is exact for every float16, and the bits are put in the values' order."""

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import highest, not_finite, ordered, widen

EVERY = np.arange(2**16, dtype=np.uint16).view(np.float16)


def test_every_float16_is_widened_exactly() -> None:
    finite = EVERY[np.isfinite(EVERY)]
    wide = widen(finite)
    assert wide.dtype == np.float32
    assert np.array_equal(wide.view(np.uint32), finite.astype(np.float32).view(np.uint32))  # signs of zero too
    assert np.array_equal(widen(EVERY), EVERY.astype(np.float32), equal_nan=True)


def test_what_is_not_finite() -> None:
    assert np.array_equal(not_finite(EVERY), ~np.isfinite(EVERY))


def test_bits_in_the_order_of_the_values() -> None:
    finite = EVERY[np.isfinite(EVERY)]
    bits = finite.view(np.int16)
    by_bits, by_value = np.argsort(ordered(bits), kind="stable"), np.argsort(finite.astype(np.float64), kind="stable")
    assert np.array_equal(finite[by_bits], finite[by_value])
    assert np.array_equal(ordered(ordered(bits)), bits)


def test_the_highest_of_every_column() -> None:
    columns = np.array([[1, -3, -0.0, 0, -65504], [2, -2, -1, -1, -65504], [-9, -7, -0.0, 0, -65504]], np.float16)
    assert highest(columns.view(np.int16)).view(np.float16).tolist() == [2, -2, 0, 0, -65504]
