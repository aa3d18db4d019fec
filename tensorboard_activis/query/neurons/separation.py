"""How well each layer tells classes or rows apart: effect sizes, and a nearest-mean decision on held-out instances."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import ActiVisError, QueryError
from tensorboard_activis.query.arithmetic.effects import effect_size
from tensorboard_activis.query.arithmetic.halffloat import not_finite, widen
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.instances.classes import class_name, is_classes, label_values
from tensorboard_activis.query.limits import TooLargeError, check_time
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.read.snapshot import SnapshotReader

FOLDS = 5
#: Instances that are worked on at a time.
_BLOCK = 1024
#: Groups × neurons of a layer, for which sums are in memory: with the folds about 200 MB.
_MOST = 1 << 22


@dataclass(frozen=True, slots=True)
class SeparatedGroup:
    """One of the sets of instances that are told apart.

    Attributes:
        name: of the class, or the row's subset or expression.
        n: instances of the sample in it and in no other.
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
        effect: the Hedges' g with the largest absolute value, of a neuron and a group against all others; positive where the group
            is higher.
        neuron: index of that neuron; null without one.
        group: that group, by its position in `groups`; null without one.
        problem: why the layer has no figures, in words; null when it has.
    """

    name: str
    n: int
    accuracy: MaybeNaN
    effect: MaybeNaN
    neuron: int | None
    group: int | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Separation:
    """How well each layer tells groups of instances apart.

    Attributes:
        groups: the classes or rows with at least two instances.
        folds: parts that the instances of each group are dealt to in turn, in the order of the sample, which is random; each is
            decided by the means of the others.
        layers: all recorded layers.
    """

    groups: Records[SeparatedGroup]
    folds: int
    layers: Records[LayerSeparation]


def separation(snapshot: SnapshotReader, rows: Sequence[Row] | None = None) -> Separation:
    """How well each layer tells rows of the matrix apart, or the classes: the answer of the route `separation`.

    An instance belongs to the group whose mean activation over the other folds is nearest (Euclidean).

    Arguments:
        rows: at least two; instances that are in several are left out. None: the classes of the labels.

    Raises:
        NotFoundError, ExpressionError: a row does not exist, or is no expression.
        QueryError: there is a single row.
    """
    names, groups = _classes(snapshot) if rows is None else _rows(snapshot, rows)
    sizes = np.bincount(groups[groups >= 0], minlength=len(names))
    usable = np.flatnonzero(sizes >= 2)
    position = np.full(len(names) + 1, -1)  # the last is for -1
    position[usable] = np.arange(usable.size)
    groups = position[groups]
    return Separation(
        groups=Records(SeparatedGroup, (SeparatedGroup(names[index], int(sizes[index])) for index in usable)),
        folds=FOLDS,
        layers=Records(
            LayerSeparation, (_layer(snapshot, name, groups, _folds(groups), usable.size) for name in snapshot.layers)
        ),
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
        raise QueryError("rows must be at least two, which are told apart; leave rows out for the classes.")
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
    if count < 2:
        return LayerSeparation(
            name, 0, math.nan, math.nan, None, None, "There are no two groups with two instances each."
        )
    try:
        activations = snapshot.activations(name)[: len(groups)]
        if count * activations.shape[1] > _MOST:
            raise TooLargeError(f"{count:,} groups are too many for {activations.shape[1]:,} neurons.")
    except ActiVisError as error:
        return LayerSeparation(name, 0, math.nan, math.nan, None, None, str(error))
    finite = np.concatenate([~not_finite(activations[block]).any(axis=1) for block in _blocks(len(groups))])
    chosen = np.flatnonzero(finite & (groups >= 0))
    chosen = chosen[np.argsort(groups[chosen], kind="stable")]
    own = groups[chosen]
    sums = _Sums(activations, chosen, own, folds[chosen], count)
    effect, neuron, group = sums.largest_effect()
    right = np.bincount(own[sums.decisions() == own], minlength=count)
    with np.errstate(invalid="ignore"):
        shares = right / np.bincount(own, minlength=count)
    accuracy = float(np.nanmean(shares)) if np.count_nonzero(np.isfinite(shares)) > 1 else math.nan
    return LayerSeparation(name, chosen.size, accuracy, effect, neuron, group, None)


def _blocks(size: int) -> Iterator[slice]:
    for start in range(0, size, _BLOCK):
        check_time()
        yield slice(start, min(start + _BLOCK, size))


class _Sums:
    """Sums of a layer's activations over groups and folds, about a value near the mean, so that no digits are lost.

    Arguments:
        activations: float16 [instances, neurons], finite in `rows`.
        rows: positions of the instances, int64 [rows], group by group.
        groups, folds: int64 [rows], the group of each, ascending, and its fold.
        count: of groups.
    """

    def __init__(
        self, activations: np.ndarray, rows: np.ndarray, groups: np.ndarray, folds: np.ndarray, count: int
    ) -> None:
        self._activations, self._rows, self._folds = activations, rows, folds
        neurons = activations.shape[1]
        some = widen(activations[rows[:: 1 + rows.size // 64]]).astype(np.float64)
        self._pivot = some.mean(axis=0) if len(some) else np.zeros(neurons)
        self._counts = np.zeros((FOLDS, count))
        np.add.at(self._counts, (self._folds, groups), 1)
        self._totals = np.zeros((FOLDS, count, neurons))
        self._squares = np.zeros((count, neurons))
        for block in _blocks(rows.size):
            values, group = self._values(block), groups[block]
            begins = np.flatnonzero(np.diff(group, prepend=-1))
            self._squares[group[begins]] += np.add.reduceat(values * values, begins, axis=0)
            for fold in range(FOLDS):
                here = self._folds[block] == fold
                if here.any():
                    begins = np.flatnonzero(np.diff(group[here], prepend=-1))
                    self._totals[fold, group[here][begins]] += np.add.reduceat(values[here], begins, axis=0)

    def _values(self, block: slice) -> np.ndarray:
        values: np.ndarray = widen(self._activations[self._rows[block]]) - self._pivot
        return values

    def largest_effect(self) -> tuple[float, int | None, int | None]:
        """The largest |g| of a group against all others, with its sign, and its neuron and group; NaN when there is none."""
        own, own_squares = self._totals.sum(axis=0), self._squares
        n = self._counts.sum(axis=0)[:, None]
        count = np.stack([n, n.sum() - n])
        total = np.stack([own, own.sum(axis=0) - own])
        squares = np.stack([own_squares, own_squares.sum(axis=0) - own_squares])
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = total / count
            std = np.sqrt(np.maximum(squares / count - mean * mean, 0))
        effect = effect_size(mean + self._pivot, std, count)
        effect[~np.isfinite(effect)] = 0
        group, neuron = np.unravel_index(np.abs(effect).argmax(), effect.shape) if effect.size else (0, 0)
        if not effect.size or effect[group, neuron] == 0:
            return math.nan, None, None
        return float(effect[group, neuron]), int(neuron), int(group)

    def decisions(self) -> np.ndarray:
        """For each row the group whose mean over the other folds is nearest, int64 [rows]; of equally near ones the first."""
        decided = np.full(self._rows.size, -1)
        total, count = self._totals.sum(axis=0), self._counts.sum(axis=0)
        for fold in range(FOLDS):
            n = (count - self._counts[fold])[:, None]
            means = (total - self._totals[fold]) / np.maximum(n, 1)
            offsets = np.where(n[:, 0] > 0, -0.5 * (means * means).sum(axis=1), -np.inf)
            held_out = np.flatnonzero(self._folds == fold)
            for block in _blocks(held_out.size):
                some = held_out[block]
                values = widen(self._activations[self._rows[some]]) - self._pivot
                decided[some] = (values @ means.T + offsets).argmax(axis=1)
        return decided
