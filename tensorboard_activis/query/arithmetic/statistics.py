"""Statistics of every neuron over sets of instances, in one pass over the activations, and a second for exact extremes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import ordered
from tensorboard_activis.query.arithmetic.sums import Part, Sums, split, sum_part
from tensorboard_activis.query.arithmetic.workers import in_parts

#: Up to so many values the plain way in float64 is fast enough.
_EXACT = 1 << 21
#: Rows that the pivot is the mean of.
_PIVOT = 64
#: Up to so many sets of so few rows a product with each block costs less than to gather the rows of the same sets first: then few
#: of them are in the same ones.
_FEW_SETS, _FEW_ROWS = 16, 1 << 16
#: Within so many deviations from zero a mean needs no pivot, and values are summed as they are.
_NEAR = 2.0
#: Beyond this square of a mean's distance from the pivot, in variances, rounding would be seen in a deviation's sixth digit.
_FAR = 10.0


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
    """All statistics of each set of rows; `max` and `active` are NaN when `extremes` is false, which takes half the time.

    Arguments are those of `mean_and_std`.
    """
    neurons = activations.shape[1]
    if np.count_nonzero(sets) * neurons <= _EXACT:
        return _in_float64(activations, sets)
    in_order = len(sets) <= _FEW_SETS and sets.shape[1] <= _FEW_ROWS and not extremes
    rows = np.flatnonzero(sets.any(axis=0)) if in_order else _grouped(sets)
    pivot = _pivot(activations[np.sort(rows[:: max(1, rows.size // _PIVOT)])])

    def summed(parts: Iterable[Part], extremes: bool) -> Sums:
        sums = Sums(len(sets), neurons)
        for part, partial in in_parts(
            lambda part: (part, sum_part(activations, sets, part, finite=finite, extremes=extremes)), parts
        ):
            sums.add(part, partial)
        return sums

    parts = (Part(np.flatnonzero(sets[:, some].any(axis=1)), some, None, pivot) for some in split(rows, neurons))
    moments = _moments(summed(parts, extremes), pivot, extremes)
    # A set that lies far from the pivot for its spread is summed again about its own mean.
    far = (moments.mean - pivot) ** 2 > _FAR * moments.std**2
    if far.any():
        pivots = moments.mean.astype(np.float32)
        again = _moments(summed(_far_parts(sets, far, pivots), False), pivots, False)
        np.copyto(moments.mean, again.mean, where=far)
        np.copyto(moments.std, again.std, where=far)
    return moments


def _grouped(sets: np.ndarray) -> np.ndarray:
    """The rows of all sets, those in the same sets side by side, as far as 16 bits tell them apart."""
    rows = np.flatnonzero(sets.any(axis=0))
    if len(sets) == 1:
        return rows
    if len(sets) <= 16:
        key = np.zeros((2, sets.shape[1]), np.uint8)
        packed = np.packbits(sets, axis=0)
        key[: len(packed)] = packed
        kinds = key[0] | key[1].astype(np.uint16) << 8
    else:
        mixed = np.zeros(sets.shape[1], np.uint64)
        factors = np.random.default_rng(0).integers(1, 1 << 63, len(sets), np.uint64)
        for chosen, factor in zip(sets, factors, strict=True):
            np.add(mixed, factor, out=mixed, where=chosen)
        kinds = (mixed >> np.uint64(47)).astype(np.uint16)
    return rows[np.argsort(kinds[rows], kind="stable")]


def _far_parts(sets: np.ndarray, far: np.ndarray, pivots: np.ndarray) -> Iterator[Part]:
    for index in np.flatnonzero(far.any(axis=1)):
        columns = np.flatnonzero(far[index])
        for rows in split(np.flatnonzero(sets[index]), columns.size):
            yield Part(np.array([index]), rows, columns, pivots[index, columns])


def _pivot(half: np.ndarray) -> np.ndarray:
    """Something among the finite values, float32 [neurons]; zero for all when none lies far from zero for its spread."""
    values = half.astype(np.float64)
    known = np.isfinite(values)
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0) / n
    variance = np.where(known, (values - mean) ** 2, 0).sum(axis=0) / n
    if (mean**2 <= _NEAR**2 * variance).all():
        return np.zeros(mean.shape, np.float32)
    return np.asarray(mean, np.float32)


def _moments(sums: Sums, pivot: np.ndarray, extremes: bool) -> Moments:
    """Statistics from sums about `pivot`, [neurons] or [sets, neurons]."""
    n = sums.count
    with np.errstate(divide="ignore", invalid="ignore"):
        shifted = sums.total / n
        variance = np.maximum(sums.squares / n - shifted * shifted, 0)
        highest = ordered(sums.highest).view(np.float16).astype(np.float64)
        return Moments(
            n.astype(np.int64),
            shifted + pivot,
            np.where(n == 1, 0.0, np.sqrt(variance)),
            np.where((n > 0) & extremes, highest, np.nan),
            sums.positive / n if extremes else np.full(n.shape, np.nan),
        )


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
        spread = np.where(known, values, centre) - centre
        mean[index] = np.where(some, centre, np.nan)
        std[index] = np.where(some, np.sqrt((spread * spread).sum(axis=0) / n), np.nan)
        if len(values):
            largest[index] = np.where(some, np.where(known, values, -np.inf).max(axis=0), np.nan)
        active[index] = np.where(some, (known & (values > 0)).sum(axis=0) / n, np.nan)
    return Moments(count, mean, std, largest, active)
