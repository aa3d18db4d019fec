"""Which neurons a set of instances depends on, and which are behind its errors."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.causes.estimate import Estimate, not_estimated
from tensorboard_activis.query.causes.logits import Logits, margins
from tensorboard_activis.query.causes.recorded import recorded_errors, unreadable
from tensorboard_activis.query.causes.regression import Regression, regression, usable_rows
from tensorboard_activis.query.instances.classes import is_classes, label_values
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Instances of a set that are looked at, the first of the sample.
MOST_MEMBERS = 16_384
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class SetEffects:
    """What each neuron of a layer does to the mean margin of a set: the logit of the label minus the highest other.

    Attributes:
        estimate: how the effects were obtained.
        effect: float64 [neurons]: the change of the mean margin if the neuron had its mean over all instances; NaN for none.
        margin: the mean margin as it is.
        n: instances that have a label, and finite activations and logits.
    """

    estimate: Estimate
    effect: np.ndarray
    margin: float
    n: int


@dataclass(frozen=True, slots=True)
class ErrorEffects:
    """What each neuron of a layer does to the mean margin of the errors of a set.

    Attributes:
        estimate: how the effects were obtained.
        effect: float64 [neurons]: the change of the mean margin if the neuron were 0; NaN for none.
        rows: the errors that it is of, int64 [errors]; wrong: how many errors there are.
    """

    estimate: Estimate
    effect: np.ndarray
    rows: np.ndarray
    wrong: int


def set_effects(snapshot: SnapshotReader, layer: str, members: np.ndarray, means: np.ndarray) -> SetEffects:
    """The effects on a set of kept instances, of the first MOST_MEMBERS of them.

    Arguments:
        members: bool, of the kept instances or the first of them.
        means: that neurons are set to, [neurons].

    Raises NotFoundError for a layer that is not there, UnreadableError.
    """
    neurons = snapshot.layer(layer).info.neurons
    found, labels = regression(snapshot, layer), label_values(snapshot)
    if isinstance(found, str):
        return _nothing(found, neurons)
    if labels is None or not is_classes(labels):
        return _nothing("There are no labels, and a margin is that of the label.", neurons)
    rows, values = _labelled(snapshot, layer, members, labels, found.logits)
    if rows.size == 0:
        return _nothing("None of its kept instances has a label, finite activations and finite logits.", neurons)
    margin, best = margins(values, labels[rows])
    total = np.zeros(neurons)
    for pull, activations in _blocks(snapshot, layer, found, rows, labels[rows], best):
        total += pull.sum(axis=0) * means
        total -= np.einsum("ij,ij->j", pull, activations)
    return SetEffects(found.estimate, total / rows.size, float(margin.mean()), rows.size)


def error_effects(snapshot: SnapshotReader, layer: str, members: np.ndarray) -> ErrorEffects:
    """The effects on the errors in a set of kept instances, by recorded gradients where there are any, else by regression.

    Arguments and errors as for `set_effects`.
    """
    neurons = snapshot.layer(layer).info.neurons
    none, nobody, labels = np.full(neurons, np.nan), np.zeros(0, np.int64), label_values(snapshot)
    wrong = np.zeros(0, bool) if "correct" not in snapshot.record.columns else snapshot.column("correct") == 0
    errors = np.flatnonzero(members & wrong[: members.size]) if wrong.size else nobody
    if errors.size == 0:
        why = "None of its kept instances is wrong." if wrong.size else "It is not known which predictions are wrong."
        return ErrorEffects(not_estimated(why), none, nobody, 0)
    recorded = recorded_errors(snapshot, layer, errors)
    if recorded is not None:
        return ErrorEffects(*recorded, errors.size)
    found = regression(snapshot, layer)
    if isinstance(found, str) or labels is None or not is_classes(labels):
        why = found if isinstance(found, str) else "There are no labels, and a margin is that of the label."
        return ErrorEffects(not_estimated(why), none, nobody, errors.size)
    chosen = np.zeros(members.size, bool)
    chosen[errors] = True
    rows, values = _labelled(snapshot, layer, chosen, labels, found.logits)
    if rows.size == 0:
        why = "None of its errors has finite activations and logits."
        return ErrorEffects(not_estimated(why), none, nobody, errors.size)
    _, best = margins(values, labels[rows])
    total = np.zeros(neurons)
    for pull, activations in _blocks(snapshot, layer, found, rows, labels[rows], best):
        total -= np.einsum("ij,ij->j", pull, activations)
    estimate = replace(found.estimate, words=found.estimate.words + unreadable(snapshot, layer))
    return ErrorEffects(estimate, total / rows.size, rows, errors.size)


def _labelled(
    snapshot: SnapshotReader, layer: str, members: np.ndarray, labels: np.ndarray, told: Logits
) -> tuple[np.ndarray, np.ndarray]:
    """Members with a label whose margin is known, and their logits."""
    own = labels[: members.size]
    rows = np.flatnonzero(members & (own >= 0) & (own < told.classes))[:MOST_MEMBERS]
    return usable_rows(snapshot, layer, rows, told)


def _blocks(
    snapshot: SnapshotReader, layer: str, found: Regression, rows: np.ndarray, labels: np.ndarray, best: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For parts of the instances, what each neuron adds to the margin per unit, and its activation: both [instances, neurons]."""
    activations = snapshot.activations(layer)
    for start in range(0, rows.size, _BLOCK):
        check_time()
        some = slice(start, start + _BLOCK)
        pull = found.weights[labels[some]].astype(np.float64) - found.weights[best[some]]
        yield pull, widen(np.ascontiguousarray(activations[rows[some]])).astype(np.float64)


def _nothing(words: str, neurons: int) -> SetEffects:
    return SetEffects(not_estimated(words), np.full(neurons, np.nan), math.nan, 0)
