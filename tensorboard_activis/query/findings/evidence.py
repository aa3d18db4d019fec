"""What a finding rests on: its figures over the steps of the run, or by layer."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tensorboard_activis.errors import ActiVisError, NotFoundError, QueryError
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.findings.collapsed import variation
from tensorboard_activis.query.findings.dead import dead_neurons
from tensorboard_activis.query.findings.decodable import known_by_layer
from tensorboard_activis.query.findings.exploding import root_mean_square
from tensorboard_activis.query.findings.finding import KINDS
from tensorboard_activis.query.findings.outcomes import outcomes
from tensorboard_activis.query.findings.shortcuts import taken_for
from tensorboard_activis.query.findings.spikes import MOST_STEPS, step_distances
from tensorboard_activis.query.instances.classes import class_name, is_classes, prediction_values
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.neurons.concept import told_apart
from tensorboard_activis.query.neurons.history import spread
from tensorboard_activis.read.snapshot import SnapshotReader

#: Steps that are looked at.
_MOST = 60

Figure = TypeVar("Figure")


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One figure over the steps or layers.

    Attributes:
        name: what it is: `wrong`, `expected`, `dead`, `distance`, `size`, `share`, `auc`, `accuracy` or `shuffled`.
        values: one per step or layer; null where it is not known.
    """

    name: str
    values: tuple[MaybeNaN, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The figures that a finding rests on.

    Attributes:
        steps: those that were looked at, ascending; empty where the figures are by layer.
        layers: the recorded layers, where the figures are by layer; else empty.
        lines: the figures; empty for kinds that have none over time.
    """

    steps: tuple[int, ...]
    layers: tuple[str, ...]
    lines: Records[EvidenceLine]


@dataclass(frozen=True, slots=True)
class Subject:
    """The fields of a finding that say what it is about."""

    kind: str
    subset: str | None = None
    layer: str | None = None
    target: str | None = None


def check_kind(kind: str) -> str:
    """Returns the kind of finding. Raises QueryError for a name that is none."""
    if kind not in KINDS:
        raise QueryError(f"kind must be one of {', '.join(KINDS)}; got {kind!r:.40}.")
    return kind


def evidence_steps(steps: Sequence[int], shown: int, kind: str) -> list[int]:
    """The steps whose figures say most: spread over the run; of jumps, which are between neighbours, the last before one."""
    if kind == "spike":
        return [step for step in steps if step <= shown][-MOST_STEPS:]
    return spread(steps, shown, _MOST)


def evidence(snapshot: SnapshotReader, steps: Sequence[SnapshotReader], subject: Subject) -> Evidence:
    """The figures of a finding of a snapshot at every one of the steps, which are ascending.

    Of a failing slice, duplicates, and the condition that describes an error region the errors, and those expected from the labels
    outside of it; of a shortcut the same of what is taken for the class; of a concept how well its direction tells its instances
    from the others, held out; how far a layer that drifts is from where it is at the snapshot, as the distance 1 − CKA; dead
    neurons of a layer; the distance 1 − CKA from the step before; the root mean square; the share of the variance in one direction;
    of a column its balanced accuracy and that of shuffled values, by layer.

    Raises:
        QueryError: a field that the kind needs is missing.
        ExpressionError: the subset is no expression over these columns.
        NotFoundError: the snapshot has no such layer.
        UnreadableError: a file of the snapshot is missing or damaged. What cannot be read of other steps is not known.
    """
    kind = check_kind(subject.kind)
    if kind == "error-region" and subject.subset is None:  # no column describes it
        return _lines(steps, {})
    if kind in ("failing-slice", "shortcut", "error-region", "duplicates"):
        expression, target = _needed(subject.subset, "subset", kind), None
        if kind == "shortcut":
            target = _needed(subject.target, "target", kind)
            if target not in _classes(snapshot):
                raise NotFoundError(f"Nothing was predicted as the class {target!r:.80} at step {snapshot.step}.")
        matching(snapshot, expression)  # what is wrong with it is said
        pairs = _over(steps, lambda one: _errors(one, expression, target), (math.nan, math.nan))
        return _lines(steps, {"wrong": [pair[0] for pair in pairs], "expected": [pair[1] for pair in pairs]})
    if kind == "decodable":
        layers, accuracy, shuffled = known_by_layer(snapshot, _needed(subject.target, "target", kind))
        lines = [EvidenceLine("accuracy", accuracy), EvidenceLine("shuffled", shuffled)]
        return Evidence((), layers, Records(EvidenceLine, lines))
    if kind not in ("dead", "exploding", "collapsed", "spike", "drift", "concept"):
        return _lines(steps, {})
    layer = _needed(subject.layer, "layer", kind)
    snapshot.layer(layer)
    if kind == "spike":
        return _lines(steps, {"distance": [math.nan, *step_distances(steps, layer)]})
    if kind == "drift":
        return _lines(steps, {"distance": [step_distances([one, snapshot], layer)[0] for one in steps]})
    if kind == "concept":
        expression = _needed(subject.subset, "subset", kind)
        matching(snapshot, expression)
        row = Row(expression=expression)
        return _lines(steps, {"auc": _over(steps, lambda one: told_apart(one, layer, row), math.nan)})
    figures: dict[str, tuple[str, Callable[[SnapshotReader], float]]] = {
        "dead": ("dead", lambda one: _dead(one, layer)),
        "exploding": ("size", lambda one: root_mean_square(one, layer)),
        "collapsed": ("share", lambda one: variation(one, layer)[1]),
    }
    name, figure = figures[kind]
    return _lines(steps, {name: _over(steps, figure, math.nan)})


def _needed(value: str | None, name: str, kind: str) -> str:
    if value is None:
        raise QueryError(f"The parameter {name} is missing: a finding of the kind {kind} needs it.")
    return value


def _over(steps: Sequence[SnapshotReader], figure: Callable[[SnapshotReader], Figure], unknown: Figure) -> list[Figure]:
    """A figure at every step; `unknown` where it cannot be read."""
    found: list[Figure] = []
    for one in steps:
        check_time()
        try:
            found.append(figure(one))
        except ActiVisError:
            found.append(unknown)
    return found


def _lines(steps: Sequence[SnapshotReader], figures: dict[str, list[float]]) -> Evidence:
    lines = [EvidenceLine(name, tuple(values)) for name, values in figures.items()]
    return Evidence(tuple(one.step for one in steps), (), Records(EvidenceLine, lines))


def _errors(snapshot: SnapshotReader, expression: str, target: str | None) -> tuple[float, float]:
    """Errors of a subset, or what of it is taken for a class; and how many are expected from the same labels elsewhere."""
    taken = _classes(snapshot).get(target) if target is not None else None
    judged = outcomes(snapshot) if target is None else None if taken is None else taken_for(snapshot, taken)
    if judged is None:
        return math.nan, math.nan
    members = matching(snapshot, expression)[judged.known]
    return float(judged.errors[members].sum()), judged.expected_from_outside(members)


def _classes(snapshot: SnapshotReader) -> dict[str, int]:
    """The classes that a snapshot predicts, by name."""
    predictions = prediction_values(snapshot)
    if predictions is None or not is_classes(predictions):
        return {}
    names = ((class_name(snapshot, value), value) for value in np.unique(predictions).tolist())
    return {name: value for name, value in names if name is not None}


def _dead(snapshot: SnapshotReader, layer: str) -> float:
    dead = dead_neurons(snapshot, layer)
    return math.nan if dead is None else float(dead.sum())
