"""Which neurons are behind one prediction: what a margin would be with a neuron at its mean over a class."""

import math
from dataclasses import replace

import numpy as np

from tensorboard_activis.query.causes.estimate import InstanceEffects, not_estimated, strongest
from tensorboard_activis.query.causes.logits import margins
from tensorboard_activis.query.causes.recorded import recorded_effects, unreadable
from tensorboard_activis.query.causes.regression import regression
from tensorboard_activis.read.snapshot import SnapshotReader


def instance_effects(
    snapshot: SnapshotReader, layer: str, index: int, target: int, means: np.ndarray
) -> InstanceEffects:
    """The effects on the margin of class `target` on one instance: what was recorded, else by regression.

    Arguments:
        means: of the layer's neurons over that class, [neurons].

    Raises NotFoundError for a layer that is not there, UnreadableError where its activations cannot be read.
    """
    values = snapshot.activations(layer)[index].astype(np.float64)
    means = np.asarray(means, np.float64)
    recorded = recorded_effects(snapshot, layer, index, target, means)
    if recorded is not None:
        return recorded
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
        estimate=replace(found.estimate, words=found.estimate.words + unreadable(snapshot, layer)),
        estimated=estimated,
        tried=np.full(values.size, np.nan),
        order=order,
        before=float(margin[0]),
        after=float(after[0]),
        predicted=int(then.argmax()),
    )


def _nothing(words: str, neurons: int) -> InstanceEffects:
    none = np.full(neurons, np.nan)
    return InstanceEffects(not_estimated(words), none, none, np.zeros(0, np.int64), math.nan, math.nan, -1)
