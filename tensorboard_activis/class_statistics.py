"""Statistics of many classes in four bytes per class and neuron: mean 11 bits, standard deviation 9, minimum and maximum 6 each.

Each is a place between the lowest and the highest value that the neuron has over the classes, or for the standard deviation below
its largest. The bounds of the errors, per neuron, where range is the distance between these two values:

- mean: at most range / 4,094, and within minimum and maximum;
- standard deviation: at most 0.69 % of itself, or, below 1/1,024 of the largest, at most 1/2,048 of the largest;
- minimum and maximum: off by less than range / 63, the minimum never too high and the maximum never too low.

The lowest and the highest value themselves are exact, and so is what is the same for all classes. A neuron that is
silent for a class has a mean of 0.
"""

from collections.abc import Iterator

import numpy as np

#: The classes of a summary are packed if there are more of them than this.
MOST_EXACT = 64
#: Rows of the scales, float32 [SCALES, neurons].
_MEAN, _MIN, _MAX, _STD = slice(0, 2), slice(2, 4), slice(4, 6), 6
SCALES = 7
#: Highest codes. A standard deviation has the code 0 if it is 0, or nearer to it than to the lowest other code.
_MEANS, _STDS, _ENDS = 2047, 511, 63
#: Powers of two between the lowest standard deviation that has a code and the largest.
_OCTAVES = 10
#: By code, the standard deviation as part of the largest.
_PARTS = np.concatenate([[0], np.exp2((np.arange(1, _STDS + 1) - _STDS) * _OCTAVES / (_STDS - 1))]).astype(np.float32)
#: Values that are worked on at a time, few enough for the processor's cache.
_BLOCK = 1 << 17

#: Mean, standard deviation, minimum, maximum: float32 [classes, neurons]; NaN where a class has no value.
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def pack(statistics: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Packs the statistics of all classes.

    Returns:
        The codes, int32 [classes, neurons], and the scales, float32 [SCALES, neurons].
    """
    mean, std, low, high = statistics
    codes = np.empty(mean.shape, np.uint32)
    scales = np.zeros((SCALES, mean.shape[1]), np.float32)
    for place, values in ((_MEAN, mean), (_MIN, low), (_MAX, high)):
        known = np.isfinite(values)
        ends = values.min(0, initial=np.inf, where=known), values.max(0, initial=-np.inf, where=known)
        scales[place] = np.where(known.any(0), ends, 0)
    scales[_STD] = std.max(0, initial=0, where=np.isfinite(std))
    for rows in _blocks(mean.shape):
        means = _place(mean[rows], scales[_MEAN], _MEANS, np.rint)
        lows = _place(low[rows], scales[_MIN], _ENDS, np.floor)
        lows -= (lows > 0) & (_between(scales[_MIN], lows, _ENDS) > low[rows])
        highs = _place(high[rows], scales[_MAX], _ENDS, np.ceil)
        highs += (highs < _ENDS) & (_between(scales[_MAX], highs, _ENDS) < high[rows])
        codes[rows] = means << 21 | _part(std[rows], scales[_STD]) << 12 | lows << 6 | highs
    return codes.view(np.int32), scales


def unpack(codes: np.ndarray, scales: np.ndarray, known: np.ndarray) -> Arrays:
    """The statistics of classes.

    Arguments:
        codes: int32 [classes, neurons], of all classes or of some; any values can be unpacked.
        scales: float32 [SCALES, neurons].
        known: bool [classes, neurons] or [classes, 1]: whether the class has a value; the statistics are NaN where not.
    """
    mean, std, low, high = (np.empty(codes.shape, np.float32) for _ in range(4))
    with np.errstate(all="ignore"):  # scales of damaged files may be anything
        for rows in _blocks(codes.shape):
            block = np.ascontiguousarray(codes[rows]).view(np.uint32)
            low[rows] = _between(scales[_MIN], block >> 6 & _ENDS, _ENDS)
            high[rows] = _between(scales[_MAX], block & _ENDS, _ENDS)
            np.clip(_between(scales[_MEAN], block >> 21, _MEANS), low[rows], high[rows], out=mean[rows])
            np.multiply(_PARTS[block >> 12 & _STDS], scales[_STD], out=std[rows])
    if not known.all():
        for values in (mean, std, low, high):
            values[np.broadcast_to(~known, values.shape)] = np.nan
    return mean, std, low, high


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    length = max(1, _BLOCK // max(1, shape[1]))
    return (slice(start, start + length) for start in range(0, shape[0], length))


def _place(values: np.ndarray, ends: np.ndarray, highest: int, rounded: np.ufunc) -> np.ndarray:
    """The code of each value between the two ends: uint32."""
    low, high = ends.astype(np.float64)
    width = high - low
    place = (values - low) / np.where(width > 0, width, 1) * highest
    codes: np.ndarray = np.clip(rounded(np.where(np.isfinite(place), place, 0)), 0, highest).astype(np.uint32)
    return codes


def _between(ends: np.ndarray, codes: np.ndarray, highest: int) -> np.ndarray:
    """The values of codes, float32; the two ends themselves are exact."""
    part = np.arange(highest + 1, dtype=np.float32)[codes] / np.float32(highest)
    values: np.ndarray = ends[0] * (1 - part) + ends[1] * part
    return values


def _part(std: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """The code of each standard deviation: uint32."""
    with np.errstate(divide="ignore"):
        octaves = np.log2(np.where(np.isfinite(std), std, 0) / np.where(largest > 0, largest, 1).astype(np.float64))
    codes = np.clip(np.rint(_STDS + octaves * (_STDS - 1) / _OCTAVES), 1, _STDS)
    coded: np.ndarray = np.where(octaves < -_OCTAVES - 1, 0, codes).astype(np.uint32)
    return coded
