"""How well each layer tells classes or rows apart: effect sizes, and a nearest-mean decision on held-out instances."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import ActiVisError, QueryError
from tensorboard_activis.query.arithmetic.halffloat import not_finite
from tensorboard_activis.query.arithmetic.nearest_mean import NearestMean
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.instances.classes import class_name, is_classes, label_values
from tensorboard_activis.query.limits import TooLargeError, check_time
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.read.snapshot import SnapshotReader

FOLDS = 5
#: Groups × neurons of a layer, for which sums are in memory: with the folds about 200 MB.
_MOST = 1 << 22


@dataclass(frozen=True, slots=True)
class SeparatedGroup:
    """One of the sets of instances that are told apart.

    Attributes:
        name: of the class, or the row's subset or expression.
        n: instances in it and in no other that are used.
    """

    name: str
    n: int


@dataclass(frozen=True, slots=True)
class LayerSeparation:
    """How well a layer tells the groups apart.

    Attributes:
        name: of the layer.
        n: instances whose activations are all finite; the others are left out.
        accuracy: balanced accuracy of the decision, the mean of the groups' shares of right decisions; 1 ÷ groups is chance.
        standard_error: of the accuracy: each share is binomial, and counts one right and one wrong decision more than there were,
            so that it is not 0 where all are right.
        effect: the Hedges' g with the largest absolute value, of a neuron and a group against all others; positive where the group
            is higher. Of two groups it is that of the first.
        neuron: index of that neuron; null without one.
        group: that group, by its position in `groups`; null without one.
        problem: why the layer has no figures, in words; null when it has.
    """

    name: str
    n: int
    accuracy: MaybeNaN
    standard_error: MaybeNaN
    effect: MaybeNaN
    neuron: int | None
    group: int | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Separation:
    """How well each layer tells groups of instances apart.

    Attributes:
        groups: the classes or rows with at least two of the instances that are used.
        folds: parts that the instances of each group are dealt to in turn, in the order of the sample, which is random; each is
            decided by the means of the others.
        layers: those that were asked for.
    """

    groups: Records[SeparatedGroup]
    folds: int
    layers: Records[LayerSeparation]


def separation(
    snapshot: SnapshotReader,
    rows: Sequence[Row] | None = None,
    layers: Sequence[str] | None = None,
    limit: int | None = None,
) -> Separation:
    """How well each layer tells rows of the matrix apart, or the classes: the answer of the route `separation`.

    An instance belongs to the group whose mean activation over the other folds is nearest (Euclidean).

    Arguments:
        rows: at least two; instances that are in several are left out. None: the classes of the labels.
        layers: names of recorded layers; all when None.
        limit: uses so many instances, the first of the sample that are in one group, which are a uniform sample of
            those; all when None.

    Raises:
        NotFoundError, ExpressionError: a row or layer does not exist, or is no expression.
        QueryError: there is a single row, or the limit is below 1.
    """
    if limit is not None and limit < 1:
        raise QueryError(f"limit must be at least 1; got {limit}.")
    chosen = list(snapshot.layers) if layers is None else [snapshot.layer(name).info.name for name in layers]
    names, groups = _classes(snapshot) if rows is None else _rows(snapshot, rows)
    groups = np.where(np.cumsum(groups >= 0) <= (groups.size if limit is None else limit), groups, -1)
    sizes = np.bincount(groups[groups >= 0], minlength=len(names))
    usable = np.flatnonzero(sizes >= 2)
    position = np.full(len(names) + 1, -1)  # the last is for -1
    position[usable] = np.arange(usable.size)
    groups = position[groups]
    folds = _folds(groups)
    return Separation(
        groups=Records(SeparatedGroup, (SeparatedGroup(names[index], int(sizes[index])) for index in usable)),
        folds=FOLDS,
        layers=Records(LayerSeparation, (_layer(snapshot, name, groups, folds, usable.size) for name in chosen)),
    )


def _classes(snapshot: SnapshotReader) -> tuple[list[str], np.ndarray]:
    """Names of the classes, and the class of each instance of the sample, -1 for none."""
    labels, size = label_values(snapshot), snapshot.record.sample_size
    if labels is None or not is_classes(labels):
        return [], np.full(size, -1)
    labels = np.asarray(labels[:size], np.int64)
    groups = np.full(size, -1)
    known = labels >= 0
    classes, groups[known] = np.unique(labels[known], return_inverse=True)
    return [class_name(snapshot, index) or "" for index in classes.tolist()], groups


def _rows(snapshot: SnapshotReader, rows: Sequence[Row]) -> tuple[list[str], np.ndarray]:
    if len(rows) < 2:
        raise QueryError(
            "rows must name at least two rows, which are told apart. Leave rows out to tell the classes apart."
        )
    masks = members(snapshot, rows)
    groups = np.where(masks.sum(axis=0) == 1, masks.argmax(axis=0), -1)
    return [row.subset or row.expression or f"instance {row.instance}" for row in rows], groups


def _folds(groups: np.ndarray) -> np.ndarray:
    """The fold of each instance, int64 [instances]: those of a group are dealt in turn."""
    order = np.argsort(groups, kind="stable")
    in_order = groups[order]
    folds = np.empty(groups.size, np.int64)
    folds[order] = (np.arange(groups.size) - np.searchsorted(in_order, in_order)) % FOLDS
    return folds


def _layer(snapshot: SnapshotReader, name: str, groups: np.ndarray, folds: np.ndarray, count: int) -> LayerSeparation:
    check_time()
    try:
        if count < 2:
            raise QueryError("Fewer than two groups have two instances or more.")
        activations = snapshot.activations(name)
        if count * activations.shape[1] > _MOST:
            raise TooLargeError(f"{count:,} groups are too many in a layer of {activations.shape[1]:,} neurons.")
    except ActiVisError as error:
        return LayerSeparation(name, 0, math.nan, math.nan, math.nan, None, None, str(error))
    chosen = np.flatnonzero(groups >= 0)
    chosen = np.concatenate(
        [block[_finite(activations[block])] for block in np.array_split(chosen, 1 + chosen.size // 1024)]
    )
    own = groups[chosen]
    nearest = NearestMean(activations, chosen, own, folds[chosen], (count, FOLDS))
    sizes = np.bincount(own, minlength=count)
    right = np.bincount(own[nearest.decisions() == own], minlength=count)
    accuracy, standard_error = _balanced_accuracy(right[sizes > 0], sizes[sizes > 0])
    return LayerSeparation(name, chosen.size, accuracy, standard_error, *nearest.largest_effect(), None)


def _finite(activations: np.ndarray) -> np.ndarray:
    """Whether each row of float16 [rows, neurons] is finite in all neurons."""
    check_time()
    return np.logical_not(not_finite(activations).any(axis=1))


def _balanced_accuracy(right: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """The mean of the groups' shares of right decisions, and its standard error; NaN with fewer than two groups."""
    if sizes.size < 2:
        return math.nan, math.nan
    share = (right + 1) / (sizes + 2)
    return float((right / sizes).mean()), math.sqrt((share * (1 - share) / sizes).sum()) / sizes.size
