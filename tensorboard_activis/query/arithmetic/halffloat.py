"""Fast float16 operations on the bit patterns.

numpy converts float16 one by one; here the bits are widened in bulk. Moved to float32's place, sign, exponent and mantissa read
as the value times 2**-112 (the difference of the two exponent biases), subnormals included, so widening is exact for every
finite value. Infinities and NaN would read as large numbers.
"""

import numpy as np

_SCALE = np.float32(2.0**112)
_KEEP = np.int32(np.uint32(0x8FFFE000).astype(np.int32))
_EXPONENT = np.int16(0x7C00)
_NOT_SIGN = np.int16(0x7FFF)
#: The bits of the lowest finite value.
LOWEST = np.int16(-1025)


def widen(half: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """float16 of any shape to float32 of the same, exact.

    Arguments:
        half: float16, or its bits as int16 if `out` is given.
        out: float32 of that shape, which is filled and returned. NaN and infinities become large numbers there; without it
            they stay what they are.
    """
    if out is None:
        out = widen(half, np.empty(half.shape, np.float32))
        return half.astype(np.float32) if out.size and np.abs(out).max() > 65504 else out
    wide = out.view(np.int32)
    wide[...] = half.view(np.int16)
    np.left_shift(wide, 13, out=wide)
    np.bitwise_and(wide, _KEEP, out=wide)
    np.multiply(out, _SCALE, out=out)
    return out


def not_finite(half: np.ndarray) -> np.ndarray:
    """Where float16 values, of any shape, are NaN or infinite: bool of the same shape."""
    mask: np.ndarray = (half.view(np.int16) & _EXPONENT) == _EXPONENT
    return mask


def ordered(bits: np.ndarray) -> np.ndarray:
    """int16, of the shape of `bits`, in the order of the float16 values whose bits these are; its own inverse."""
    flipped: np.ndarray = bits ^ ((bits >> 15) & _NOT_SIGN)
    return flipped


def highest(bits: np.ndarray) -> np.ndarray:
    """The bits of the largest value of each column of finite float16 values, int16 [columns].

    Arguments:
        bits: int16 [rows, columns], at least one row.
    """
    # As integers values above zero are in order, those below in reverse.
    largest: np.ndarray = bits.max(axis=0)
    below = largest < 0
    if below.any():
        largest[below] = bits[:, below].min(axis=0)
    return largest
