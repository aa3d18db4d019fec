"""Details of one subset: size, accuracy, confusion, and the neurons on which it differs most from all other instances."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.arithmetic.effects import discovery_rates, effect_size, welch
from tensorboard_activis.query.arithmetic.statistics import statistics
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.instances.classes import is_classes, label_values, named, prediction_values
from tensorboard_activis.query.matrix.matrix import RowSource, SourceKind
from tensorboard_activis.query.matrix.rows import Row, members, subset_index
from tensorboard_activis.query.neurons.why_not import MeanStd
from tensorboard_activis.read.snapshot import SnapshotReader

SHOWN = 12
#: Share of false findings among the neurons that are said to differ.
RATE = 0.05
#: Pairs of label and prediction that are listed.
MAX_PAIRS = 1_000


@dataclass(frozen=True, slots=True)
class Differences:
    """A subset against all other instances on every neuron of a layer: float64 [2, neurons] and [neurons].

    Attributes:
        mean, std, count: of the subset, then of the rest; population deviations, finite values only.
        effect: Hedges' g, positive where the subset is higher; NaN where nothing spreads.
        p: of Welch's t test; q: of Benjamini and Hochberg over the neurons that can be tested.
        order: the neurons by size of their effect, the largest first, int [neurons that have one].
        source: "exact" from the statistics of all instances seen, or "sample".
    """

    mean: np.ndarray
    std: np.ndarray
    count: np.ndarray
    effect: np.ndarray
    p: np.ndarray
    q: np.ndarray
    order: np.ndarray
    source: RowSource


@dataclass(frozen=True, slots=True)
class ConfusionPair:
    """Instances of one label with one prediction.

    Attributes:
        label: name of the class; None without one.
        prediction: likewise.
        count: kept instances.
    """

    label: str | None
    prediction: str | None
    count: int


@dataclass(frozen=True, slots=True)
class DistinguishingNeuron:
    """A neuron on which a subset differs from all other instances.

    Attributes:
        neuron: index in its layer.
        effect: Hedges' g, positive where the subset is higher.
        p: of Welch's t test.
        q: of Benjamini and Hochberg over the tested neurons of the layer.
        own: over the subset.
        rest: over all other instances.
    """

    neuron: int
    effect: MaybeNaN
    p: MaybeNaN
    q: MaybeNaN
    own: MeanStd
    rest: MeanStd


@dataclass(frozen=True, slots=True)
class SubsetDetail:
    """A subset against all other instances; exact for a declared one, for an expression of the sample.

    Attributes:
        n: instances in it, as far as they were looked at.
        seen: instances seen.
        source: what `n` and `neurons` are of.
        sampled: instances in it that are in the sample; accuracy, loss and confusion are of these.
        judged: of them, those whose prediction can be right or wrong.
        accuracy: share of right ones.
        rest_accuracy: the same share among all other instances of the sample.
        loss: mean.
        confusion: pairs of label and prediction, most frequent first; empty without classes.
        tested: neurons of the layer that could be tested.
        differ: of them, those with q at most 0.05.
        neurons: those that differ most, the largest effect first.
    """

    n: int
    seen: int
    source: SourceKind
    sampled: int
    judged: int
    accuracy: MaybeNaN
    rest_accuracy: MaybeNaN
    loss: MaybeNaN
    confusion: Records[ConfusionPair]
    tested: int
    differ: int
    neurons: Records[DistinguishingNeuron]


@dataclass(frozen=True, slots=True)
class PredictionSummary:
    """How the kept instances of a subset were predicted.

    Attributes:
        sampled: how many there are; judged: those whose prediction can be right or wrong.
        accuracy: share of right ones, rest_accuracy: the same among all other kept instances; loss: mean. NaN when there are none.
        confusion: pairs of label and prediction, most frequent first. Empty without classes.
    """

    sampled: int
    judged: int
    accuracy: float
    rest_accuracy: float
    loss: float
    confusion: Records[ConfusionPair]


def prediction_summary(snapshot: SnapshotReader, row: Row) -> PredictionSummary:
    """Accuracy and confusion of a subset, from its kept instances. Raises NotFoundError, ExpressionError."""
    (mask,) = members(snapshot, [_a_set(row)])
    chosen, recorded = np.flatnonzero(mask), snapshot.record.columns
    correct = snapshot.column("correct")[: mask.size] if "correct" in recorded else np.full(mask.size, 255, np.uint8)
    loss = snapshot.column("loss")[chosen] if "loss" in recorded else np.zeros(0, np.float32)
    judged, rest = correct[mask & (correct <= 1)], correct[~mask & (correct <= 1)]
    loss = loss[np.isfinite(loss)]
    return PredictionSummary(
        sampled=len(chosen),
        judged=len(judged),
        accuracy=float(judged.mean()) if judged.size else float("nan"),
        rest_accuracy=float(rest.mean()) if rest.size else float("nan"),
        loss=float(loss.mean(dtype=np.float64)) if loss.size else float("nan"),
        confusion=_confusion(snapshot, chosen),
    )


def _confusion(snapshot: SnapshotReader, chosen: np.ndarray) -> Records[ConfusionPair]:
    labels, predictions = label_values(snapshot), prediction_values(snapshot)
    if labels is None or predictions is None or not (is_classes(labels) and is_classes(predictions)):
        return Records(ConfusionPair)
    _, first, counts = np.unique(
        np.stack([labels[chosen], predictions[chosen]]), axis=1, return_index=True, return_counts=True
    )
    pairs = []
    for place, count in sorted(zip(first, counts, strict=True), key=lambda one: (-one[1], one[0]))[:MAX_PAIRS]:
        at = int(chosen[place])
        label, prediction = (_text(named(snapshot, values, at)) for values in (labels, predictions))
        pairs.append(ConfusionPair(label, prediction, int(count)))
    return Records(ConfusionPair, pairs)


def _text(value: str | float | None) -> str | None:
    return None if value is None else str(value)


def differences(snapshot: SnapshotReader, layer: str, row: Row) -> Differences:
    """A subset against the rest, in one layer: exact for a declared subset, else of the sample.

    Raises NotFoundError, ExpressionError, and QueryError for a single instance.
    """
    recorded = snapshot.layer(layer)
    if _a_set(row).subset is not None:
        mean, std, count, source = _exactly(snapshot, layer, row.subset or "")
    else:
        own, everyone = members(snapshot, [row, Row(subset=snapshot.record.subsets[0].name)])
        finite = recorded.nan == 0 and recorded.inf == 0
        rest = everyone & ~own
        moments = statistics(
            snapshot.activations(layer)[: own.size], np.stack([own, rest]), finite=finite, extremes=False
        )
        mean, std, count = moments.mean, moments.std, moments.count
        source = RowSource("sample", int(own.sum()), snapshot.record.seen)
    effect, p = effect_size(mean, std, count), welch(mean, std, count)
    known = np.flatnonzero(np.isfinite(effect) & (effect != 0))
    order = known[np.argsort(-np.abs(effect[known]), kind="stable")]
    return Differences(mean, std, count, effect, p, discovery_rates(p), order, source)


def _exactly(snapshot: SnapshotReader, layer: str, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, RowSource]:
    """The rest's statistics are what remains of those of all instances (Chan's rule backwards)."""
    position = subset_index(snapshot, name)
    summary = snapshot.summary_of(layer, [0, position])
    n = np.broadcast_to(summary.count, summary.mean.shape).astype(np.float64)
    mean, std = (np.nan_to_num(each.astype(np.float64)) for each in (summary.mean, summary.std))
    rest = n[0] - n[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        other = (n[0] * mean[0] - n[1] * mean[1]) / rest
        squares = n[0] * std[0] ** 2 - n[1] * std[1] ** 2 - n[1] * rest / n[0] * (mean[1] - other) ** 2
        spread = np.sqrt(np.maximum(squares, 0) / rest)
    means = np.stack([np.where(n[1] > 0, mean[1], np.nan), np.where(rest > 0, other, np.nan)])
    deviations = np.stack([np.where(n[1] > 0, std[1], np.nan), np.where(rest > 0, spread, np.nan)])
    size = snapshot.record.subsets[position].count
    return (
        means,
        deviations,
        np.stack([n[1], rest]),
        RowSource("exact", size, snapshot.record.seen, snapshot.is_packed(layer, position)),
    )


def _a_set(row: Row) -> Row:
    if row.instance is not None:
        raise QueryError('A subset is {"subset": name} or {"expression": text}, not a single instance.')
    return row


def subset(snapshot: SnapshotReader, layer: str, row: Row, shown: int | None = SHOWN) -> SubsetDetail:
    """The details of one subset in one layer, answer of the route `subset`.

    Arguments:
        shown: how many neurons are listed; all that have an effect when None.

    Raises as `prediction_summary` and `differences`.
    """
    predicted, difference = prediction_summary(snapshot, row), differences(snapshot, layer, row)
    tested = np.isfinite(difference.q)
    return SubsetDetail(
        n=difference.source.n,
        seen=difference.source.seen,
        source=difference.source.source,
        sampled=predicted.sampled,
        judged=predicted.judged,
        accuracy=predicted.accuracy,
        rest_accuracy=predicted.rest_accuracy,
        loss=predicted.loss,
        confusion=predicted.confusion,
        tested=int(tested.sum()),
        differ=int((difference.q[tested] <= RATE).sum()),
        neurons=Records(
            DistinguishingNeuron,
            (
                DistinguishingNeuron(
                    neuron=int(index),
                    effect=float(difference.effect[index]),
                    p=float(difference.p[index]),
                    q=float(difference.q[index]),
                    own=MeanStd(float(difference.mean[0, index]), float(difference.std[0, index])),
                    rest=MeanStd(float(difference.mean[1, index]), float(difference.std[1, index])),
                )
                for index in difference.order[:shown]
            ),
        ),
    )
