"""Details of one neuron: histograms, top and bottom instances, class selectivity."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.arithmetic import ordinals
from tensorboard_activis.query.arithmetic.effects import effect_size
from tensorboard_activis.query.contract import MaybeNaN, Records, ShortArray
from tensorboard_activis.query.instances.classes import (
    InstanceBrief,
    briefs,
    class_name,
    is_classes,
    label_sets,
    label_values,
)
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.read.snapshot import SnapshotReader

BINS = 30
EXTREMES = 8


@dataclass(frozen=True, slots=True)
class Histogram:
    """The finite values of a row.

    Attributes:
        counts: of the values between each pair of edges, int64 [bins].
        n: how many finite values there are.
        mean: of them.
        std: their population deviation.
    """

    counts: ShortArray
    n: int
    mean: MaybeNaN
    std: MaybeNaN


@dataclass(frozen=True, slots=True)
class Driver(InstanceBrief):
    """An instance that drives a neuron.

    Attributes:
        value: the neuron's activation on it.
    """

    value: float


@dataclass(frozen=True, slots=True)
class ClassSeparation:
    """How well a neuron tells a class from the rest.

    Attributes:
        class_: name of the class.
        auc: chance that an instance of the class has a higher value than one that is not, ties counting half.
        d: Hedges' g of the class against the rest.
        n: kept instances of the class with a finite value.
    """

    class_: str
    auc: MaybeNaN
    d: MaybeNaN
    n: int


@dataclass(frozen=True, slots=True)
class NeuronDetail:
    """One neuron over the sample.

    Attributes:
        neuron: index in its layer.
        edges: of the bins that all rows share, float64 [bins + 1].
        rows: a histogram for each row that was asked for.
        top: the eight instances that drive it most, most first.
        bottom: the eight that drive it least, least first.
        classes: how well it tells each class from the rest, the best first; empty without classes.
        complete: whether the whole sample was looked at.
    """

    neuron: int
    edges: ShortArray
    rows: Records[Histogram]
    top: Records[Driver]
    bottom: Records[Driver]
    classes: Records[ClassSeparation]
    complete: bool

    @property
    def counts(self) -> np.ndarray:
        """Counts of all rows, int64 [rows, bins]."""
        return np.array([row.counts for row in self.rows], np.int64).reshape(len(self.rows), len(self.edges) - 1)


def histograms(
    snapshot: SnapshotReader, values: np.ndarray, rows: Sequence[Row], prefix: int | None = None
) -> tuple[np.ndarray, list[Histogram]]:
    """Distributions over the sample (or its first `prefix` instances) on common bins: edges [bins + 1], one histogram per row.

    Arguments:
        values: the neuron's ordinals, uint16 [instances].
    """
    values = values[: _sampled(snapshot, prefix)]
    there = np.flatnonzero(ordinals.count(values))
    known = ordinals.VALUES[there]
    low, high = (float(known[0]), float(known[-1])) if known.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    bins = np.clip(np.searchsorted(edges, known, side="right") - 1, 0, BINS - 1)
    per_row = []
    for mask in members(snapshot, rows, prefix):
        counts = ordinals.count(values[mask])[there]
        n = int(counts.sum())
        mean = float(counts @ known) / n if n else math.nan
        std = math.sqrt(float(counts @ (known - mean) ** 2) / n) if n else math.nan
        per_row.append(Histogram(np.bincount(bins, counts, BINS).astype(np.int64), n, mean, std))
    return edges, per_row


def _sampled(snapshot: SnapshotReader, prefix: int | None) -> int:
    """Number of instances of the sample that are used; pinned instances come after the sample."""
    return snapshot.record.sample_size if prefix is None else min(prefix, snapshot.record.sample_size)


def extremes(snapshot: SnapshotReader, values: np.ndarray) -> tuple[Records[Driver], Records[Driver]]:
    """The instances with the highest and the lowest activation, each with its value; ties in the order of indices.

    `values` are the neuron's ordinals, uint16 [instances]; see `query/arithmetic/ordinals.py`.
    """
    both = ordinals.highest(values, EXTREMES), ordinals.lowest(values, EXTREMES)
    top, bottom = (
        Records(
            Driver,
            (
                Driver(one.index, one.id, one.label, one.prediction, float(ordinals.VALUES[values[one.index]]))
                for one in briefs(snapshot, chosen)
            ),
        )
        for chosen in both
    )
    return top, bottom


def selectivity(snapshot: SnapshotReader, values: np.ndarray, prefix: int | None = None) -> Records[ClassSeparation]:
    """Class selectivity: AUC and effect size d of every class in the sample, best separated first; empty without classes.

    Arguments:
        values: the neuron's ordinals, uint16 [instances].
        prefix: looks at the first so many kept instances only.
    """
    sampled = _sampled(snapshot, prefix)
    classes = _classes(snapshot, sampled)
    if classes is None:
        return Records(ClassSeparation)
    names, per_class, labelled = classes
    known = ordinals.FINITE[values[:sampled]] & labelled
    values = values[:sampled][known]
    if not values.size:
        return Records(ClassSeparation)
    exact = ordinals.VALUES[values]
    exact -= exact.mean()
    n, ranks, total, squares = per_class(
        known, [np.ones(values.size), ordinals.mean_ranks(ordinals.count(values))[values], exact, exact * exact]
    )
    # The rest's sums are what remains of all.
    others = values.size - n
    with np.errstate(divide="ignore", invalid="ignore"):
        auc = (ranks - n * (n + 1) / 2) / (n * others)
        both = np.stack([n, others])
        mean = np.stack([total, exact.sum() - total]) / both
        std = np.sqrt(np.maximum(np.stack([squares, (exact * exact).sum() - squares]) / both - mean * mean, 0))
        effect = effect_size(mean, std, both)
    separations = [
        ClassSeparation(names(int(index)), float(auc[index]), float(effect[index]), int(n[index]))
        for index in np.flatnonzero((n > 0) & (others > 0))
    ]
    return Records(ClassSeparation, sorted(separations, key=lambda one: -abs(one.auc - 0.5)))


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


def neuron(
    snapshot: SnapshotReader,
    layer: str,
    index: int,
    rows: Sequence[Row],
    prefix: int | None = None,
) -> NeuronDetail:
    """The details of one neuron, answer of the route `neuron`.

    Arguments:
        rows: those that get a histogram.
        prefix: looks at the first so many kept instances only.

    Raises NotFoundError, ExpressionError.
    """
    values = ordinals.ordinals(snapshot.neuron(layer, index)[:prefix])
    edges, row_histograms = histograms(snapshot, values, rows, prefix)
    top, bottom = extremes(snapshot, values)
    return NeuronDetail(
        neuron=index,
        edges=edges,
        rows=Records(Histogram, row_histograms),
        top=top,
        bottom=bottom,
        classes=selectivity(snapshot, values, prefix),
        complete=prefix is None or prefix >= snapshot.record.sample_size,
    )
