"""A subset's direction in a layer, as one more neuron: the difference of two means, and how far it moves each class.

Source: Kim et al., "Interpretability beyond feature attribution: testing with concept activation vectors", 2018; the size of the
mean directional derivative is taken here, not the share of its signs, which found nothing that was planted.
"""

import math
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.causes.estimate import Estimate, not_estimated
from tensorboard_activis.query.causes.regression import Regression, regression
from tensorboard_activis.query.contract import Float32Array, MaybeNaN, Records
from tensorboard_activis.query.instances.classes import class_name
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.read.snapshot import SnapshotReader

FOLDS = 5
_BLOCK = 2_048


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
    activations, inside, usable, fold = _split(snapshot, layer, row)
    sums, counts = _sums(activations, inside, usable, fold)
    with np.errstate(invalid="ignore"):
        means = sums.sum(axis=1) / np.where(counts.sum(axis=1) > 0, counts.sum(axis=1), np.nan)[:, None]
    direction = means[1] - means[0]
    found = regression(snapshot, layer)
    values, auc = _values(activations, direction, means), _auc(activations, inside, usable, fold, sums, counts)
    n, rest = (int(counts[side].sum()) for side in (1, 0))
    return Concept(
        n,
        rest,
        direction.astype(np.float32),
        values.astype(np.float32),
        auc,
        found.estimate if isinstance(found, Regression) else not_estimated(found),
        _changes(snapshot, found, direction),
    )


def told_apart(snapshot: SnapshotReader, layer: str, row: Row) -> float:
    """The field `auc` of `concept` alone, which needs no regression; NaN where there are too few instances."""
    activations, inside, usable, fold = _split(snapshot, layer, row)
    return _auc(activations, inside, usable, fold, *_sums(activations, inside, usable, fold))


def _split(snapshot: SnapshotReader, layer: str, row: Row) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Activations, and of each instance: whether it is in the row, whether it counts, and its fold."""
    (mask,) = members(snapshot, [row])
    activations = snapshot.activations(layer)
    sampled = np.zeros(len(activations), bool)
    sampled[: snapshot.record.sample_size] = True
    inside = np.zeros(len(activations), bool)
    inside[: mask.size] = mask
    usable = sampled & _finite(activations)
    fold = np.cumsum(usable) % FOLDS
    return activations, inside, usable, fold


def _finite(activations: np.ndarray) -> np.ndarray:
    finite = np.empty(len(activations), bool)
    for start in range(0, len(activations), _BLOCK):
        check_time()
        finite[start : start + _BLOCK] = np.isfinite(activations[start : start + _BLOCK]).all(axis=1)
    return finite


def _sums(
    activations: np.ndarray, inside: np.ndarray, usable: np.ndarray, fold: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the others' and the subset's activations, float64 [2, folds, neurons], and how many they are of."""
    sums, counts = np.zeros((2, FOLDS, activations.shape[1])), np.zeros((2, FOLDS))
    for start in range(0, len(activations), _BLOCK):
        check_time()
        here = np.arange(start, min(start + _BLOCK, len(activations)))
        here = here[usable[here]]
        values = widen(np.ascontiguousarray(activations[here]))
        for side in (0, 1):
            which = np.eye(FOLDS, dtype=np.float32)[fold[here]] * (inside[here] == bool(side))[:, None]
            sums[side] += which.T @ values
            counts[side] += which.sum(axis=0)
    return sums, counts


def _values(activations: np.ndarray, direction: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Where each instance lies along the direction, float64 [instances]."""
    found = np.full(len(activations), np.nan)
    length = float(direction @ direction)
    if not (length > 0 and math.isfinite(length)):
        return found
    for start in range(0, len(activations), _BLOCK):
        check_time()
        values = activations[start : start + _BLOCK].astype(np.float64)
        with np.errstate(invalid="ignore"):
            found[start : start + _BLOCK] = (values - means[0]) @ direction / length
    return np.where(np.isfinite(found), found, np.nan)


def _auc(
    activations: np.ndarray,
    inside: np.ndarray,
    usable: np.ndarray,
    fold: np.ndarray,
    sums: np.ndarray,
    counts: np.ndarray,
) -> float:
    """The area under the curve of held-out instances, weighted by the pairs of each fold; NaN where there are none."""
    right = pairs = 0.0
    for held in range(FOLDS):
        others = counts.sum(axis=1) - counts[:, held]
        here = np.flatnonzero(usable & (fold == held))
        own = inside[here]
        if not others.all() or not own.any() or own.all():
            continue
        check_time()
        means = (sums.sum(axis=1) - sums[:, held]) / others[:, None]
        along = widen(np.ascontiguousarray(activations[here])) @ (means[1] - means[0])
        _, places, sizes = np.unique(along, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[places]  # equal values share their ranks
        size = int(own.sum())
        right += float(ranks[own].sum()) - size * (size + 1) / 2
        pairs += size * (own.size - size)
    return right / pairs if pairs else math.nan


def _changes(snapshot: SnapshotReader, found: Regression | str, direction: np.ndarray) -> Records[ClassChange]:
    if not isinstance(found, Regression) or not np.isfinite(direction).all():
        return Records(ClassChange)
    moved = found.weights.astype(np.float64) @ direction
    moved -= moved.mean()
    order = np.argsort(-np.abs(moved), kind="stable")
    return Records(ClassChange, [ClassChange(class_name(snapshot, int(c)) or str(c), float(moved[c])) for c in order])
