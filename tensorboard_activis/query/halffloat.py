"""Statistics of float16 rows at memory speed.

numpy converts float16 to float32 one by one; here the bits are widened in bulk. Moved to float32's place, sign, exponent and
mantissa read as the value times 2**-112 (the difference of the two exponent biases), subnormals included, so widening is exact
for every finite value. Infinities and NaN would read as large numbers: layers that hold some take numpy's way.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

_SCALE = np.float32(2.0**112)
_KEEP = np.int32(np.uint32(0x8FFFE000).astype(np.int32))
_BLOCK_BYTES = 1 << 20
_THREADS = 2
#: Up to so many values the plain way in float64 is fast enough.
_EXACT = 1 << 21


@dataclass(frozen=True, slots=True)
class Moments:
    """Statistics of sets of rows, all float64 [sets, neurons] but `count`, int64 [sets, neurons], finite values only.

    `std` is the population's; NaN where a set has no finite value. `active` is the share of values above zero.
    """

    count: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    max: np.ndarray
    active: np.ndarray


def widen(half: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """float16 to float32, exact; NaN and infinities stay what they are when `out` is None."""
    if out is None:
        out = np.empty(half.shape, np.float32)
        _bits(half, out)
        np.multiply(out, _SCALE, out=out)
        if out.size and np.abs(out).max() > 65504:
            return half.astype(np.float32)
        return out
    _bits(half, out)
    return np.multiply(out, _SCALE, out=out)


def _bits(half: np.ndarray, out: np.ndarray) -> None:
    wide = out.view(np.int32)
    wide[...] = half.view(np.int16)
    np.left_shift(wide, 13, out=wide)
    np.bitwise_and(wide, _KEEP, out=wide)


def mean_and_std(activations: np.ndarray, sets: np.ndarray, *, finite: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population deviation of every neuron over each set of rows, both float64 [sets, neurons].

    Arguments:
        activations: float16 [instances, neurons].
        sets: bool [sets, instances].
        finite: whether all activations are known to be finite.
    """
    moments = statistics(activations, sets, finite=finite, extremes=False)
    return moments.mean, moments.std


def statistics(activations: np.ndarray, sets: np.ndarray, *, finite: bool, extremes: bool = True) -> Moments:
    """All statistics of each set of rows; `max` and `active` are NaN when `extremes` is false, which is several times faster."""
    neurons = activations.shape[1]
    rows = np.flatnonzero(sets.any(axis=0))
    if not finite or int(sets.sum()) * neurons <= _EXACT:
        return _in_float64(activations, sets)
    # Deviations are summed about a pivot that lies among the values: sums of squares about zero would lose a small spread
    # beside a large mean.
    pivot = widen(np.ascontiguousarray(activations[rows[:: max(1, rows.size // 64)]])).mean(axis=0, dtype=np.float64)
    pivot = pivot.astype(np.float32)
    with ThreadPoolExecutor(_THREADS) as pool:
        parts = np.array_split(rows, _THREADS)
        sums = list(pool.map(lambda part: _sums(activations, sets, part, pivot, extremes), parts))
    total, squares, active = (np.sum([part[i] for part in sums], axis=0) for i in range(3))
    largest = np.max([part[3] for part in sums], axis=0)
    n = sets.sum(axis=1, dtype=np.int64)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        shifted = total / n
        variance = np.maximum(squares / n - shifted * shifted, 0)
        mean = shifted + pivot
        return Moments(
            np.broadcast_to(n, mean.shape),
            mean,
            np.where(n == 1, 0.0, np.sqrt(variance)),
            np.where((n > 0) & extremes, largest, np.nan),
            active / n if extremes else np.full(mean.shape, np.nan),
        )


def _blocks(activations: np.ndarray, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows in blocks that fit a core's cache, as (positions, float16 values)."""
    size = max(16, _BLOCK_BYTES // (4 * max(1, activations.shape[1])))
    dense = rows.size == rows[-1] - rows[0] + 1
    for start in range(0, rows.size, size):
        block = rows[start : start + size]
        yield block, activations[block[0] : block[-1] + 1] if dense else activations[block]


def _sums(
    activations: np.ndarray, sets: np.ndarray, rows: np.ndarray, pivot: np.ndarray, extremes: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    neurons = activations.shape[1]
    total, squares, active = (np.zeros((len(sets), neurons)) for _ in range(3))
    largest = np.full((len(sets), neurons), -np.inf)
    if rows.size == 0:
        return total, squares, active, largest
    buffer = np.empty((max(16, _BLOCK_BYTES // (4 * max(1, neurons))), neurons), np.float32)
    for positions, half in _blocks(activations, rows):
        values = widen(half, buffer[: len(half)])
        # Plain sums, not a matrix product: BLAS' own threads wait for each other after every block, and on a machine that trains
        # a model beside us such waiting cost 100 times the work.
        for index, chosen in enumerate(sets[:, positions]):
            if not chosen.any():
                continue
            mine = values if chosen.all() else values[chosen]
            if extremes:
                active[index] += np.count_nonzero(mine > 0, axis=0)
                np.maximum(largest[index], mine.max(axis=0), out=largest[index])
            mine = np.subtract(mine, pivot, out=mine if mine is not values else None)
            total[index] += mine.sum(axis=0)
            squares[index] += np.einsum("ij,ij->j", mine, mine)
    return total, squares, active, largest


def _in_float64(activations: np.ndarray, sets: np.ndarray) -> Moments:
    """In two passes. Values that are not finite are left out, so each neuron has its own count."""
    shape = (len(sets), activations.shape[1])
    count = np.zeros(shape, np.int64)
    mean, std, largest, active = (np.full(shape, np.nan) for _ in range(4))
    for index, chosen in enumerate(sets):
        values = activations[chosen].astype(np.float64)
        known = np.isfinite(values)
        count[index] = known.sum(axis=0)
        some = count[index] > 0
        n = np.where(some, count[index], 1)
        centre = np.where(known, values, 0).sum(axis=0) / n
        spread = np.where(known, values - centre, 0)
        mean[index] = np.where(some, centre, np.nan)
        std[index] = np.where(some, np.sqrt((spread * spread).sum(axis=0) / n), np.nan)
        if len(values):
            largest[index] = np.where(some, np.where(known, values, -np.inf).max(axis=0), np.nan)
        active[index] = np.where(some, (known & (values > 0)).sum(axis=0) / n, np.nan)
    return Moments(count, mean, std, largest, active)
