"""The neuron activation matrix: statistics of every neuron over declared subsets, expressions and instances."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from tensorboard_activis.query.arithmetic.interval import half_width
from tensorboard_activis.query.arithmetic.statistics import Moments, statistics
from tensorboard_activis.query.contract import Float32Array, Int32Array, Int64Array, Records
from tensorboard_activis.query.instances.classes import check_instance
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.query.matrix.direction import row_direction
from tensorboard_activis.query.matrix.effects import row_effects
from tensorboard_activis.query.matrix.rows import Row, members, subset_index
from tensorboard_activis.query.matrix.sorting import Order, Sort, order
from tensorboard_activis.query.matrix.statistic import ALWAYS, DEFAULT, STATISTICS, Statistic
from tensorboard_activis.read.snapshot import SnapshotReader

MAX_CELLS = 1 << 24
SourceKind: TypeAlias = Literal["exact", "sample", "instance"]


@dataclass(frozen=True, slots=True)
class RowSource:
    """What the numbers of a row are of.

    Attributes:
        source: "exact" (all instances seen), "sample" (kept ones) or "instance".
        n: instances that the statistics are of.
        seen: instances seen, of which the sample was kept.
        packed: whether the statistics were stored in few bits, as those of classes are where there are more than 64;
            `rounding` of a statistic says how far off they may be.
    """

    source: SourceKind
    n: int
    seen: int
    packed: bool = False


@dataclass(frozen=True, slots=True)
class MatrixRows:
    """What every answer about a matrix says of its rows and columns.

    Attributes:
        rows: what the numbers of each row are of.
        n: instances that the statistics are of, [rows].
        order: the neurons in sorted order, [neurons].
        effect: Hedges' g (mean A - mean B) ÷ pooled standard deviation, corrected for few instances, by index, [neurons]. NaN
            where nothing spreads but the means differ: these neurons come first or last, by the sign of the difference. Sorted by
            direction, the weight of each neuron in it, from -1 to 1: their squares add up to 1. None if sorted by another rule, or
            where there is no direction. What neurons do to margins is the answer of the route `effects`.
        complete: whether the whole sample was used.
        optimal: False when the neurons are clustered, but in an order of which a better one may exist.
    """

    rows: Records[RowSource]
    n: Int64Array
    order: Int32Array
    effect: Float32Array | None
    complete: bool
    optimal: bool


@dataclass(frozen=True, slots=True)
class Matrix(MatrixRows):
    """Statistics of every neuron over each row, as attributes by their names, such as `mean`.

    Attributes:
        statistics: those that were asked for, and `mean` and `std`, each under its own name, [rows, neurons]; NaN where a row has
            no finite value.
        error: half of the 95 % interval of `mean`, where it is from a sample, [rows, neurons]; 0 where it is of all instances seen,
            NaN of a single value.
    """

    statistics: Mapping[str, Float32Array]
    error: Float32Array

    def __getattr__(self, name: str) -> Float32Array:
        if name == "statistics" or name not in self.statistics:
            raise AttributeError(f"This matrix has no {name}. Of the statistics it has only those that were asked for.")
        return self.statistics[name]

    def window(self, columns: slice) -> "Matrix":
        """Statistics and effect of some neurons, by their places in the sorted order; the order stays whole."""
        shown = self.order[columns]
        return replace(
            self,
            statistics={name: values[:, shown] for name, values in self.statistics.items()},
            error=self.error[:, shown],
            effect=None if self.effect is None else self.effect[shown],
        )


def matrix(
    snapshot: SnapshotReader,
    layer: str,
    rows: Sequence[Row],
    sort: Sort | None = None,
    prefix: int | None = None,
    wanted: Collection[str] = DEFAULT,
    window: slice | None = None,
    always: Collection[str] = ALWAYS,
) -> Matrix:
    """Statistics of every neuron over each row: exact for declared subsets, from the sample for expressions.

    With `prefix`, from the first so many rows of the sample, which are a uniform sample themselves: a first answer that comes in
    milliseconds however many there are. Single instances are what they are. `mean` and `std` come whether `wanted` or not.
    `always` without "std": packed deviations that nobody wants are NaN.
    With `window` only these neurons are computed; they stand by their index, whatever the sort, and `order`
    is that of the index.

    Raises NotFoundError for a layer, subset or row that is not there, ExpressionError, TooLargeError beyond MAX_CELLS.
    """
    recorded = snapshot.layer(layer)
    neurons, seen = recorded.info.neurons, snapshot.record.seen
    if len(rows) * neurons > MAX_CELLS:
        raise TooLargeError(
            f"A matrix can have {MAX_CELLS:,} cells; {len(rows):,} rows of {neurons:,} neurons are more. Ask for fewer rows."
        )
    complete = prefix is None or prefix >= snapshot.record.sample_size
    finite = recorded.nan == 0 and recorded.inf == 0
    columns = window or slice(0, neurons)
    shape = (len(rows), columns.stop - columns.start)
    computed = {name: STATISTICS[name] for name in dict.fromkeys((*ALWAYS, *wanted))}
    # Of a declared subset only what the summaries do not hold has to be computed.
    every_set = any(entry.of_summary is None for entry in computed.values())
    summed = [i for i, row in enumerate(rows) if row.expression is not None or (every_set and row.instance is None)]
    # What is read is float32 already; a matrix of a thousand rows is not made larger than that.
    precise = np.float64 if summed else np.float32
    # Nothing but declared subsets, each once: what the summaries hold is the matrix.
    whole = window is None and not summed and 0 < len(rows) == len({row.subset for row in rows} - {None})
    arrays = {
        name: np.full(shape, np.nan, precise if name in ALWAYS else np.float32)
        for name, entry in computed.items()
        if not whole or entry.of_summary is None
    }
    # Summaries are all that declared subsets need.
    reads = bool(summed) or any(row.instance is not None for row in rows)
    activations = snapshot.activations(layer)[:, columns] if reads else np.zeros((0, shape[1]), np.float16)
    error, count, n = np.zeros(shape, np.float32), np.zeros(shape, np.int32), np.zeros(len(rows), np.int64)
    sources = [RowSource("sample", 0, seen)] * len(rows)
    if summed:
        masks = members(snapshot, [rows[i] for i in summed], None if complete else prefix)
        extremes = any(entry.extremes for entry in computed.values())
        moments = statistics(activations[: masks.shape[1]], masks, finite=finite, extremes=extremes)
        for name, entry in computed.items():
            arrays[name][summed] = _of_sets(entry, moments, activations[: masks.shape[1]], masks)
        count[summed], n[summed] = moments.count, np.count_nonzero(masks, axis=1)
        error[summed] = half_width(moments.std, moments.count, masks.shape[1] / max(1, seen))
    declared = {row.subset: subset_index(snapshot, row.subset) for row in rows if row.subset is not None}
    needed = {*always, *wanted, "mean"}
    summary = snapshot.summary_of(layer, list(declared.values()), needed) if declared else None
    if whole and summary is not None:
        arrays |= {name: entry.of_summary(summary) for name, entry in computed.items() if entry.of_summary is not None}
        count[:] = summary.count
    place = {name: index for index, name in enumerate(declared)}
    for index, row in enumerate(rows):
        if row.instance is not None:
            here = check_instance(snapshot, row.instance)
            alone = np.ones((1, 1), bool)
            own = statistics(activations[here : here + 1], alone, finite=finite)
            for name, entry in computed.items():
                arrays[name][index] = _of_sets(entry, own, activations[here : here + 1], alone)[0]
            count[index], n[index] = own.count[0], 1
            sources[index] = RowSource("instance", 1, seen)
        elif row.subset is not None and summary is not None:
            position = declared[row.subset]
            if not whole:
                for name, entry in computed.items():
                    if entry.of_summary is not None:
                        arrays[name][index] = entry.of_summary(summary)[place[row.subset], columns]
                counted = summary.count[place[row.subset]]
                count[index], error[index] = counted if counted.size == 1 else counted[columns], 0
            n[index] = snapshot.record.subsets[position].count
            sources[index] = RowSource("exact", int(n[index]), seen, snapshot.is_packed(layer, position))
        else:
            sources[index] = RowSource("sample", int(n[index]), seen)
    rule = sort or Sort()

    def std(index: int) -> np.ndarray:
        name, deviations = rows[index].subset, arrays["std"][index]
        if name is not None and "std" not in needed:
            deviations = snapshot.summary_of(layer, [declared[name]], ["std"]).std[0].astype(arrays["mean"].dtype)
        return np.asarray(deviations)

    ordered = (
        Order(np.arange(neurons, dtype=np.int32))
        if window
        else order(rule, arrays["mean"], std, count, lambda: _weights(snapshot, layer, rows[rule.a], rule.by))
    )
    return Matrix(
        rows=Records(RowSource, sources),
        n=n,
        order=ordered.order,
        effect=None if ordered.effect is None else ordered.effect.astype(np.float32),
        complete=complete,
        optimal=ordered.optimal,
        statistics={name: arrays[name].astype(np.float32, copy=False) for name in computed},
        error=error,
    )


def _weights(snapshot: SnapshotReader, layer: str, row: Row, by: str) -> np.ndarray:
    """What a row says of each neuron, [neurons], for the rules "direction" and "effect"."""
    if by == "direction":
        return row_direction(snapshot, layer, row).unit
    return row_effects(snapshot, layer, row).effect


def _of_sets(entry: Statistic, moments: Moments, activations: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """A statistic over sets of instances, [sets, neurons]."""
    if entry.of_moments is not None:
        return entry.of_moments(moments)
    assert entry.of_values is not None, f"{entry.info.name} has no way to be computed"
    return entry.of_values(activations, sets)
