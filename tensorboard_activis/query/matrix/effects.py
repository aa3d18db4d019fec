"""What each neuron does to the mean margin of a row: the logit of the label minus the highest other."""

import numpy as np

from tensorboard_activis.query.causes.estimate import not_estimated
from tensorboard_activis.query.causes.instance import instance_effects
from tensorboard_activis.query.causes.sets import SetEffects, set_effects
from tensorboard_activis.query.instances.classes import check_instance, is_classes, label_values
from tensorboard_activis.query.matrix.class_means import class_statistics
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.read.snapshot import SnapshotReader


def row_effects(snapshot: SnapshotReader, layer: str, row: Row) -> SetEffects:
    """The effects on a row: of a set with neurons at their mean over all instances, of one instance at that over its label's class.

    Where there are none, `estimate` says why. Raises NotFoundError, ExpressionError, UnreadableError.
    """
    if row.instance is None:
        (mask,) = members(snapshot, [row])
        return set_effects(snapshot, layer, mask, snapshot.summary(layer, 1).mean[0].astype(np.float64))
    index, labels = check_instance(snapshot, row.instance), label_values(snapshot)
    neurons = snapshot.layer(layer).info.neurons
    label = int(labels[index]) if labels is not None and is_classes(labels) else -1
    own = class_statistics(snapshot, layer, label) if label >= 0 else None
    if own is None:
        why = "It has no label, and a margin is that of the label."
        return SetEffects(not_estimated(why), np.full(neurons, np.nan), float("nan"), 0)
    found = instance_effects(snapshot, layer, index, label, own.mean)
    effect = np.where(np.isfinite(found.tried), found.tried, found.estimated)
    return SetEffects(found.estimate, effect, found.before, int(found.estimate.method != "none"))
