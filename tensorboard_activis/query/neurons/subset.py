"""One subset: how large, how well predicted, as what, and the neurons on which it differs most from the rest."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.arithmetic.effects import discovery_rates, effect_size, welch
from tensorboard_activis.query.arithmetic.statistics import statistics
from tensorboard_activis.query.instances.classes import is_classes, label_values, named, prediction_values
from tensorboard_activis.query.matrix.matrix import Source
from tensorboard_activis.query.matrix.rows import Row, members, subset_index
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
    source: Source


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the kept instances of a subset were predicted.

    Attributes:
        kept: how many there are; judged: those whose prediction can be right or wrong.
        accuracy: share of right ones; loss: mean; both NaN when there are none.
        confusion: (label, prediction, instances), most frequent first; None where one is missing. Empty without classes.
    """

    kept: int
    judged: int
    accuracy: float
    loss: float
    confusion: tuple[tuple[str | None, str | None, int], ...]


def outcome(snapshot: SnapshotReader, row: Row) -> Outcome:
    """How well a subset is predicted, of its kept instances. Raises NotFoundError, ExpressionError."""
    chosen = np.flatnonzero(members(snapshot, [_a_set(row)])[0])
    given = snapshot.record.columns
    correct = snapshot.column("correct")[chosen] if "correct" in given else np.zeros(0, np.uint8)
    loss = snapshot.column("loss")[chosen] if "loss" in given else np.zeros(0, np.float32)
    judged, loss = correct[correct <= 1], loss[np.isfinite(loss)]
    return Outcome(
        kept=len(chosen),
        judged=len(judged),
        accuracy=float(judged.mean()) if judged.size else float("nan"),
        loss=float(loss.mean(dtype=np.float64)) if loss.size else float("nan"),
        confusion=_confusion(snapshot, chosen),
    )


def _confusion(snapshot: SnapshotReader, chosen: np.ndarray) -> tuple[tuple[str | None, str | None, int], ...]:
    labels, predictions = label_values(snapshot), prediction_values(snapshot)
    if labels is None or predictions is None or not (is_classes(labels) and is_classes(predictions)):
        return ()
    _, first, counts = np.unique(
        np.stack([labels[chosen], predictions[chosen]]), axis=1, return_index=True, return_counts=True
    )
    found = []
    for place, count in sorted(zip(first, counts, strict=True), key=lambda one: (-one[1], one[0]))[:MAX_PAIRS]:
        at = int(chosen[place])
        found.append((_text(named(snapshot, labels, at)), _text(named(snapshot, predictions, at)), int(count)))
    return tuple(found)


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
        found = statistics(
            snapshot.activations(layer)[: own.size], np.stack([own, rest]), finite=finite, extremes=False
        )
        mean, std, count = found.mean, found.std, found.count
        source = Source("sample", int(own.sum()), snapshot.record.seen)
    effect, p = effect_size(mean, std, count), welch(mean, std, count)
    known = np.flatnonzero(np.isfinite(effect) & (effect != 0))
    order = known[np.argsort(-np.abs(effect[known]), kind="stable")]
    return Differences(mean, std, count, effect, p, discovery_rates(p), order, source)


def _exactly(snapshot: SnapshotReader, layer: str, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, Source]:
    """The rest's statistics are what remains of those of all instances (Chan's rule backwards)."""
    position = subset_index(snapshot, name)
    summary = snapshot.summary(layer)
    n = np.broadcast_to(summary.count, summary.mean.shape)[[0, position]].astype(np.float64)
    mean, std = (np.nan_to_num(each[[0, position]].astype(np.float64)) for each in (summary.mean, summary.std))
    rest = n[0] - n[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        other = (n[0] * mean[0] - n[1] * mean[1]) / rest
        squares = n[0] * std[0] ** 2 - n[1] * std[1] ** 2 - n[1] * rest / n[0] * (mean[1] - other) ** 2
        spread = np.sqrt(np.maximum(squares, 0) / rest)
    means = np.stack([np.where(n[1] > 0, mean[1], np.nan), np.where(rest > 0, other, np.nan)])
    deviations = np.stack([np.where(n[1] > 0, std[1], np.nan), np.where(rest > 0, spread, np.nan)])
    size = snapshot.record.subsets[position].count
    return means, deviations, np.stack([n[1], rest]), Source("exact", size, snapshot.record.seen)


def _a_set(row: Row) -> Row:
    if row.instance is not None:
        raise QueryError('A subset is {"subset": name} or {"expression": text}, not a single instance.')
    return row


def subset(snapshot: SnapshotReader, layer: str, row: Row) -> dict[str, object]:
    """Everything of one subset, as docs/http_api.md describes it."""
    of, found = outcome(snapshot, row), differences(snapshot, layer, row)
    tested = np.isfinite(found.q)
    return {
        "n": found.source.n,
        "of": found.source.of,
        "source": found.source.source,
        "kept": of.kept,
        "judged": of.judged,
        "accuracy": of.accuracy,
        "loss": of.loss,
        "confusion": [
            {"label": label, "prediction": prediction, "count": count} for label, prediction, count in of.confusion
        ],
        "tested": int(tested.sum()),
        "differ": int((found.q[tested] <= RATE).sum()),
        "neurons": [
            {
                "neuron": int(index),
                "effect": float(found.effect[index]),
                "p": float(found.p[index]),
                "q": float(found.q[index]),
                "own": {"mean": float(found.mean[0, index]), "std": float(found.std[0, index])},
                "rest": {"mean": float(found.mean[1, index]), "std": float(found.std[1, index])},
            }
            for index in found.order[:SHOWN]
        ],
    }
