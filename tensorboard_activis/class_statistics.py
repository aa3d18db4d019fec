"""Statistics of many classes in four bytes per class and neuron: mean 11 bits, standard deviation 9, minimum and maximum 6 each.

Each is a place between the lowest and the highest value that the neuron has over the classes, or for the standard deviation below
its largest. The bounds of the errors, per neuron, where range is the distance between these two values:

- mean: at most range / 4,094, and within minimum and maximum;
- standard deviation: at most 0.69 % of itself, or, below 1/1,024 of the largest, at most 1/2,048 of the largest;
- minimum and maximum: off by less than range / 63, the minimum never too high and the maximum never too low.

The lowest and the highest value themselves are exact, and so is what is the same for all classes. A neuron that is
silent for a class has a mean of 0.
"""

from collections.abc import Collection, Iterator

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

#: Names of the statistics, in the order of `Arrays`.
FIELDS = ("mean", "std", "min", "max")
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
    places = [_Places(scales[ends], highest) for ends, highest in ((_MEAN, _MEANS), (_MIN, _ENDS), (_MAX, _ENDS))]
    for rows in _blocks(mean.shape):
        means, lows, highs = (
            place.codes(values[rows], rounded)
            for place, values, rounded in zip(places, (mean, low, high), (np.rint, np.floor, np.ceil), strict=True)
        )
        lows -= (lows > 0) & (_between(scales[_MIN], lows, _ENDS) > low[rows])
        highs += (highs < _ENDS) & (_between(scales[_MAX], highs, _ENDS) < high[rows])
        means <<= 21
        means |= _part(std[rows], scales[_STD]) << 12
        means |= lows << 6
        np.bitwise_or(means, highs, out=codes[rows])
    return codes.view(np.int32), scales


def unpack(codes: np.ndarray, scales: np.ndarray, known: np.ndarray, wanted: Collection[str] = FIELDS) -> Arrays:
    """The statistics of classes.

    Arguments:
        codes: int32 [classes, neurons], of all classes or of some; any values can be unpacked.
        scales: float32 [SCALES, neurons].
        known: bool [classes, neurons] or [classes, 1]: whether the class has a value; the statistics are NaN where not.
        wanted: some of FIELDS; the others are NaN, and take neither time nor memory.
    """
    nothing = np.broadcast_to(np.float32(np.nan), codes.shape)
    mean, std, low, high = (np.empty(codes.shape, np.float32) if name in wanted else nothing for name in FIELDS)
    with np.errstate(all="ignore"):  # scales of damaged files may be anything
        for rows in _blocks(codes.shape):
            block = np.ascontiguousarray(codes[rows]).view(np.uint32)
            if not {"mean", "min", "max"}.isdisjoint(wanted):  # a mean lies within the other two
                lows = _between(scales[_MIN], block >> 6 & _ENDS, _ENDS)
                highs = _between(scales[_MAX], block & _ENDS, _ENDS)
                if "min" in wanted:
                    low[rows] = lows
                if "max" in wanted:
                    high[rows] = highs
                if "mean" in wanted:
                    means = _between(scales[_MEAN], block >> 21, _MEANS)
                    np.minimum(np.maximum(means, lows, out=means), highs, out=mean[rows])
            if "std" in wanted:
                np.multiply(_PARTS[block >> 12 & _STDS], scales[_STD], out=std[rows])
    if not known.all():
        for values in (mean, std, low, high):
            if values is nothing:
                continue
            values[np.broadcast_to(~known, values.shape)] = np.nan
    return mean, std, low, high


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    length = max(1, _BLOCK // max(1, shape[1]))
    return (slice(start, start + length) for start in range(0, shape[0], length))


class _Places:
    """Codes of values between two ends.

    Arguments:
        ends: lowest and highest value, float32 [2, neurons].
        highest: the code of the highest value.
    """

    def __init__(self, ends: np.ndarray, highest: int) -> None:
        width = np.ptp(ends.astype(np.float64), axis=0)
        # float32 takes half of the time, and a code has at most 11 bits; but it lacks the range for extreme widths.
        known = width[width > 0]
        self._low, high = ends.astype(np.float32 if np.all((known > 1e-30) & (known < 1e38)) else np.float64)
        self._width = np.where(width > 0, high - self._low, 1)
        self._highest = highest

    def codes(self, values: np.ndarray, rounded: np.ufunc) -> np.ndarray:
        """uint32 [classes, neurons]; 0 for NaN."""
        with np.errstate(invalid="ignore"):
            place = np.subtract(values, self._low, dtype=self._low.dtype)
            place /= self._width  # exactly 1 for the highest value
            place *= self._highest
            rounded(place, out=place)
            np.fmax(place, 0, out=place)
            np.fmin(place, self._highest, out=place)
        codes: np.ndarray = place.astype(np.uint32)
        return codes


def _between(ends: np.ndarray, codes: np.ndarray, highest: int) -> np.ndarray:
    """The values of codes, float32; the two ends themselves are exact."""
    part = codes.astype(np.float32)
    part /= np.float32(highest)
    values: np.ndarray = ends[1] * part
    np.subtract(1, part, out=part)
    part *= ends[0]
    values += part
    return values


def _part(std: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """The code of each standard deviation: uint32."""
    with np.errstate(divide="ignore", invalid="ignore"):
        place = std / np.where(largest > 0, largest, 1)
        np.log2(place, out=place)
        place *= (_STDS - 1) / _OCTAVES
        silent = ~(place >= -(_OCTAVES + 1) * (_STDS - 1) / _OCTAVES)  # NaN too
        place += _STDS
        np.rint(place, out=place)
        np.fmax(place, 1, out=place)
        np.fmin(place, _STDS, out=place)
    codes: np.ndarray = place.astype(np.uint32)
    codes[silent] = 0
    return codes
