"""Layers whose activations have grown out of bounds: values that are not finite, or a size many times that of before."""

import math
from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.findings.finding import Finding, counted
from tensorboard_activis.query.findings.steps import MOST_STEPS, first_step
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: The root mean square must be so many times the median of the steps before, of which there must be so many. The first
#: does not count: many layers begin at next to nothing.
TIMES = 10.0
LEAST_BEFORE = 3
#: And so large.
LEAST_SIZE = 10.0


def exploding(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Layers with NaN or infinite values in the last snapshot, and layers that have grown tenfold. Exact, over all instances seen.

    Arguments:
        snapshots: steps ascending.
    """
    found: list[Finding] = []
    for name in snapshots[-1].layers:
        check_time()
        one = _not_finite(snapshots, name) or _grown(snapshots, name)
        if one is not None:
            found.append(one)
    return found


def _not_finite(snapshots: Sequence[SnapshotReader], name: str) -> Finding | None:
    last = snapshots[-1]
    layer = last.layer(name)
    lost = layer.nan + layer.inf
    if not lost:
        return None
    step = first_step(snapshots, lambda one: one.layer(name).nan + one.layer(name).inf > 0)
    total = max(lost, last.record.seen * layer.info.neurons)
    return Finding(
        kind="exploding",
        title=f"{name} is not finite",
        sentence=f"{layer.nan:,} of {counted(total, 'value')} of {name} are NaN and {layer.inf:,} infinite since step {step}.",
        strength=lost / total,
        layer=name,
        step=step,
    )


def _grown(snapshots: Sequence[SnapshotReader], name: str) -> Finding | None:
    last = root_mean_square(snapshots[-1], name)
    if not last >= LEAST_SIZE:
        return None
    sized = [(one.step, root_mean_square(one, name)) for one in snapshots[-MOST_STEPS:]]
    sized = [(step, size) for step, size in sized if not math.isnan(size)]
    steps, sizes = [step for step, _ in sized], np.array([size for _, size in sized])
    for place in range(LEAST_BEFORE, len(steps)):
        usual = float(np.median(sizes[1:place]))
        if (sizes[place:] >= max(LEAST_SIZE, TIMES * usual)).all():
            return Finding(
                kind="exploding",
                title=f"{name} grew {last / usual:,.0f} times" if usual else f"{name} grew from 0",
                sentence=f"The root mean square of {name} is {last:,.3g} over {snapshots[-1].record.seen:,} instances, and was "
                f"{usual:,.3g} in the median of the {place - 1} steps before step {steps[place]}.",
                strength=1 - usual / last,
                layer=name,
                step=steps[place],
            )
    return None


def root_mean_square(snapshot: SnapshotReader, name: str) -> float:
    """The root mean square of a layer's activations over all instances seen; NaN where it is not known."""
    try:
        summary = snapshot.summary(name, 1)
        mean, std = (one[0].astype(np.float64) for one in (summary.mean, summary.std))
    except (ActiVisError, IndexError):
        return math.nan
    squares = mean**2 + std**2
    known = np.isfinite(squares)
    return math.sqrt(squares[known].mean()) if known.any() else math.nan
