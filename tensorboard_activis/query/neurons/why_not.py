"""Why an instance was taken for another class than its own: the neurons that did it, by their effect on its margin."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.causes.estimate import TOGETHER, Estimate, InstanceEffects
from tensorboard_activis.query.causes.instance import instance_effects
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.instances.classes import class_name, is_classes, label_values, prediction_values
from tensorboard_activis.query.matrix.class_means import ClassStatistics, class_statistics
from tensorboard_activis.read.snapshot import SnapshotReader

#: A neuron whose spread is below this share of the layer's largest has next to none: any value would look far away.
LEAST_SPREAD = 0.02


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
    """A neuron that stands between an instance and a class.

    Attributes:
        neuron: index in its layer.
        estimated: the change of the margin, in logits, if the neuron alone had its mean over the own class; null where it is not
            estimated.
        tried: the same, as the model gave it; null where it was not tried.
        value: its activation on the instance.
        z_own: its distance from the mean of the own class, in deviations of that class; null where the class does not spread.
        own: over the own class.
        predicted: over the predicted class; null where that has no instances.
    """

    neuron: int
    estimated: MaybeNaN
    tried: MaybeNaN
    value: float
    z_own: MaybeNaN
    own: MeanStd
    predicted: MeanStd | None


@dataclass(frozen=True, slots=True)
class TogetherEffect:
    """What the listed neurons do together.

    Attributes:
        count: how many there are.
        before: the margin of the own class as it is: its logit minus the highest other.
        after: the margin if all of them had their mean over the own class.
        predicted: name of the class that would be predicted then; null where that is not known.
    """

    count: int
    before: MaybeNaN
    after: MaybeNaN
    predicted: str | None


@dataclass(frozen=True, slots=True)
class ClassContrast:
    """Why an instance was taken for one class and not for another.

    Attributes:
        own: name of its class; with `against` that class, which takes the place of its own here.
        predicted: name of the class that was predicted.
        estimate: how the effects were obtained. With "none" the neurons are those farthest from the own class, by |z|, without
            those that have next to no spread there (below a fiftieth of the layer's largest deviation).
        neurons: at most five: those that would raise the margin of the own class most, the strongest first.
        together: what they do together; null without an estimate or neurons.
    """

    own: str
    predicted: str
    estimate: Estimate
    neurons: Records[ContrastNeuron]
    together: TogetherEffect | None


def why_not(snapshot: SnapshotReader, layer: str, index: int, against: str | None = None) -> ClassContrast | None:
    """The contrast of the predicted class and `against`, by default the instance's own; None when they are the same class, or
    there are no classes.

    Raises:
        QueryError: there is no class `against`.
    """
    labels, predictions = label_values(snapshot), prediction_values(snapshot)
    if labels is None or predictions is None or not is_classes(labels) or not is_classes(predictions):
        if against is not None:
            raise QueryError("against must name a class, and these instances have no classes. Leave it out.")
        return None
    target = int(labels[index]) if against is None else _class_index(snapshot, against)
    prediction = int(predictions[index])
    if target < 0 or prediction < 0 or target == prediction:
        return None
    own, predicted = (class_statistics(snapshot, layer, one) for one in (target, prediction))
    if own is None:
        return None
    values = snapshot.activations(layer)[index].astype(np.float64)
    effects = instance_effects(snapshot, layer, index, target, own.mean)
    estimated = effects.estimate.method != "none"
    z_own = _distances(values, own)
    order = effects.order if estimated else _farthest(z_own)
    return ClassContrast(
        own=class_name(snapshot, target) or "",
        predicted=class_name(snapshot, prediction) or "",
        estimate=effects.estimate,
        neurons=Records(
            ContrastNeuron,
            (
                ContrastNeuron(
                    neuron=int(neuron),
                    estimated=float(effects.estimated[neuron]),
                    tried=float(effects.tried[neuron]),
                    value=float(values[neuron]),
                    z_own=float(z_own[neuron]),
                    own=_of(own, neuron),
                    predicted=None if predicted is None else _of(predicted, neuron),
                )
                for neuron in order
            ),
        ),
        together=_together(snapshot, effects) if estimated and order.size else None,
    )


def _together(snapshot: SnapshotReader, effects: InstanceEffects) -> TogetherEffect:
    return TogetherEffect(
        count=effects.order.size,
        before=effects.before,
        after=effects.after,
        predicted=class_name(snapshot, effects.predicted),
    )


def _of(statistics: ClassStatistics, neuron: int) -> MeanStd:
    return MeanStd(float(statistics.mean[neuron]), float(statistics.std[neuron]))


def _distances(values: np.ndarray, own: ClassStatistics) -> np.ndarray:
    """z within the class, float64 [neurons]; NaN where the class has next to no spread."""
    usable = own.std > max(LEAST_SPREAD * float(np.nan_to_num(own.std).max(initial=0)), 1e-12)
    z = np.divide(values - own.mean, own.std, out=np.full(values.size, np.nan), where=usable)
    return np.where(np.isfinite(z), z, np.nan)


def _farthest(z: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(z))
    return known[np.argsort(-np.abs(z[known]), kind="stable")][:TOGETHER]


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
