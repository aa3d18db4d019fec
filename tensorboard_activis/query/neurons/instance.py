"""Details of one instance: class probabilities, nearest neighbours in a layer, and an explanation of its prediction."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import QueryError, UnreadableError
from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.instances.classes import (
    InstanceBrief,
    briefs,
    check_instance,
    class_name,
    is_classes,
    label_values,
    prediction_values,
)
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.query.neurons.contrast import ClassStatistics, contrast
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
class MeanStd:
    """A neuron over a set of instances.

    Attributes:
        mean: of its activations.
        std: their population deviation.
    """

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class ContrastNeuron:
    """A neuron on which an instance stands out.

    Attributes:
        neuron: index in its layer.
        value: its activation on the instance.
        z_own: its distance from the mean of the instance's own class, in deviations of that class.
        z_predicted: the same for the class that was predicted.
        own: over the own class, all instances seen.
        predicted: over the predicted class.
    """

    neuron: int
    value: float
    z_own: float
    z_predicted: float
    own: MeanStd
    predicted: MeanStd


@dataclass(frozen=True, slots=True)
class ClassContrast:
    """Why an instance was taken for one class and not for another: six neurons each, without those that have next to no spread in
    either class (below a fiftieth of the layer's largest deviation).

    Attributes:
        own: name of its class; with `against` that class, which takes the place of its own here.
        predicted: name of the class that was predicted.
        far_from_own: by |z| within its own class, the largest first.
        sides_with_predicted: with |z| at most 1 in the predicted class, at least 1 in its own, and |d| of the two classes at
            least 1; by |d|, the largest first.
    """

    own: str
    predicted: str
    far_from_own: Records[ContrastNeuron]
    sides_with_predicted: Records[ContrastNeuron]


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


def class_statistics(snapshot: SnapshotReader, layer: str, index: int) -> ClassStatistics | None:
    """A class in a layer, over all instances seen; None when it was not declared as a subset or has no instances."""
    name = class_name(snapshot, index)
    for position, subset in enumerate(snapshot.record.subsets):
        if subset.kind == "class" and subset.name == name:
            if subset.count == 0:
                return None
            summary = snapshot.summary_of(layer, [position])
            return ClassStatistics(summary.mean[0], summary.std[0], subset.count)
    return None


def _class_index(snapshot: SnapshotReader, name: str) -> int:
    """The index of a class with this name, which is its index where classes have no names. Raises QueryError."""
    names = snapshot.record.class_names
    if name in names:
        return list(names).index(name)
    classes = [subset.name for subset in snapshot.record.subsets if subset.kind == "class"]
    if name in classes and name.isdecimal():
        return int(name)
    some = ", ".join(repr(one) for one in classes[:5])
    raise QueryError(f"There is no class {name!r:.80}. There are: {some:.300}{', …' if len(classes) > 5 else ''}.")


def why_not(snapshot: SnapshotReader, layer: str, index: int, against: str | None = None) -> ClassContrast | None:
    """The contrast of the predicted class and `against`, by default the instance's own; None when they are the same class, or
    there are no classes.

    Raises:
        QueryError: there is no class `against`.
    """
    labels, predictions = label_values(snapshot), prediction_values(snapshot)
    if labels is None or predictions is None or not is_classes(labels) or not is_classes(predictions):
        if against is not None:
            raise QueryError("against names a class, and these instances have none.")
        return None
    label = int(labels[index]) if against is None else _class_index(snapshot, against)
    prediction = int(predictions[index])
    if label < 0 or prediction < 0 or label == prediction:
        return None
    own, predicted = (class_statistics(snapshot, layer, position) for position in (label, prediction))
    if own is None or predicted is None:
        return None
    values = snapshot.activations(layer)[index].astype(np.float64)
    compared = contrast(values, own, predicted)

    def described(neuron: int) -> ContrastNeuron:
        return ContrastNeuron(
            neuron=int(neuron),
            value=float(values[neuron]),
            z_own=float(compared.z_own[neuron]),
            z_predicted=float(compared.z_predicted[neuron]),
            own=MeanStd(float(own.mean[neuron]), float(own.std[neuron])),
            predicted=MeanStd(float(predicted.mean[neuron]), float(predicted.std[neuron])),
        )

    return ClassContrast(
        own=class_name(snapshot, label) or "",
        predicted=class_name(snapshot, prediction) or "",
        far_from_own=Records(ContrastNeuron, map(described, compared.far_from_own)),
        sides_with_predicted=Records(ContrastNeuron, map(described, compared.sides_with_predicted)),
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
