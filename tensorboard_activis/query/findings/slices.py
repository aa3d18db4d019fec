"""Slices of the data that fail: one condition on the columns or two, with more errors than their labels explain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tensorboard_activis.query.findings.conditions import Conditions, conditions
from tensorboard_activis.query.findings.finding import Finding, percent, shown_number
from tensorboard_activis.query.findings.scan import LEVEL, Candidate, Scan, label_rates
from tensorboard_activis.query.findings.steps import first_step
from tensorboard_activis.query.instances.classes import is_classes, label_values
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader, once_per_snapshot

Numbers: TypeAlias = Any
#: Findings, and candidates that are tried for each.
MOST_FINDINGS, MOST_TRIED = 5, 40

#: What a slice must have: errors, more of them than expected by this share of its instances, and so many times as many.
LEAST_INSTANCES, LEAST_ERRORS, LEAST_EXCESS, LEAST_RATIO = 20, 5, 0.10, 1.5
#: Instances that are looked at; the first of the sample are a uniform sample.
MOST_INSTANCES = 1 << 17
#: Instances that a finding lists.
_MOST_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What is known of the kept instances that were judged, of the sample.

    Attributes:
        known: which instances have a right or wrong prediction, bool [instances].
        errors: which of the known are wrong, bool [known].
        strata: their labels, int [known]; 0 where there are none.
        labelled: whether there are labels to compare within.
    """

    known: np.ndarray
    errors: np.ndarray
    strata: np.ndarray
    labelled: bool


@once_per_snapshot
def outcomes(snapshot: SnapshotReader) -> Outcomes | None:
    """Right and wrong predictions of a snapshot; None where nothing was judged. Raises UnreadableError."""
    if "correct" not in snapshot.record.columns:
        return None
    correct = snapshot.column("correct")
    known = np.isin(correct, (0, 1))
    known[min(snapshot.record.sample_size, MOST_INSTANCES) :] = False
    labels = label_values(snapshot)
    labelled = labels is not None and is_classes(labels)
    strata = labels[known] if labels is not None and labelled else np.zeros(int(known.sum()), np.int32)
    return Outcomes(known, correct[known] == 0, strata, labelled)


@once_per_snapshot
def conditions_of(snapshot: SnapshotReader) -> Conditions:
    """The conditions on the columns of a snapshot, over the instances that were judged. Raises UnreadableError."""
    judged = outcomes(snapshot)
    known = np.zeros(snapshot.stored_instances, bool) if judged is None else judged.known
    return conditions(snapshot.instances, known)


def slices(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Failing slices of the last snapshot, at most five, each found among the instances outside of those before it.

    Arguments:
        snapshots: steps ascending.
    """
    last = snapshots[-1]
    judged = outcomes(last)
    if judged is None or judged.errors.sum() < LEAST_ERRORS or judged.errors.all():
        return []
    made = conditions_of(last)
    alone = np.array([one.column != "label" for one in made.conditions], bool)
    remaining = np.ones(judged.errors.size, bool)
    found: list[Finding] = []
    while len(found) < MOST_FINDINGS:
        errors = judged.errors[remaining]
        if errors.sum() < LEAST_ERRORS or errors.all() or not alone.any():
            break
        scan = Scan(made.members[:, remaining], alone, judged.strata[remaining], errors, len(found))
        best = _failing(scan)
        if best is None:
            break
        candidate, p = best
        members = np.logical_and.reduce([made.members[condition] for condition in candidate.conditions])
        found.append(_finding(snapshots, judged, made, candidate, scan, p, members))
        remaining &= ~members
    return found


def _failing(scan: Scan) -> tuple[Candidate, float] | None:
    """The strongest candidate that fails, with its p-value; a pair that says no more than one of its conditions becomes that."""
    tried: set[tuple[int, ...]] = set()
    for candidate in scan.best(MOST_TRIED, fails):
        check_time()
        if scan.p(candidate.statistic) > LEVEL:
            return None  # the others are weaker
        if len(candidate.conditions) > 1:
            stays, parent = scan.beats_parent(candidate)
            if not stays:
                candidate = scan.single(parent)
        if candidate.conditions in tried or not fails(candidate.n, candidate.k, candidate.expected):
            continue
        tried.add(candidate.conditions)
        p = scan.p(candidate.statistic)
        if p <= LEVEL:
            return candidate, p
    return None


def fails(n: Numbers, k: Numbers, expected: Numbers) -> Numbers:
    """Whether slices of n instances with k errors have enough more than expected to be shown; of numbers or arrays of them."""
    enough = (n >= LEAST_INSTANCES) & (k >= LEAST_ERRORS)
    return enough & (k - expected >= LEAST_EXCESS * n) & (k >= LEAST_RATIO * expected)


def _finding(
    snapshots: Sequence[SnapshotReader],
    judged: Outcomes,
    made: Conditions,
    candidate: Candidate,
    scan: Scan,
    p: float,
    members: np.ndarray,
) -> Finding:
    chosen = sorted((made.conditions[condition] for condition in candidate.conditions), key=lambda one: one.column)
    expression = " and ".join(one.expression for one in chosen)
    shown = " and ".join(one.shown for one in chosen)
    n, k = int(members.sum()), int(judged.errors[members].sum())
    outside = expected_from_outside(judged, members)
    total = int(judged.errors.sum())
    wrong = np.flatnonzero(judged.known)[members & judged.errors]
    what = "its classes" if judged.labelled else "the others"
    note = f" {made.note}" if made.note else ""
    return Finding(
        kind="failing-slice",
        title=f"{shown} fails",
        sentence=f"{shown}: {k:,} of {n:,} wrong ({percent(k / n)} %), {percent(outside / n)} % expected from {what} elsewhere; "
        f"p = {shown_number(p)} over {scan.candidates:,} candidates, {scan.permutations} shuffles.{note}",
        strength=max(0.0, min(1.0, (k - outside) / total)),
        p=p,
        subset=expression,
        instances=tuple(wrong[:_MOST_LISTED].tolist()),
        step=first_step(snapshots, lambda one: still_fails(one, expression)),
    )


def expected_from_outside(judged: Outcomes, members: np.ndarray) -> float:
    """Errors that the instances of a slice would have at the error rates of their labels outside of it.

    A label that is nowhere else has the error rate of all others.
    """
    labels, codes = np.unique(judged.strata, return_inverse=True)
    outside = np.bincount(codes[~members], minlength=labels.size)
    wrong = np.bincount(codes[~members & judged.errors], minlength=labels.size)
    inside = np.bincount(codes[members], minlength=labels.size)
    overall = wrong.sum() / max(1, outside.sum())
    rates = np.where(outside > 0, wrong / np.maximum(outside, 1), overall)
    return float((inside * rates).sum())


def still_fails(snapshot: SnapshotReader, expression: str) -> bool:
    """Whether a slice fails at another step: by the same rules, and by a test of it alone. Raises ActiVisError."""
    judged = outcomes(snapshot)
    if judged is None or not judged.errors.any():
        return False
    members = matching(snapshot, expression)[judged.known]
    n, k = int(members.sum()), int(judged.errors[members].sum())
    return (
        fails(n, k, float(label_rates(judged.strata, judged.errors)[members].sum()))
        and _p_alone(judged, members, k) <= LEVEL
    )


def _p_alone(judged: Outcomes, members: np.ndarray, k: int) -> float:
    """Probability of at least k errors in a slice when errors are shuffled within the label, from 199 draws."""
    _, codes = np.unique(judged.strata, return_inverse=True)
    wrong = np.bincount(codes, weights=judged.errors).astype(np.int64)
    right = np.bincount(codes) - wrong
    inside = np.bincount(codes[members], minlength=wrong.size)
    drawn = np.random.default_rng(0).hypergeometric(wrong, right, inside, (199, wrong.size)).sum(axis=1)
    return (1 + int((drawn >= k).sum())) / 200
