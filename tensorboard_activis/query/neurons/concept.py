"""A subset's direction in a layer, as one more neuron: the difference of two means, and how far it moves each class.

Source: Kim et al., "Interpretability beyond feature attribution: testing with concept activation vectors", 2018; the size of the
mean directional derivative is taken here, not the share of its signs, which found nothing that was planted.
"""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.causes.estimate import Estimate, not_estimated
from tensorboard_activis.query.causes.regression import Regression, regression
from tensorboard_activis.query.contract import Float32Array, MaybeNaN, Records
from tensorboard_activis.query.instances.classes import class_name
from tensorboard_activis.query.matrix.direction import row_direction
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.read.snapshot import SnapshotReader


@dataclass(frozen=True, slots=True)
class ClassChange:
    """How far the direction moves one class.

    Attributes:
        class_: its name.
        change: of its logit, about the mean of all classes, from the mean of the others to that of the subset.
    """

    class_: str
    change: float


@dataclass(frozen=True, slots=True)
class Concept:
    """The direction of a subset in a layer.

    Attributes:
        n: instances of the subset, of the sample, with finite activations.
        rest: the others.
        direction: mean of the subset minus mean of the others, [neurons]; NaN where either has no instance.
        values: where each kept instance lies along it: 0 at the mean of the others, 1 at that of the subset, [instances]; NaN
            where that is not known.
        auc: probability that an instance of the subset lies further along it than another one, by directions of the other four
            fifths of the instances; null where there are too few.
        estimate: how `changes` were obtained.
        changes: by size, the largest first; empty where there is no estimate.
    """

    n: int
    rest: int
    direction: Float32Array
    values: Float32Array
    auc: MaybeNaN
    estimate: Estimate
    changes: Records[ClassChange]


def concept(snapshot: SnapshotReader, layer: str, row: Row) -> Concept:
    """The direction of a row in a layer, answer of the route `concept`.

    Raises NotFoundError, ExpressionError, UnreadableError.
    """
    direction, regressed = row_direction(snapshot, layer, row), regression(snapshot, layer)
    return Concept(
        direction.n,
        direction.rest,
        direction.vector.astype(np.float32),
        direction.along().astype(np.float32),
        direction.auc(),
        regressed.estimate if isinstance(regressed, Regression) else not_estimated(regressed),
        _changes(snapshot, regressed, direction.vector),
    )


def told_apart(snapshot: SnapshotReader, layer: str, row: Row) -> float:
    """The field `auc` of `concept` alone, which needs no regression; NaN where there are too few instances."""
    return row_direction(snapshot, layer, row).auc()


def _changes(snapshot: SnapshotReader, regressed: Regression | str, direction: np.ndarray) -> Records[ClassChange]:
    if not isinstance(regressed, Regression) or not np.isfinite(direction).all():
        return Records(ClassChange)
    moved = regressed.weights.astype(np.float64) @ direction
    moved -= moved.mean()
    order = np.argsort(-np.abs(moved), kind="stable")
    return Records(ClassChange, [ClassChange(class_name(snapshot, int(c)) or str(c), float(moved[c])) for c in order])
