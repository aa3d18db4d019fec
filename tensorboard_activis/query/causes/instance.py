"""Which neurons are behind one prediction: what a margin would be with a neuron at its mean over a class."""

import math
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.causes.estimate import Estimate, not_estimated
from tensorboard_activis.query.causes.logits import margins
from tensorboard_activis.query.causes.regression import regression
from tensorboard_activis.read.snapshot import SnapshotReader

#: Neurons that are set together.
TOGETHER = 5


@dataclass(frozen=True, slots=True)
class InstanceEffects:
    """What each neuron of a layer does to the margin of one instance: the logit of a class minus the highest other.

    Attributes:
        estimate: how the effects were come by.
        estimated: float64 [neurons]: the change of the margin if the neuron alone had its mean over the class; NaN for none.
        tried: float64 [neurons]: the same, as the model gave it; NaN where it was not tried.
        order: the neurons that raise the margin, the strongest first, int64 [at most TOGETHER].
        before: the margin as it is.
        after: the margin if all neurons of `order` had their mean; NaN for none.
        predicted: which class would be predicted then; -1 where that is not known.
    """

    estimate: Estimate
    estimated: np.ndarray
    tried: np.ndarray
    order: np.ndarray
    before: float
    after: float
    predicted: int


def instance_effects(
    snapshot: SnapshotReader, layer: str, index: int, target: int, means: np.ndarray
) -> InstanceEffects:
    """The effects on the margin of class `target` on one instance.

    Arguments:
        means: of the layer's neurons over that class, [neurons].

    Raises NotFoundError for a layer that is not there, UnreadableError where its activations cannot be read.
    """
    values = snapshot.activations(layer)[index].astype(np.float64)
    means = np.asarray(means, np.float64)
    found = regression(snapshot, layer)
    if isinstance(found, str):
        return _nothing(found, values.size)
    own = found.logits.of(np.array([index]))
    if target >= found.logits.classes or not np.isfinite(own).all():
        return _nothing("The logits of this instance are not finite.", values.size)
    margin, best = margins(own, np.array([target]))
    weights = found.weights.astype(np.float64)
    estimated = (weights[best[0]] - weights[target]) * (values - means)
    order = strongest(estimated)
    then = own + weights[:, order] @ (means - values)[order]
    after, _ = margins(then, np.array([target]))
    return InstanceEffects(
        estimate=found.estimate,
        estimated=estimated,
        tried=np.full(values.size, np.nan),
        order=order,
        before=float(margin[0]),
        after=float(after[0]),
        predicted=int(then.argmax()),
    )


def strongest(effects: np.ndarray) -> np.ndarray:
    """The neurons that raise the margin, the strongest first, int64 [at most TOGETHER]."""
    raising = np.flatnonzero(effects > 0)
    return raising[np.argsort(-effects[raising], kind="stable")][:TOGETHER]


def _nothing(words: str, neurons: int) -> InstanceEffects:
    none = np.full(neurons, np.nan)
    return InstanceEffects(not_estimated(words), none, none, np.zeros(0, np.int64), math.nan, math.nan, -1)
