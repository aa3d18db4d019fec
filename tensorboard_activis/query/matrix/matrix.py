"""The neuron activation matrix: statistics of every neuron over mixed rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.arithmetic.interval import half_width
from tensorboard_activis.query.arithmetic.statistics import statistics
from tensorboard_activis.query.instances.classes import check_instance
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.query.matrix.rows import Row, members, subset_index
from tensorboard_activis.query.matrix.sorting import Order, Sort, order
from tensorboard_activis.read.snapshot import SnapshotReader

MAX_CELLS = 1 << 24
#: Mean and deviation always come; the others of the sample take as long again.
STATISTICS = ("mean", "std", "max", "active")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a row's numbers come from.

    Attributes:
        source: "exact" (all instances seen), "sample" (kept ones) or "instance".
        n: instances that the statistics are of.
        of: instances seen, of which the sample was kept.
    """

    source: str
    n: int
    of: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """Statistics float32 [rows, neurons]; NaN where a row has no finite value.

    Attributes:
        std: the population's; 0 for a single instance.
        active: share of the kept instances above zero; NaN where the sample holds none of the row's instances.
        n: int64 [rows], instances that the statistics are of.
        order: int32 [neurons], the neurons in sorted order.
        error: half of the 95 % interval of `mean`, where it is from a sample; 0 where it is exact, NaN of a single value.
        complete: whether the whole sample was used.
        effect: float32 [neurons] in index order, Hedges' g; only when sorted by difference.
        optimal: False when the neurons are clustered, but in an order that may not be the best.
    """

    mean: np.ndarray
    std: np.ndarray
    max: np.ndarray
    active: np.ndarray
    n: np.ndarray
    order: np.ndarray
    effect: np.ndarray | None
    error: np.ndarray
    complete: bool
    optimal: bool
    sources: tuple[Source, ...]


def parse_statistics(wanted: object) -> tuple[str, ...]:
    """Names from JSON; all of STATISTICS for None. Raises QueryError."""
    if wanted is None:
        return STATISTICS
    if not isinstance(wanted, list) or not all(name in STATISTICS for name in wanted):
        raise QueryError(f"statistics must be a list of {', '.join(STATISTICS)}; got {wanted!r:.80}.")
    return tuple(wanted)


def matrix(
    snapshot: SnapshotReader,
    layer: str,
    rows: Sequence[Row],
    sort: Sort | None = None,
    prefix: int | None = None,
    wanted: Collection[str] = STATISTICS,
    window: slice | None = None,
) -> Matrix:
    """Statistics of every neuron over each row: exact for declared subsets, from the sample for expressions.

    With `prefix`, from the first so many rows of the sample, which are a uniform sample themselves: a first answer that comes in
    milliseconds however many there are. Single instances are what they are. A statistic that is not `wanted` is NaN (`mean` and
    `std` always come). With `window` only these neurons are computed; they stand by their index, whatever the sort, and `order`
    is that of the index.

    Raises NotFoundError for a layer, subset or row that is not there, ExpressionError, TooLargeError beyond MAX_CELLS.
    """
    recorded = snapshot.layer(layer)
    neurons, seen = recorded.info.neurons, snapshot.record.seen
    if len(rows) * neurons > MAX_CELLS:
        raise TooLargeError(
            f"{len(rows):,} rows of {neurons:,} neurons are more than {MAX_CELLS:,} cells; ask for fewer rows."
        )
    complete = prefix is None or prefix >= snapshot.record.kept
    finite = recorded.nan == 0 and recorded.inf == 0
    columns = window or slice(0, neurons)
    activations = snapshot.activations(layer)[:, columns]
    shape = (len(rows), activations.shape[1])
    # Of a declared subset only the share of active ones has to be computed.
    summed = [
        i for i, row in enumerate(rows) if row.expression is not None or ("active" in wanted and row.instance is None)
    ]
    # What is read is float32 already; a matrix of a thousand rows is not made larger than that.
    precise = np.float64 if summed else np.float32
    arrays = {name: np.full(shape, np.nan, precise) for name in STATISTICS[:2]}
    arrays |= {name: np.full(shape, np.nan, np.float32) for name in STATISTICS[2:] if name in wanted}
    error, count, n = np.zeros(shape, np.float32), np.zeros(shape, np.int32), np.zeros(len(rows), np.int64)
    sources = [Source("sample", 0, seen)] * len(rows)
    if summed:
        kept = members(snapshot, [rows[i] for i in summed], None if complete else prefix)
        extremes = "max" in wanted or "active" in wanted
        found = statistics(activations[: kept.shape[1]], kept, finite=finite, extremes=extremes)
        for name, array in arrays.items():
            array[summed] = getattr(found, name)
        count[summed], n[summed] = found.count, np.count_nonzero(kept, axis=1)
        error[summed] = half_width(found.std, found.count, kept.shape[1] / max(1, seen))
    summary = snapshot.summary(layer) if any(row.subset is not None for row in rows) else None
    for index, row in enumerate(rows):
        if row.instance is not None:
            here = check_instance(snapshot, row.instance)
            own = statistics(activations[here : here + 1], np.ones((1, 1), bool), finite=finite)
            for name, array in arrays.items():
                array[index] = getattr(own, name)[0]
            count[index], n[index] = own.count[0], 1
            sources[index] = Source("instance", 1, seen)
        elif row.subset is not None and summary is not None:
            position = subset_index(snapshot, row.subset)
            for name in arrays.keys() - {"active"}:
                arrays[name][index] = getattr(summary, name)[position, columns]
            counted = summary.count[position]
            count[index], error[index] = counted if counted.size == 1 else counted[columns], 0
            n[index] = snapshot.record.subsets[position].count
            sources[index] = Source("exact", int(n[index]), seen)
        else:
            sources[index] = Source("sample", int(n[index]), seen)
    mean, std = arrays["mean"], arrays["std"]
    ordered = Order(np.arange(neurons, dtype=np.int32)) if window else order(sort or Sort(), mean, std, count)
    nothing = np.broadcast_to(np.float32(np.nan), shape)
    return Matrix(
        mean=mean.astype(np.float32, copy=False),
        std=std.astype(np.float32, copy=False),
        max=arrays.get("max", nothing),
        active=arrays.get("active", nothing),
        n=n,
        order=ordered.order,
        optimal=ordered.optimal,
        error=error,
        complete=complete,
        effect=None if ordered.effect is None else ordered.effect.astype(np.float32),
        sources=tuple(sources),
    )
