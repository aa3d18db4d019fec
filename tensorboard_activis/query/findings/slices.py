"""Slices of the data that fail: one condition on the columns or two, with more errors than their labels explain."""

from collections.abc import Sequence

import numpy as np

from tensorboard_activis.query.findings.conditions import Conditions
from tensorboard_activis.query.findings.finding import Finding, percent, shown_number
from tensorboard_activis.query.findings.outcomes import LEAST_ERRORS, Outcomes, conditions_of, fails, outcomes
from tensorboard_activis.query.findings.scan import LEVEL, Candidate, Scan
from tensorboard_activis.query.findings.steps import first_step
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Findings, and candidates that are tried for each.
MOST_FINDINGS, MOST_TRIED = 5, 40
#: Instances that a finding lists.
_MOST_LISTED = 1_000


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
        best = best_failing(scan)
        if best is None:
            break
        candidate, p = best
        members = np.logical_and.reduce([made.members[condition] for condition in candidate.conditions])
        found.append(_finding(snapshots, judged, made, candidate, scan, p, members))
        remaining &= ~members
    return found


def best_failing(scan: Scan) -> tuple[Candidate, float] | None:
    """The strongest candidate that fails, with its p-value.

    Where one condition of a pair fails by itself and the pair says no more than it, the condition stands for the pair.
    """
    tried: set[tuple[int, ...]] = set()
    for candidate in scan.best(MOST_TRIED, fails):
        check_time()
        if scan.p(candidate.statistic) > LEVEL:
            return None  # the others are weaker
        if len(candidate.conditions) > 1:
            parent = scan.parent(candidate)
            alone = fails(parent.n, parent.k, parent.expected) and scan.p(parent.statistic) <= LEVEL
            if alone and not scan.beats(candidate, parent):
                candidate = parent
        if candidate.conditions in tried or not fails(candidate.n, candidate.k, candidate.expected):
            continue
        tried.add(candidate.conditions)
        p = scan.p(candidate.statistic)
        if p <= LEVEL:
            return candidate, p
    return None


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
    outside = judged.expected_from_outside(members)
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
        step=first_step(snapshots, lambda one: _still_fails(one, expression)),
    )


def _still_fails(snapshot: SnapshotReader, expression: str) -> bool:
    """Whether a slice fails at another step. Raises ActiVisError."""
    judged = outcomes(snapshot)
    return judged is not None and judged.fail_in(matching(snapshot, expression)[judged.known])
