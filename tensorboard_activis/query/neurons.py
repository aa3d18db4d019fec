"""One neuron: its distribution per row, the instances that drive it, the classes it tells apart, its change over the steps."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.classes import briefs, class_name, is_classes, label_values
from tensorboard_activis.query.effects import effect_size
from tensorboard_activis.query.rows import Row, members
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
    snapshot: SnapshotReader, layer: str, neuron: int, rows: Sequence[Row], prefix: int | None = None
) -> tuple[np.ndarray, list[Histogram]]:
    """Distributions over the sample (or its first `prefix` rows) on common bins: edges [bins + 1], one histogram per row."""
    values = snapshot.neuron(layer, neuron)[:prefix].astype(np.float64)
    known = np.isfinite(values)
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    found = []
    for mask in members(snapshot, rows, prefix):
        chosen = values[mask & known]
        counts = np.histogram(chosen, edges)[0]
        some = chosen.size > 0
        mean, std = (float(chosen.mean()), float(chosen.std())) if some else (math.nan, math.nan)
        found.append(Histogram(counts, int(chosen.size), mean, std))
    return edges, found


def extremes(
    snapshot: SnapshotReader, layer: str, neuron: int, prefix: int | None = None
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The kept instances that drive the neuron most and least, each with its value; ties in row order."""
    values = snapshot.neuron(layer, neuron)[:prefix].astype(np.float64)
    rows = np.flatnonzero(np.isfinite(values))
    ascending = rows[np.argsort(values[rows], kind="stable")]
    descending = rows[np.argsort(-values[rows], kind="stable")]
    return _with_values(snapshot, values, descending[:EXTREMES]), _with_values(snapshot, values, ascending[:EXTREMES])


def _with_values(snapshot: SnapshotReader, values: np.ndarray, rows: np.ndarray) -> list[dict[str, object]]:
    return [brief | {"value": float(values[row])} for brief, row in zip(briefs(snapshot, rows), rows, strict=True)]


def selectivity(snapshot: SnapshotReader, layer: str, neuron: int, prefix: int | None = None) -> list[Selectivity]:
    """AUC and d of every class that the sample holds, best separated first; empty without classes."""
    labels = label_values(snapshot)
    if labels is None or not is_classes(labels):
        return []
    labels = labels[:prefix]
    values = snapshot.neuron(layer, neuron)[:prefix].astype(np.float64)
    known = np.isfinite(values) & (labels >= 0)
    values, labels = values[known], labels[known]
    ranks = mean_ranks(values)
    found = []
    for index in np.unique(labels):
        inside = labels == index
        n, others = int(inside.sum()), int((~inside).sum())
        if n and others:
            auc = (ranks[inside].sum() - n * (n + 1) / 2) / (n * others)
            found.append(Selectivity(class_name(snapshot, int(index)) or "", float(auc), _effect(values, inside), n))
    return sorted(found, key=lambda one: -abs(one.auc - 0.5))


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[position]


def _effect(values: np.ndarray, inside: np.ndarray) -> float:
    both = (values[inside], values[~inside])
    mean, std, n = ([function(one) for one in both] for function in (np.mean, np.std, np.size))
    return float(effect_size(*(np.array(each)[:, None] for each in (mean, std, n)))[0])


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
    edges, found = histograms(snapshot, layer, index, rows, prefix)
    top, bottom = extremes(snapshot, layer, index, prefix)
    return {
        "neuron": index,
        "edges": edges.tolist(),
        "rows": [{"counts": one.counts.tolist(), "n": one.n, "mean": one.mean, "std": one.std} for one in found],
        "top": top,
        "bottom": bottom,
        "classes": [
            {"class": one.name, "auc": one.auc, "d": one.d, "n": one.n}
            for one in selectivity(snapshot, layer, index, prefix)
        ],
        "complete": prefix is None or prefix >= snapshot.record.kept,
        "steps": over_steps(steps, layer, index),
    }
