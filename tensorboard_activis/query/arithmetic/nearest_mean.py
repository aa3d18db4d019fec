"""Groups of float16 rows told apart: the largest effect size, and decisions by the nearest mean on held-out rows."""

import math
from collections.abc import Iterator

import numpy as np

from tensorboard_activis.query.arithmetic.effects import correction
from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.limits import check_time

#: Rows, and groups, that are worked on at a time: few enough for a processor's cache.
_ROWS, _GROUPS = 256, 16
#: The largest relative error of a number rounded to float32.
_ROUNDING = 2.0**-24


class NearestMean:
    """Sums of rows over groups and folds, about a value near the mean, so that no digits are lost.

    Arguments:
        activations: float16 [instances, neurons], finite in `rows`.
        rows: positions of the instances, int64 [rows].
        groups, folds: int64 [rows], the group of each and its fold.
        shape: how many groups and folds there are.
    """

    def __init__(
        self, activations: np.ndarray, rows: np.ndarray, groups: np.ndarray, folds: np.ndarray, shape: tuple[int, int]
    ) -> None:
        order = np.lexsort((folds, groups))
        self._activations, self._rows, self._order, self._folds = activations, rows[order], order, folds[order]
        count, fold_count = shape
        neurons = activations.shape[1]
        some = widen(activations[self._rows[:: 1 + rows.size // 64]])
        pivot = some.mean(axis=0, dtype=np.float64) if len(some) else np.zeros(neurons)
        # A float16, so that differences from it are exact.
        self._pivot = pivot.astype(np.float16).astype(np.float32)
        #: A part is the rows of one group in one fold. `_part` has its position; -1: there is none.
        parts = groups[order] * fold_count + folds[order]
        begins = np.flatnonzero(np.diff(parts, prepend=-1))
        self._part = np.full(count * fold_count, -1)
        self._part[parts[begins]] = np.arange(begins.size)
        self._part = self._part.reshape(shape)
        self._part_counts = np.diff(begins, append=rows.size).astype(np.float64)
        self._part_sums, self._squares = self._sum_parts(begins, neurons)
        self._counts = np.bincount(groups, minlength=count).astype(np.float64)
        self._sums = np.zeros((count, neurons))
        known, first = np.unique(parts[begins] // fold_count, return_index=True)
        first = np.append(first, begins.size)
        for block in _blocks(np.arange(known.size), _GROUPS):
            here = first[block[0]]
            self._sums[known[block]] = _sum_runs(self._part_sums[here : first[block[-1] + 1]], first[block] - here)

    def _sum_parts(self, begins: np.ndarray, neurons: int) -> tuple[np.ndarray, np.ndarray]:
        """Sums of the parts, float64 [parts, neurons], and of the squares of all rows, float64 [neurons]."""
        sums, squares = np.zeros((begins.size, neurons)), np.zeros(neurons)
        for start in range(0, self._rows.size, _ROWS):
            values = self._values(slice(start, start + _ROWS)).astype(np.float64)
            squares += np.einsum("ij,ij->j", values, values)
            first, last = np.searchsorted(begins, [start, start + len(values) - 1], "right")
            sums[first - 1 : last] += _sum_runs(values, np.maximum(begins[first - 1 : last] - start, 0))
        return sums, squares

    def _values(self, rows: slice | np.ndarray) -> np.ndarray:
        """float32 [rows, neurons], about the pivot."""
        check_time()
        half = self._activations[self._rows[rows]]
        values = widen(half.view(np.int16), np.empty(half.shape, np.float32))
        values -= self._pivot
        return values

    def largest_effect(self) -> tuple[float, int | None, int | None]:
        """The Hedges' g of largest absolute value of a group against all others, with its sign; its neuron, and the group.

        Of two groups it is that of the first. NaN without neuron and group where no neuron differs and spreads.
        """
        n, counts = self._counts.sum(), self._counts
        groups = np.flatnonzero((counts > 0) & (counts < n))
        if n < 3 or groups.size == 0:
            return math.nan, None, None
        if counts.size == 2:
            groups = groups[:1]
        mean = self._sums.sum(axis=0) / n
        squares = self._squares - n * mean * mean
        # What rounding leaves is no spread.
        least = 1e-12 * (n - 2) * ((mean + self._pivot) ** 2 + squares / n)
        best, neuron, group = 0.0, None, None
        for block in _blocks(groups, _GROUPS):
            count = counts[block][:, None]
            shift = self._sums[block] - count * mean
            # The difference of the means is the shift times this; the squares between them, its square times this.
            weight = n / (count * (n - count))
            between = shift * shift
            between *= weight
            within = squares - between
            np.copyto(within, np.inf, where=within <= least)
            between *= weight
            between /= within
            at = int(between.argmax())
            if between.flat[at] > best * best:
                best, neuron = math.copysign(math.sqrt(between.flat[at]), shift.flat[at]), at % mean.size
                group = int(block[at // mean.size])
        if neuron is None:
            return math.nan, None, None
        return best * math.sqrt(n - 2) * float(correction(n - 2)), neuron, group

    def decisions(self) -> np.ndarray:
        """For each row the group whose mean over the other folds is nearest (Euclidean), int64 [rows].

        Of equally near ones the first. Computed in float32, and again in float64 where rounding might change the decision.
        """
        decided = np.empty(self._rows.size, np.int64)
        means = np.empty(self._sums.shape, np.float32)
        offsets = np.empty(len(means), np.float32)
        outdated = np.ones(len(means), bool)
        for fold in np.unique(self._folds):
            changed = self._part[:, fold] >= 0
            for block in _blocks(np.flatnonzero(outdated | changed), _GROUPS):
                means[block], offsets[block] = self._means(block, fold)
            outdated = changed
            for block in _blocks(np.flatnonzero(self._folds == fold), _ROWS):
                decided[self._order[block]] = self._nearest(block, fold, means, offsets)
        return decided

    def _means(self, groups: np.ndarray, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Means over the other folds, float64 [groups, neurons]; and minus half their squared length, -inf without rows."""
        sums, counts = self._sums[groups], self._counts[groups]
        part = self._part[groups, fold]
        held_out = np.flatnonzero(part >= 0)
        sums[held_out] -= self._part_sums[part[held_out]]
        counts[held_out] -= self._part_counts[part[held_out]]
        sums /= np.maximum(counts, 1)[:, None]
        return sums, np.where(counts > 0, -0.5 * np.einsum("ij,ij->i", sums, sums), -np.inf)

    def _nearest(self, rows: np.ndarray, fold: int, means: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        values = self._values(rows)
        # Half of the squared distance, with its sign changed, without what is the same for all groups.
        nearness = values @ means.T + offsets
        lengths = np.sqrt(np.einsum("ij,ij->i", values, values))
        longest = -2 * offsets[np.isfinite(offsets)].min(initial=0)
        error = _ROUNDING * ((means.shape[1] + 4) * lengths * math.sqrt(longest) + 2 * longest)
        possible = nearness >= (nearness.max(axis=1) - 2 * error)[:, None]
        nearest: np.ndarray = possible.argmax(axis=1)
        for row in np.flatnonzero(np.count_nonzero(possible, axis=1) > 1):
            groups = np.flatnonzero(possible[row])
            exact, exact_offsets = self._means(groups, fold)
            nearest[row] = groups[(exact @ values[row].astype(np.float64) + exact_offsets).argmax()]
        return nearest


def _sum_runs(values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Sums of consecutive rows, from each of `begins` to the next, float64 [begins, columns].

    Many times as fast as np.add.reduceat over rows.
    """
    ends = np.append(begins[1:], len(values))
    sums: np.ndarray = values[begins]
    for place in range(1, 8):
        longer = np.flatnonzero(ends - begins > place)
        if longer.size == 0:
            break
        sums[longer] += values[begins[longer] + place]
    for run in np.flatnonzero(ends - begins > 8):
        sums[run] += values[begins[run] + 8 : ends[run]].sum(axis=0)
    return sums


def _blocks(indices: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, indices.size, size):
        check_time()
        yield indices[start : start + size]
