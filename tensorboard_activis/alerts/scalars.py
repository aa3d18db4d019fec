"""Figures of layers for TensorBoard's own dashboards, beside the run's scalars."""

import math
from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.findings.collapsed import variation
from tensorboard_activis.query.findings.exploding import root_mean_square
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.query.matrix import strips
from tensorboard_activis.query.neurons.movement import movement
from tensorboard_activis.read.snapshot import SnapshotReader

#: Layers that have scalars, evenly spaced over the recorded ones: a dashboard of more is read by nobody.
MOST_LAYERS = 40


def scalars(snapshots: Sequence[SnapshotReader]) -> list[tuple[str, float]]:
    """Tags and values of the last snapshot, as in `activis/dead_share/fc1`; what is not known is left out.

    `dead_share` and `rms` (the root mean square of the activations) are over all instances seen, `effective_rank` over up to 512
    of the sample, `drift` is 1 − debiased CKA between this step and the one before, over up to 1,024.

    Arguments:
        snapshots: steps ascending.
    """
    last = snapshots[-1]
    names = list(last.layers)
    chosen = (
        [names[index] for index in np.unique(np.linspace(0, len(names) - 1, MOST_LAYERS).round().astype(int))]
        if names
        else []
    )
    found: list[tuple[str, float]] = []
    moved = {one.name: one.distance for one in movement(last, snapshots[-2]).layers} if len(snapshots) > 1 else {}
    for name in chosen:
        check_time()
        values = {
            "dead_share": _dead_share(last, name),
            "effective_rank": _effective_rank(last, name),
            "rms": root_mean_square(last, name),
            "drift": moved.get(name, math.nan),
        }
        found += [(f"activis/{figure}/{name}", value) for figure, value in values.items() if math.isfinite(value)]
    return found


def _dead_share(snapshot: SnapshotReader, name: str) -> float:
    layer = snapshot.layer(name)
    try:
        states = strips.states(layer, snapshot.summary(name, 1), snapshot.record.seen)
    except (ActiVisError, IndexError):
        return math.nan
    dead = np.isin(states, (strips.ALL_ZERO, strips.CONSTANT, strips.NEVER_ABOVE_ZERO))
    return float(dead.mean()) if dead.size else math.nan


def _effective_rank(snapshot: SnapshotReader, name: str) -> float:
    try:
        return variation(snapshot, name)[2]
    except ActiVisError:
        return math.nan
