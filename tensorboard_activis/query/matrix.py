"""The neuron activation matrix: statistics of every neuron over mixed rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.halffloat import statistics
from tensorboard_activis.query.interval import half_width
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.query.rows import Row, members, subset_index
from tensorboard_activis.query.sorting import Sort, order
from tensorboard_activis.read.snapshot import SnapshotReader

MAX_CELLS = 16_000_000


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


def matrix(
    snapshot: SnapshotReader, layer: str, rows: Sequence[Row], sort: Sort | None = None, prefix: int | None = None
) -> Matrix:
    """Statistics of every neuron over each row: exact for declared subsets, from the sample for expressions.

    With `prefix`, from the first so many rows of the sample, which are a uniform sample themselves: a first answer that comes in
    milliseconds however many there are. Single instances are what they are.

    Raises NotFoundError for a layer, subset or row that is not there, ExpressionError, TooLargeError beyond MAX_CELLS.
    """
    recorded = snapshot.layer(layer)
    neurons = recorded.info.neurons
    if len(rows) * neurons > MAX_CELLS:
        raise TooLargeError(
            f"{len(rows):,} rows of {neurons:,} neurons are more than {MAX_CELLS:,} cells; ask for fewer rows."
        )
    complete = prefix is None or prefix >= snapshot.record.kept
    kept = members(snapshot, rows, None if complete else prefix)
    finite = recorded.nan == 0 and recorded.inf == 0
    activations = snapshot.activations(layer)
    found = statistics(activations[: kept.shape[1]], kept, finite=finite)
    mean, std, largest, active = found.mean.copy(), found.std.copy(), found.max.copy(), found.active.copy()
    count = found.count.copy()
    error = half_width(std, count, kept.shape[1] / max(1, snapshot.record.seen))
    n = kept.sum(axis=1, dtype=np.int64)
    sources = []
    summary = snapshot.summary(layer) if any(row.subset is not None for row in rows) else None
    for index, row in enumerate(rows):
        if row.instance is not None:
            own = statistics(activations[row.instance : row.instance + 1], np.ones((1, 1), bool), finite=finite)
            mean[index], std[index], largest[index], active[index] = own.mean[0], own.std[0], own.max[0], own.active[0]
            count[index], n[index], error[index] = own.count[0], 1, 0
            sources.append(Source("instance", 1, snapshot.record.seen))
            continue
        if row.subset is None or summary is None:
            sources.append(Source("sample", int(n[index]), snapshot.record.seen))
            continue
        position = subset_index(snapshot, row.subset)
        mean[index], std[index], largest[index] = summary.mean[position], summary.std[position], summary.max[position]
        count[index], error[index] = summary.count[position], 0
        n[index] = snapshot.record.subsets[position].count
        sources.append(Source("exact", int(n[index]), snapshot.record.seen))
    ordered = order(sort or Sort(), mean, std, count)
    return Matrix(
        mean=mean.astype(np.float32),
        std=std.astype(np.float32),
        max=largest.astype(np.float32),
        active=active.astype(np.float32),
        n=n,
        order=ordered.order,
        optimal=ordered.optimal,
        error=error.astype(np.float32),
        complete=complete,
        effect=None if ordered.effect is None else ordered.effect.astype(np.float32),
        sources=tuple(sources),
    )
