"""One neuron: its distribution per row, the instances that drive it, the classes it tells apart, its change over the steps."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.arithmetic import codes
from tensorboard_activis.query.arithmetic.effects import effect_size
from tensorboard_activis.query.instances.classes import briefs, class_name, is_classes, label_sets, label_values
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.read.snapshot import SnapshotReader

BINS = 30
EXTREMES = 8


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts [bins] of the finite values of a row on the common edges, with their number, mean and population deviation."""

    counts: np.ndarray
    n: int
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class Selectivity:
    """How well a neuron tells a class from the rest.

    Attributes:
        auc: chance that an instance of the class has a higher value than one that is not, ties counting half.
        d: Hedges' g of the class against the rest.
        n: kept instances of the class with a finite value.
    """

    name: str
    auc: float
    d: float
    n: int


def histograms(
    snapshot: SnapshotReader, values: np.ndarray, rows: Sequence[Row], prefix: int | None = None
) -> tuple[np.ndarray, list[Histogram]]:
    """Distributions over the sample (or its first `prefix` rows) on common bins: edges [bins + 1], one histogram per row.

    Arguments:
        values: the neuron's codes, uint16 [instances].
    """
    values = values[: _sampled(snapshot, prefix)]
    there = np.flatnonzero(codes.count(values))
    known = codes.VALUES[there]
    low, high = (float(known[0]), float(known[-1])) if known.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    bins = np.clip(np.searchsorted(edges, known, side="right") - 1, 0, BINS - 1)
    found = []
    for mask in members(snapshot, rows, prefix):
        counts = codes.count(values[mask])[there]
        n = int(counts.sum())
        mean = float(counts @ known) / n if n else math.nan
        std = math.sqrt(float(counts @ (known - mean) ** 2) / n) if n else math.nan
        found.append(Histogram(np.bincount(bins, counts, BINS).astype(np.int64), n, mean, std))
    return edges, found


def _sampled(snapshot: SnapshotReader, prefix: int | None) -> int:
    """Rows of the sample that are looked at; probes lie behind it."""
    return snapshot.record.kept if prefix is None else min(prefix, snapshot.record.kept)


def extremes(snapshot: SnapshotReader, values: np.ndarray) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The instances that drive the neuron most and least, each with its value; ties in row order."""
    both = codes.highest(values, EXTREMES), codes.lowest(values, EXTREMES)
    described = iter(briefs(snapshot, np.concatenate(both)))
    top, bottom = ([next(described) | {"value": float(codes.VALUES[values[row]])} for row in chosen] for chosen in both)
    return top, bottom


def selectivity(snapshot: SnapshotReader, values: np.ndarray, prefix: int | None = None) -> list[Selectivity]:
    """AUC and d of every class that the sample holds, best separated first; empty without classes."""
    sampled = _sampled(snapshot, prefix)
    classes = _classes(snapshot, sampled)
    if classes is None:
        return []
    names, per_class, labelled = classes
    known = codes.FINITE[values[:sampled]] & labelled
    values = values[:sampled][known]
    if not values.size:
        return []
    exact = codes.VALUES[values]
    exact -= exact.mean()
    n, ranks, total, squares = per_class(
        known, [np.ones(values.size), codes.mean_ranks(codes.count(values))[values], exact, exact * exact]
    )
    # The rest's sums are what remains of all.
    others = values.size - n
    with np.errstate(divide="ignore", invalid="ignore"):
        auc = (ranks - n * (n + 1) / 2) / (n * others)
        both = np.stack([n, others])
        mean = np.stack([total, exact.sum() - total]) / both
        std = np.sqrt(np.maximum(np.stack([squares, (exact * exact).sum() - squares]) / both - mean * mean, 0))
        effect = effect_size(mean, std, both)
    found = [
        Selectivity(names(int(index)), float(auc[index]), float(effect[index]), int(n[index]))
        for index in np.flatnonzero((n > 0) & (others > 0))
    ]
    return sorted(found, key=lambda one: -abs(one.auc - 0.5))


_PerClass = Callable[[np.ndarray, Sequence[np.ndarray]], np.ndarray]


def _classes(snapshot: SnapshotReader, sampled: int) -> tuple[Callable[[int], str], _PerClass, np.ndarray] | None:
    """Names of classes; how to sum [known instances] by class, float64 [sums, classes]; which instances have a label."""
    labels = label_values(snapshot)
    if is_classes(labels):
        assert labels is not None
        own = labels[:sampled]
        return (
            lambda index: class_name(snapshot, index) or "",
            lambda known, each: np.stack([np.bincount(own[known], values) for values in each]),
            own >= 0,
        )
    several = label_sets(snapshot)
    if several is None:
        return None
    names, sets = several
    return (
        lambda index: names[index],
        lambda known, each: np.array([[values[one[:sampled][known]].sum() for one in sets] for values in each]),
        np.ones(sampled, bool),
    )


def over_steps(snapshots: Iterable[SnapshotReader], layer: str, neuron: int) -> list[dict[str, float]]:
    """The neuron's mean and deviation over all instances at every step that recorded it; unreadable steps are left out."""
    found = []
    for snapshot in snapshots:
        try:
            recorded = snapshot.layer(layer)
            if recorded.info.neurons <= neuron:
                continue
            summary = snapshot.summary(layer)
            mean, std = float(summary.mean[0, neuron]), float(summary.std[0, neuron])
        except (ActiVisError, IndexError):
            continue
        found.append({"step": snapshot.record.step, "mean": mean, "std": std})
    return found


def neuron(
    snapshot: SnapshotReader,
    layer: str,
    index: int,
    rows: Sequence[Row],
    steps: Iterable[SnapshotReader],
    prefix: int | None = None,
) -> dict[str, object]:
    """Everything of one neuron, as docs/http_api.md describes it. Raises NotFoundError, ExpressionError."""
    values = codes.codes(snapshot.neuron(layer, index)[:prefix])
    edges, found = histograms(snapshot, values, rows, prefix)
    top, bottom = extremes(snapshot, values)
    return {
        "neuron": index,
        "edges": edges.tolist(),
        "rows": [{"counts": one.counts.tolist(), "n": one.n, "mean": one.mean, "std": one.std} for one in found],
        "top": top,
        "bottom": bottom,
        "classes": [
            {"class": one.name, "auc": one.auc, "d": one.d, "n": one.n} for one in selectivity(snapshot, values, prefix)
        ],
        "complete": prefix is None or prefix >= snapshot.record.kept,
        "steps": over_steps(steps, layer, index),
    }
