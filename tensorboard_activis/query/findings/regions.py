"""Regions of a layer where errors gather: instances that lie together, with more errors than their scores explain.

In a good model errors gather somewhere, too. A region is a finding only where it holds more of the errors than those of nearly
all plain networks do (`NATURAL`): chance alone, which the permutations of `region_scan` exclude, is not enough.
"""

from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.findings.conditions import LEAST_INSTANCES
from tensorboard_activis.query.findings.finding import Finding, counted, percent, shown_number
from tensorboard_activis.query.findings.outcomes import LEAST_ERRORS, Outcomes, conditions_of, outcomes
from tensorboard_activis.query.findings.region_scan import (
    SHUFFLES,
    Region,
    RegionScan,
    layer_values,
    score_strata,
)
from tensorboard_activis.query.findings.scan import LEVEL
from tensorboard_activis.query.findings.steps import first_step
from tensorboard_activis.query.findings.suspects import last_layer
from tensorboard_activis.query.instances.shared import shared_instances
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Instances that are looked at, the first of the sample; layers, spread over the model; and neurons of each.
MOST_INSTANCES, MOST_LAYERS, MOST_NEURONS = 2_048, 4, 16_384
MOST_SCANS = 3
#: Bounds of the strata of like scores, as shares of the instances: narrow where the score is low, where most errors are.
SHARES = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
#: Strengths of the strongest region in each of the plain networks that had one, in which nothing was planted (the networks of
#: benchmarks/findings.py, seeds 100 to 199), and how many networks there were.
NATURAL = (
    *(0.09, 0.1, 0.11, 0.11, 0.12, 0.14, 0.15, 0.15, 0.15, 0.16, 0.16, 0.16, 0.17, 0.18, 0.18, 0.19, 0.19),
    *(0.2, 0.22, 0.23, 0.25, 0.25, 0.3, 0.3, 0.31, 0.41),
)
PLAIN_NETWORKS = 100
#: An expression describes a region where so much of what either holds is in both.
_LEAST_OVERLAP = 0.9
_STEPS_BACK = 20


def regions(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Regions of the layers of the last snapshot where errors gather, at most three, each outside of those seen before it.

    Arguments:
        snapshots: steps ascending.
    """
    last = snapshots[-1]
    judged = _judged(last)
    if judged is None or judged.errors.sum() < LEAST_ERRORS or judged.errors.all():
        return []
    rows = np.flatnonzero(judged.known)
    if rows.size < 2 * LEAST_INSTANCES:
        return []
    layers = _layers(last, rows)
    remaining = np.ones(rows.size, bool)
    found: list[Finding] = []
    for number in range(MOST_SCANS if layers else 0):
        errors = judged.errors[remaining]
        if errors.sum() < LEAST_ERRORS or errors.all() or errors.size < 2 * LEAST_INSTANCES:
            break
        scan = RegionScan(errors, judged.strata[remaining], number)
        for place, values in enumerate(layers.values()):
            some = values[remaining]
            some -= some.mean(axis=0)
            scan.add_ordered(place, some)
            scan.add_near(place, some)
        best = scan.best()
        if best is None:
            break
        inside = np.zeros(rows.size, bool)
        inside[np.flatnonzero(remaining)[best.first]] = True
        first = np.flatnonzero(remaining)[best.first]
        if _natural_p(_strength(judged, inside)) <= LEVEL:
            found.append(_finding(snapshots, judged, list(layers)[best.layer], best, rows, first))
        remaining &= ~inside
    return found


def _strength(judged: Outcomes, members: np.ndarray) -> float:
    """The share of the errors that a region holds beyond what its scores explain outside of it; `members`: bool [known]."""
    excess = int(judged.errors[members].sum()) - judged.expected_from_outside(members)
    return max(0.0, min(1.0, excess / max(1, int(judged.errors.sum()))))


def _as_strong(strength: float) -> int:
    """How many of the plain networks had a region as strong."""
    return sum(one >= round(strength, 2) for one in NATURAL)


def _natural_p(strength: float) -> float:
    """Share of plain networks, this one counted in, whose strongest region is at least so strong."""
    return (1 + _as_strong(strength)) / (1 + PLAIN_NETWORKS)


def _judged(snapshot: SnapshotReader) -> Outcomes | None:
    """Right and wrong predictions of the first instances, with strata of like scores."""
    judged = outcomes(snapshot)
    if judged is None:
        return None
    known = judged.known.copy()
    known[np.flatnonzero(known)[MOST_INSTANCES:]] = False
    errors = judged.errors[: int(known.sum())]
    scores = np.zeros(errors.size)
    if "score" in snapshot.record.columns:
        column = snapshot.column("score")
        scores = column[known].astype(np.float64) if column.ndim == 1 else scores
    return Outcomes(known, errors, score_strata(scores, SHARES), False)


def _layers(snapshot: SnapshotReader, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Scaled values of layers, float32 [rows, neurons], spread over the model; the last one before the scores is among them."""
    inner, last = [], last_layer(snapshot)
    for name, layer in snapshot.layers.items():
        if layer.info.neurons <= MOST_NEURONS:
            inner.append(name)
        if name == last:
            break
    chosen = dict.fromkeys(
        inner[place] for place in np.linspace(0, len(inner) - 1, MOST_LAYERS).round().astype(int) if inner
    )
    found: dict[str, np.ndarray] = {}
    for name in chosen:
        check_time()
        try:
            values = layer_values(snapshot.activations(name)[rows])
        except ActiVisError:
            continue
        if values is not None:
            found[name] = values
    return found


def _finding(
    snapshots: Sequence[SnapshotReader],
    judged: Outcomes,
    layer: str,
    region: Region,
    rows: np.ndarray,
    first: np.ndarray,
) -> Finding:
    members = np.zeros(rows.size, bool)
    members[first] = True
    n, k = int(members.sum()), int(judged.errors[members].sum())
    outside = judged.expected_from_outside(members)
    strength = _strength(judged, members)
    as_strong, p = _as_strong(strength), _natural_p(strength)
    kept = rows[first[np.argsort(~judged.errors[first], kind="stable")]]
    return Finding(
        kind="error-region",
        title=f"errors gather in {layer}",
        sentence=f"Errors gather here: {counted(n, 'instance')} that lie together in {layer}, {percent(k / n)} % wrong, "
        f"{percent(outside / n)} % expected from their scores (p = {shown_number(region.p)} over {region.candidates:,} sets, "
        f"{SHUFFLES} shuffles). In good models errors gather, too: of {PLAIN_NETWORKS} plain networks (digits) {len(NATURAL)} had "
        f"such a region, {as_strong or 'none'} as strong, so that p = {shown_number(p)}.",
        strength=strength,
        p=p,
        subset=_described(snapshots[-1], rows[members]),
        layer=layer,
        instances=tuple(kept.tolist()),
        step=first_step(snapshots, lambda one: _still_gather(one, snapshots[-1], kept), _STEPS_BACK),
    )


def _described(snapshot: SnapshotReader, rows: np.ndarray) -> str | None:
    """The condition on a column that holds nearly these instances, None without one."""
    judged = outcomes(snapshot)
    made = conditions_of(snapshot)
    if judged is None or not made.conditions:
        return None
    wanted = np.zeros(snapshot.stored_instances, bool)
    wanted[rows] = True
    members = made.members[:, :MOST_INSTANCES]
    inside = wanted[judged.known][:MOST_INSTANCES]
    both = (members & inside).sum(axis=1)
    overlap = both / np.maximum(1, members.sum(axis=1) + inside.sum() - both)
    best = int(overlap.argmax())
    return made.conditions[best].expression if overlap[best] >= _LEAST_OVERLAP else None


def _still_gather(snapshot: SnapshotReader, last: SnapshotReader, kept: np.ndarray) -> bool:
    """Whether errors gathered among the same instances at another step. Raises ActiVisError."""
    judged = _judged(snapshot)
    if judged is None:
        return False
    indices, others = shared_instances(last, snapshot)
    wanted = np.zeros(snapshot.stored_instances, bool)
    wanted[others[np.isin(indices, kept)]] = True
    return judged.fail_in(wanted[judged.known])
