"""One instance: its scores, its neighbours in a layer, and why it was taken for another class."""

import numpy as np

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.instances.classes import (
    briefs,
    check_instance,
    class_name,
    is_classes,
    label_values,
    prediction_values,
)
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.query.neurons.contrast import ClassStatistics, contrast
from tensorboard_activis.read.snapshot import SnapshotReader, SummaryArrays

NEIGHBOURS = 8
_BLOCK = 4096


def neighbours(snapshot: SnapshotReader, layer: str, row: int, count: int = NEIGHBOURS) -> list[tuple[int, float]]:
    """The nearest other kept instances by Euclidean distance in a layer: (row, distance), nearest first, ties by row.

    Instances with values that are not finite have no distance and are left out.
    """
    activations = snapshot.activations(layer)
    here = activations[check_instance(snapshot, row)].astype(np.float32)
    squares = np.empty(len(activations), np.float64)
    for start in range(0, len(activations), _BLOCK):
        check_time()
        apart = widen(np.ascontiguousarray(activations[start : start + _BLOCK])) - here
        squares[start : start + _BLOCK] = np.einsum("ij,ij->i", apart, apart, dtype=np.float64)
    squares[row] = np.nan
    rows = np.flatnonzero(np.isfinite(squares))
    nearest = rows[np.argsort(squares[rows], kind="stable")][:count]
    return [(int(other), float(np.sqrt(squares[other]))) for other in nearest]


def scores(snapshot: SnapshotReader, row: int) -> list[dict[str, object]]:
    """The highest class probabilities of an instance, highest first; empty when none were recorded."""
    columns = snapshot.record.columns
    if "top_classes" not in columns or "top_scores" not in columns:
        return []
    every, scored = snapshot.column("top_classes"), snapshot.column("top_scores")
    if every.shape != scored.shape:
        raise UnreadableError(
            f"top_classes are {every.shape} and top_scores {scored.shape}: they do not belong together."
        )
    classes, values = every[row], scored[row]
    return [
        {"class": class_name(snapshot, int(index)), "score": float(value)}
        for index, value in zip(np.atleast_1d(classes), np.atleast_1d(values), strict=True)
        if index >= 0
    ]


def class_statistics(snapshot: SnapshotReader, summary: SummaryArrays, index: int) -> ClassStatistics | None:
    """A class in a layer, over all instances seen; None when it was not declared as a subset or has no instances."""
    name = class_name(snapshot, index)
    for position, subset in enumerate(snapshot.record.subsets):
        if subset.kind == "class" and subset.name == name:
            if subset.count == 0:
                return None
            return ClassStatistics(summary.mean[position], summary.std[position], subset.count)
    return None


def why_not(snapshot: SnapshotReader, layer: str, row: int) -> dict[str, object] | None:
    """The contrast of an instance's own and predicted class; None when the prediction is right or there are no classes."""
    labels, predictions = label_values(snapshot), prediction_values(snapshot)
    if labels is None or predictions is None or not is_classes(labels) or not is_classes(predictions):
        return None
    label, prediction = int(labels[row]), int(predictions[row])
    if label < 0 or prediction < 0 or label == prediction:
        return None
    summary = snapshot.summary(layer)
    own, predicted = (class_statistics(snapshot, summary, index) for index in (label, prediction))
    if own is None or predicted is None:
        return None
    values = snapshot.activations(layer)[row].astype(np.float64)
    found = contrast(values, own, predicted)

    def described(neuron: int) -> dict[str, object]:
        return {
            "neuron": int(neuron),
            "value": float(values[neuron]),
            "z_own": float(found.z_own[neuron]),
            "z_predicted": float(found.z_predicted[neuron]),
            "own": {"mean": float(own.mean[neuron]), "std": float(own.std[neuron])},
            "predicted": {"mean": float(predicted.mean[neuron]), "std": float(predicted.std[neuron])},
        }

    return {
        "own": class_name(snapshot, label),
        "predicted": class_name(snapshot, prediction),
        "far_from_own": [described(neuron) for neuron in found.far_from_own],
        "sides_with_predicted": [described(neuron) for neuron in found.sides_with_predicted],
    }


def instance(snapshot: SnapshotReader, layer: str, row: int) -> dict[str, object]:
    """Everything of one instance, as docs/http_api.md describes it. Raises NotFoundError."""
    check_instance(snapshot, row)
    near = neighbours(snapshot, layer, row)
    details = briefs(snapshot, [other for other, _ in near])
    correct = (
        snapshot.instances.column("correct")[row].as_py() if "correct" in snapshot.instances.column_names else None
    )
    return briefs(snapshot, [row])[0] | {
        "correct": correct,
        "scores": scores(snapshot, row),
        "neighbours": [brief | {"distance": apart} for brief, (_, apart) in zip(details, near, strict=True)],
        "contrast": why_not(snapshot, layer, row),
    }
