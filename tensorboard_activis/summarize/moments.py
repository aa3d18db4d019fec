"""Streaming mean, standard deviation, minimum and maximum per subset and neuron.

Sums and sums of squares are taken about a fixed pivot near the data, the median of a few values of the first batch: about zero,
sums of squares cancel (in float32 they gave a negative variance at mean 100). Sums about one pivot add up over batches. Sums of
several processes are shifted to a common pivot first, which is the rule of Chan, Golub and LeVeque ("Updating Formulae and a
Pairwise Algorithm for Computing Sample Variances", 1979).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.summarize.groups import Block, Groups

#: Combines an array with those of all other processes, element by element.
Reduction = Callable[[np.ndarray], np.ndarray]

#: Values of a batch that are worked on at a time, few enough for the processor's cache.
_BLOCK = 1 << 16
#: Rows of at least this many values are added one by one, narrower ones in one call: each call of numpy takes a microsecond.
_WIDE = 1024
#: The pivot is the median of this many values.
_FEW = 15


@dataclass
class Statistics:
    """Statistics per subset and neuron.

    Attributes:
        count: int64, values that the others are computed from; [subsets, 1] when no value was left out, else [subsets, neurons].
        mean, std, min, max: float32 [subsets, neurons]; NaN where a subset has no finite value. `std` is divided by n.
    """

    count: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    min: np.ndarray
    max: np.ndarray


@dataclass(frozen=True)
class MomentsPart:
    """What `Moments` hold of one part of the data; the arrays may be read-only.

    Attributes:
        subsets: those that have instances, int64 [parts]. rows: how many, int64 [parts].
        missing: values left out, float64 [parts, neurons]; None: none.
        pivot: float64 [neurons]; None before the first instance.
        sum, squares: about the pivot, float64 [parts, neurons]. min, max: float32 [parts, neurons].
        nan, inf: int64 [neurons].
    """

    subsets: np.ndarray
    rows: np.ndarray
    missing: np.ndarray | None
    pivot: np.ndarray | None
    sum: np.ndarray
    squares: np.ndarray
    min: np.ndarray
    max: np.ndarray
    nan: np.ndarray
    inf: np.ndarray


class Moments:
    """Accumulates the statistics of some neurons; values that are not finite are left out and counted.

    Arguments:
        subsets, neurons: their numbers.

    Attributes:
        nan, inf: numbers of values left out, int64 [neurons], each counted once, however many subsets its instance is in.
    """

    def __init__(self, subsets: int, neurons: int) -> None:
        shape = (subsets, neurons)
        self._rows = np.zeros(subsets, dtype=np.int64)
        self._missing: np.ndarray | None = None  # float64 [subsets, neurons], once a value was left out
        self._pivot: np.ndarray | None = None  # [neurons]
        self._sum = np.zeros(shape)
        self._squares = np.zeros(shape)
        self._min = np.full(shape, np.inf, dtype=np.float32)
        self._max = np.full(shape, -np.inf, dtype=np.float32)
        self.nan, self.inf = np.zeros(neurons, np.int64), np.zeros(neurons, np.int64)

    def add(self, activations: np.ndarray, groups: Groups, memory: "Memory | None" = None) -> None:
        """Adds instances. Many at once take much less time than one by one.

        Args:
            activations: float32 [instances, neurons].
            groups: of these instances.
            memory: to work in, which several moments may use in turn.
        """
        if not activations.shape[0]:
            return
        if self._pivot is None:
            self._pivot = _middle(activations)
        self._rows += groups.sizes
        values, finite = activations, None
        if not _all_finite(activations):
            finite = np.isfinite(activations)
            self.nan += np.isnan(activations).sum(axis=0)
            self.inf += np.isinf(activations).sum(axis=0)
            self._missing = self._missing_counts()
            values = np.where(finite, activations, self._pivot.astype(np.float32))
        if groups.is_dense:
            self._add_dense(values, finite, groups, memory or Memory())
        else:
            self._add_groups(values, finite, groups, memory or Memory())

    def _add_dense(self, values: np.ndarray, finite: np.ndarray | None, groups: Groups, memory: "Memory") -> None:
        """Adds instances that are in many subsets each: sums by a product with the matrix of the subsets."""
        assert self._pivot is not None
        deviation = memory.array("deviation", values.shape)
        np.copyto(deviation, values)
        deviation -= self._pivot
        self._sum += groups.matrix @ deviation
        np.multiply(deviation, deviation, out=deviation)
        self._squares += groups.matrix @ deviation
        if finite is not None:
            assert self._missing is not None
            self._missing += groups.matrix @ (~finite).astype(np.float64)
        scratch = memory.array("values", values.shape, np.float32)
        for ufunc, into, stand_in in ((np.minimum, self._min, np.inf), (np.maximum, self._max, -np.inf)):
            known = values if finite is None else np.where(finite, values, np.float32(stand_in))
            for subset, inside in groups.members:
                rows = known.take(inside, axis=0, out=scratch[: inside.size], mode="clip")
                ufunc(into[subset], ufunc.reduce(rows, axis=0), out=into[subset])

    def _add_groups(self, values: np.ndarray, finite: np.ndarray | None, groups: Groups, memory: "Memory") -> None:
        """Adds instances group by group, in blocks of few enough values for the processor's cache."""
        assert self._pivot is not None
        most = max(1, _BLOCK // max(1, values.shape[1]))
        shape = (min(most, len(values)), values.shape[1])
        narrow, wide = memory.array("narrow", shape, np.float32), memory.array("wide", shape)
        atoms = _Atoms(groups.atoms, values.shape[1])
        for block in groups.blocks(most):
            shape = (block.rows.size, values.shape[1])
            rows, deviation = memory.array("values", shape, np.float32), memory.array("deviation", shape)
            values.take(block.rows, axis=0, out=rows, mode="clip")
            # The difference is exact or nearly so: float64 has more than twice the digits.
            np.copyto(deviation, rows)
            deviation -= self._pivot
            firsts = [deviation[start].copy() for start, _ in block.shared]
            _share(deviation, block, _shared(np.add, deviation, block))
            _spread(np.add, deviation, block, atoms.sum, self._sum, wide)
            _share(deviation, block, firsts)
            np.multiply(deviation, deviation, out=deviation)
            _share(deviation, block, _shared(np.add, deviation, block))
            _spread(np.add, deviation, block, atoms.squares, self._squares, wide)
            if finite is None:
                highest = _shared(np.maximum, rows, block)
                _share(rows, block, _shared(np.minimum, rows, block))
                _spread(np.minimum, rows, block, atoms.min, self._min, narrow)
                _share(rows, block, highest)
                _spread(np.maximum, rows, block, atoms.max, self._max, narrow)
            else:
                self._add_known(rows, finite[block.rows], block, atoms, narrow, wide)
        for subset, inside in groups.large:
            self._sum[subset] += atoms.sum[inside].sum(axis=0)
            self._squares[subset] += atoms.squares[inside].sum(axis=0)
            np.minimum(self._min[subset], atoms.min[inside].min(axis=0), out=self._min[subset])
            np.maximum(self._max[subset], atoms.max[inside].max(axis=0), out=self._max[subset])
            if finite is not None:
                assert self._missing is not None
                self._missing[subset] += atoms.missing[inside].sum(axis=0)

    def _add_known(
        self,
        rows: np.ndarray,
        finite: np.ndarray,
        block: Block,
        atoms: "_Atoms",
        narrow: np.ndarray,
        wide: np.ndarray,
    ) -> None:
        """Adds the extremes of the values that are finite, and counts the others."""
        assert self._missing is not None
        for ufunc, atom, into, stand_in in (
            (np.minimum, atoms.min, self._min, np.inf),
            (np.maximum, atoms.max, self._max, -np.inf),
        ):
            known = np.where(finite, rows, np.float32(stand_in))
            _share(known, block, _shared(ufunc, known, block))
            _spread(ufunc, known, block, atom, into, narrow)
        missing = (~finite).astype(np.float64)
        _share(missing, block, _shared(np.add, missing, block))
        _spread(np.add, missing, block, atoms.missing, self._missing, wide)

    def part(self) -> "MomentsPart":
        """What was added so far, to be merged elsewhere; only of subsets that have instances, as few of many classes do."""
        subsets = np.flatnonzero(self._rows)
        return MomentsPart(
            subsets,
            self._rows[subsets],
            None if self._missing is None else self._missing[subsets],
            self._pivot,
            self._sum[subsets],
            self._squares[subsets],
            self._min[subsets],
            self._max[subsets],
            self.nan,
            self.inf,
        )

    def merge(self, other: "MomentsPart") -> None:
        """Adds the statistics of another part of the data, whose subsets and neurons are the same."""
        if other.pivot is None:
            return
        if self._pivot is None:
            self._pivot = other.pivot.copy()
        subsets = other.subsets
        self.nan += other.nan
        self.inf += other.inf
        self._rows[subsets] += other.rows
        count = other.rows[:, None]
        if other.missing is not None:
            self._missing = self._missing_counts()
            self._missing[subsets] += other.missing
            count = count - other.missing
        shift = other.pivot - self._pivot
        self._squares[subsets] += other.squares + 2 * shift * other.sum + count * shift * shift
        self._sum[subsets] += other.sum + count * shift
        self._min[subsets] = np.minimum(self._min[subsets], other.min)
        self._max[subsets] = np.maximum(self._max[subsets], other.max)

    def combine(self, total: Reduction, lowest: Reduction, highest: Reduction) -> None:
        """Adds the statistics of all other processes, which call this at the same time on moments of the same shape.

        Args:
            total, lowest, highest: the sum, minimum and maximum over the processes, element by element.
        """
        seen = total(np.array([self._pivot is not None, self._missing is not None], np.int64))
        if not seen[0]:
            return
        own = np.zeros(self._sum.shape[1]) if self._pivot is None else self._pivot
        pivot = total(own) / seen[0]
        if self._pivot is not None:
            self._move(pivot)
        self._pivot = pivot
        self._rows = total(self._rows)
        if seen[1]:
            self.nan, self.inf = total(np.stack([self.nan, self.inf]))
            self._missing = total(self._missing_counts())
        self._sum, self._squares = total(self._sum), total(self._squares)
        self._min, self._max = lowest(self._min), highest(self._max)

    def statistics(self, neurons: slice = slice(None)) -> Statistics:
        """The statistics of everything added so far.

        Args:
            neurons: of which.
        """
        count = self._count(neurons)
        pivot = 0 if self._pivot is None else self._pivot[neurons]
        shape = (len(count), self._sum[:, neurons].shape[1])
        mean, std, lowest, highest = (np.empty(shape, np.float32) for _ in range(4))
        most = max(1, _BLOCK // max(1, shape[1]))
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN where a subset has no value
            for start in range(0, shape[0], most):
                rows = slice(start, start + most)
                average = self._sum[rows, neurons] / count[rows]
                variance = self._squares[rows, neurons] / count[rows]
                mean[rows] = average + pivot
                np.multiply(average, average, out=average)
                np.subtract(variance, average, out=variance)
                std[rows] = np.sqrt(np.maximum(variance, 0, out=variance), out=variance)
                some = count[rows] > 0
                lowest[rows] = np.where(some, self._min[rows, neurons], np.float32(np.nan))
                highest[rows] = np.where(some, self._max[rows, neurons], np.float32(np.nan))
        return Statistics(count, mean, std, lowest, highest)

    def _move(self, pivot: np.ndarray) -> None:
        """Shifts the sums to another pivot, float64 [neurons]."""
        assert self._pivot is not None
        shift, count = self._pivot - pivot, self._count()
        self._squares += 2 * shift * self._sum + count * shift * shift
        self._sum += count * shift
        self._pivot = pivot

    def _count(self, neurons: slice = slice(None)) -> np.ndarray:
        """Finite values per subset and neuron: int64 [subsets, 1], or [subsets, neurons] when values were left out."""
        rows = self._rows[:, None]
        missing = None if self._missing is None else self._missing[:, neurons]
        return rows.copy() if missing is None or not missing.any() else rows - missing.astype(np.int64)

    def _missing_counts(self) -> np.ndarray:
        return np.zeros_like(self._sum) if self._missing is None else self._missing


class Memory:
    """Arrays to work in, which keep their memory from one use to the next: to get new memory takes longer than to fill it."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}

    def array(self, name: str, shape: tuple[int, int], dtype: type = np.float64) -> np.ndarray:
        """An array of any content, in place of the last one of this name."""
        size = shape[0] * shape[1]
        flat = self._arrays.get(name)
        if flat is None or flat.size < size:
            flat = self._arrays[name] = np.empty(size, dtype)
        return flat[:size].reshape(shape)


class _Atoms:
    """Sums and extremes of a batch per atom: [atoms, neurons]."""

    def __init__(self, atoms: int, neurons: int) -> None:
        self.sum = np.zeros((atoms, neurons))
        self.squares = np.zeros((atoms, neurons))
        self.missing = np.zeros((atoms, neurons))
        self.min = np.full((atoms, neurons), np.inf, dtype=np.float32)
        self.max = np.full((atoms, neurons), -np.inf, dtype=np.float32)


def _shared(ufunc: np.ufunc, rows: np.ndarray, block: Block) -> list[np.ndarray]:
    """Reduces every group of several rows to one row."""
    return [ufunc.reduce(rows[start:stop], axis=0) for start, stop in block.shared]


def _share(rows: np.ndarray, block: Block, reduced: list[np.ndarray]) -> None:
    """Stores reduced rows in the first row of their groups."""
    for (start, _), row in zip(block.shared, reduced, strict=True):
        rows[start] = row


def _spread(
    ufunc: np.ufunc, rows: np.ndarray, block: Block, atoms: np.ndarray, subsets: np.ndarray, memory: np.ndarray
) -> None:
    """Accumulates the first rows of the groups, [rows, neurons], into their atoms and small subsets."""
    for atom, firsts in block.atoms:
        accumulator = atoms[atom]
        ufunc(accumulator, ufunc.reduce(rows[firsts], axis=0), out=accumulator)
    if rows.shape[1] >= _WIDE:
        for subset, row, count in block.runs:
            if count == 1:
                accumulator = subsets[subset]
                ufunc(accumulator, rows[row], out=accumulator)
            else:
                accumulator = subsets[subset : subset + count]
                ufunc(accumulator, rows[row : row + count], out=accumulator)
        return
    for members, chosen in block.turns:
        if members.size <= len(memory):
            accumulator = subsets.take(members, axis=0, out=memory[: members.size], mode="clip")
        else:
            accumulator = subsets[members]
        ufunc(accumulator, rows[chosen], out=accumulator)
        subsets[members] = accumulator


def _all_finite(values: np.ndarray) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum()
    return bool(np.isfinite(total)) or bool(np.isfinite(values).all())


def _middle(values: np.ndarray) -> np.ndarray:
    """The median of the first few finite values of each neuron, float64 [neurons]; 0 where there is none.

    A median, because an outlier as pivot would cost all other values their digits. Each is a float32 value, so that it can stand in
    exactly for a value that is left out.
    """
    few = np.sort(np.where(np.isfinite(values[:_FEW]), values[:_FEW], np.inf), axis=0)
    count = np.isfinite(few).sum(axis=0)
    middle = np.take_along_axis(few, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    return np.where(count > 0, middle, 0).astype(np.float64)
