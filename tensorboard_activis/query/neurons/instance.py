"""Details of one instance: class probabilities, nearest neighbours in a layer, and an explanation of its prediction."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.instances.classes import (
    InstanceBrief,
    briefs,
    check_instance,
    class_name,
)
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.query.neurons.why_not import ClassContrast, why_not
from tensorboard_activis.read.snapshot import SnapshotReader

NEIGHBOURS = 8
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class ClassScore:
    """A class and how likely the model found it.

    Attributes:
        class_: name of the class.
        score: its probability.
    """

    class_: str
    score: MaybeNaN


@dataclass(frozen=True, slots=True)
class Neighbour(InstanceBrief):
    """Another instance that lies near.

    Attributes:
        distance: Euclidean, between the layer's activations.
    """

    distance: float


@dataclass(frozen=True, slots=True)
class InstanceDetail(InstanceBrief):
    """One instance in one layer.

    Attributes:
        correct: whether the prediction is right; None where that is not known.
        scores: the most likely classes, the highest first; empty when none were recorded.
        neighbours: the eight nearest other instances in this layer.
        contrast: why it was taken for another class than its own, or than `against`; None when it was not.
    """

    correct: bool | None
    scores: Records[ClassScore]
    neighbours: Records[Neighbour]
    contrast: ClassContrast | None


def neighbours(snapshot: SnapshotReader, layer: str, index: int, count: int = NEIGHBOURS) -> list[tuple[int, float]]:
    """The nearest other kept instances by Euclidean distance in a layer: (index, distance), nearest first, ties by index.

    Instances with values that are not finite have no distance and are left out.
    """
    activations = snapshot.activations(layer)
    here = activations[check_instance(snapshot, index)].astype(np.float32)
    squares = np.empty(len(activations), np.float64)
    for start in range(0, len(activations), _BLOCK):
        check_time()
        with np.errstate(invalid="ignore"):  # of infinities
            apart = widen(np.ascontiguousarray(activations[start : start + _BLOCK])) - here
        squares[start : start + _BLOCK] = np.einsum("ij,ij->i", apart, apart, dtype=np.float64)
    squares[index] = np.nan
    finite = np.flatnonzero(np.isfinite(squares))
    nearest = finite[np.argsort(squares[finite], kind="stable")][:count]
    return [(int(other), float(np.sqrt(squares[other]))) for other in nearest]


def scores(snapshot: SnapshotReader, index: int) -> Records[ClassScore]:
    """The highest class probabilities of an instance, highest first; empty when none were recorded. Raises UnreadableError."""
    columns = snapshot.record.columns
    if "top_classes" not in columns or "top_scores" not in columns:
        return Records(ClassScore)
    every, scored = snapshot.column("top_classes"), snapshot.column("top_scores")
    if every.shape != scored.shape:
        raise UnreadableError(
            f"top_classes are {every.shape} and top_scores {scored.shape}: they do not belong together."
        )
    classes, values = every[index], scored[index]
    pairs = zip(np.atleast_1d(classes), np.atleast_1d(values), strict=True)
    return Records(
        ClassScore,
        (
            ClassScore(class_name(snapshot, int(position)) or "", float(value))
            for position, value in pairs
            if position >= 0
        ),
    )


def instance(snapshot: SnapshotReader, layer: str, index: int, against: str | None = None) -> InstanceDetail:
    """The details of one instance, answer of the route `instance`; `against` as for `why_not`. Raises NotFoundError, QueryError."""
    check_instance(snapshot, index)
    (own,) = briefs(snapshot, [index])
    near = neighbours(snapshot, layer, index)
    others = zip(briefs(snapshot, [other for other, _ in near]), near, strict=True)
    table = snapshot.instances
    return InstanceDetail(
        index=own.index,
        id=own.id,
        label=own.label,
        prediction=own.prediction,
        correct=table.column("correct")[index].as_py() if "correct" in table.column_names else None,
        scores=scores(snapshot, index),
        neighbours=Records(
            Neighbour,
            (Neighbour(one.index, one.id, one.label, one.prediction, apart) for one, (_, apart) in others),
        ),
        contrast=why_not(snapshot, layer, index, against),
    )
