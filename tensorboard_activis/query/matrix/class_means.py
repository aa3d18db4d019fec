"""Statistics of a class over a layer."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.arithmetic.statistics import statistics
from tensorboard_activis.query.instances.classes import class_name, is_classes, label_values
from tensorboard_activis.read.snapshot import SnapshotReader


@dataclass(frozen=True, slots=True)
class ClassStatistics:
    """A class over a layer: mean and population deviation [neurons], and the number of instances."""

    mean: np.ndarray
    std: np.ndarray
    n: int


def class_statistics(snapshot: SnapshotReader, layer: str, index: int) -> ClassStatistics | None:
    """A class in a layer: over all instances seen where it is a declared subset, else over the sample; None without instances."""
    name = class_name(snapshot, index)
    for position, subset in enumerate(snapshot.record.subsets):
        if subset.kind == "class" and subset.name == name:
            if subset.count == 0:
                return None
            summary = snapshot.summary_of(layer, [position])
            return ClassStatistics(summary.mean[0], summary.std[0], subset.count)
    labels, size = label_values(snapshot), snapshot.record.sample_size
    if labels is None or not is_classes(labels):
        return None
    members = labels[:size] == index
    if not members.any():
        return None
    recorded = snapshot.layer(layer)
    finite = recorded.nan == 0 and recorded.inf == 0
    moments = statistics(snapshot.activations(layer)[:size], members[None], finite=finite, extremes=False)
    return ClassStatistics(moments.mean[0], moments.std[0], int(members.sum()))
