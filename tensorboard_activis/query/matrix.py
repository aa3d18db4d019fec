"""The neuron activation matrix: statistics of every neuron over mixed rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.halffloat import statistics
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
        effect: float32 [neurons] in index order, Cohen's d; only when sorted by difference.
    """

    mean: np.ndarray
    std: np.ndarray
    max: np.ndarray
    active: np.ndarray
    n: np.ndarray
    order: np.ndarray
    effect: np.ndarray | None
    sources: tuple[Source, ...]


def matrix(snapshot: SnapshotReader, layer: str, rows: Sequence[Row], sort: Sort | None = None) -> Matrix:
    """Statistics of every neuron over each row: exact for declared subsets, from the sample for expressions.

    Raises NotFoundError for a layer, subset or row that is not there, ExpressionError, TooLargeError beyond MAX_CELLS.
    """
    recorded = snapshot.layer(layer)
    neurons = recorded.info.neurons
    if len(rows) * neurons > MAX_CELLS:
        raise TooLargeError(
            f"{len(rows):,} rows of {neurons:,} neurons are more than {MAX_CELLS:,} cells; ask for fewer rows."
        )
    kept = members(snapshot, rows)
    finite = recorded.nan == 0 and recorded.inf == 0
    found = statistics(snapshot.activations(layer), kept, finite=finite)
    mean, std, largest, active = found.mean.copy(), found.std.copy(), found.max.copy(), found.active
    count = found.count.copy()
    n = kept.sum(axis=1, dtype=np.int64)
    sources = []
    summary = snapshot.summary(layer) if any(row.subset is not None for row in rows) else None
    for index, row in enumerate(rows):
        if row.subset is None or summary is None:
            kind = "instance" if row.instance is not None else "sample"
            sources.append(Source(kind, int(n[index]), snapshot.record.seen))
            continue
        position = subset_index(snapshot, row.subset)
        mean[index], std[index], largest[index] = summary.mean[position], summary.std[position], summary.max[position]
        count[index] = summary.count[position]
        n[index] = snapshot.record.subsets[position].count
        sources.append(Source("exact", int(n[index]), snapshot.record.seen))
    ordered, effect = order(sort or Sort(), mean, std, count)
    return Matrix(
        mean=mean.astype(np.float32),
        std=std.astype(np.float32),
        max=largest.astype(np.float32),
        active=active.astype(np.float32),
        n=n,
        order=ordered,
        effect=None if effect is None else effect.astype(np.float32),
        sources=tuple(sources),
    )
