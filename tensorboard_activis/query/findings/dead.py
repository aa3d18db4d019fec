"""Neurons that give one value for every instance: dead from the start, or since the step at which they died."""

from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.findings.finding import Finding, counted
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.query.matrix import strips
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.read.summary_arrays import SummaryArrays

#: Of fewer instances, equal values say little.
LEAST_INSTANCES = 20
_DEAD = (strips.ALL_ZERO, strips.CONSTANT)
#: Of saturated neurons: their range is at most this share of that of the layer's neurons, of which so many have a smaller one.
NEARLY, _USUAL = 1e-3, 0.9
#: Layers whose numbers are no activations have this in their name, such as the entropy of a head.
NO_ACTIVATIONS = "/heads["
#: Reducers of which a largest value of at most 0 means that no place of the map was above 0.
_WHOLE = ("none", "max")


def dead(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Dead neurons of the last snapshot, one finding per layer and step at which they died.

    Exact, from the statistics over all instances seen: a neuron is dead where its smallest and largest value are equal, or
    where a ReLU follows and no value is above 0. Of activations that come close to a value without reaching it (GELU, SiLU,
    tanh, sigmoid) it is dead where it is nearly constant: its range is at most a thousandth of the 90th percentile of the layer's.
    It died at the first step of the last stretch of steps over which it is dead.

    Arguments:
        snapshots: steps ascending. A step whose statistics cannot be read is left out.
    """
    last = snapshots[-1]
    if last.record.seen < LEAST_INSTANCES:
        return []
    found: list[Finding] = []
    for name in last.layers:
        check_time()
        now = dead_neurons(last, name)
        if now is None or not now.any():
            continue
        for step, neurons in _died(snapshots, name, now).items():
            found.append(_finding(snapshots, name, step, neurons))
    return found


def dead_neurons(snapshot: SnapshotReader, name: str) -> np.ndarray | None:
    """Which neurons of a layer are dead, bool [neurons]; None where its statistics cannot be read."""
    try:
        layer, summary = snapshot.layer(name), snapshot.summary(name, 1)
        states = strips.states(layer, summary, snapshot.record.seen)
    except (ActiVisError, IndexError):
        return None
    dead: np.ndarray = np.isin(states, _DEAD) | _nearly_constant(name, summary, states)
    if layer.info.reducer in _WHOLE:
        dead |= states == strips.NEVER_ABOVE_ZERO
    return dead


def _nearly_constant(name: str, summary: SummaryArrays, states: np.ndarray) -> np.ndarray:
    """Which neurons of a layer hardly vary, though their smallest and largest value differ, bool [neurons].

    Not those that begin at 0, as after a ReLU: they are alive where they are above it.
    """
    low, high = summary.min[0].astype(np.float64), summary.max[0].astype(np.float64)
    fine = np.isin(states, (strips.FINE, strips.NEVER_ABOVE_ZERO)) & np.isfinite(low) & np.isfinite(high)
    if NO_ACTIVATIONS in name or not fine.any():
        return np.zeros(low.shape, bool)
    ranges = np.where(fine, high - low, np.inf)
    nearly: np.ndarray = (ranges <= NEARLY * np.quantile(ranges[fine], _USUAL)) & (ranges > 0) & (low != 0)
    return nearly


def _died(snapshots: Sequence[SnapshotReader], name: str, now: np.ndarray) -> dict[int, np.ndarray]:
    """The neurons that are dead now, by the first step of the stretch over which each is, steps ascending."""
    since = np.full(now.size, snapshots[-1].step)
    still = now.copy()
    for snapshot in snapshots[-2::-1]:
        if not still.any():
            break
        check_time()
        before = dead_neurons(snapshot, name)
        if before is None or before.size != now.size:
            continue
        still &= before
        since[still] = snapshot.step
    return {int(step): np.flatnonzero(now & (since == step)) for step in np.unique(since[now])}


def _finding(snapshots: Sequence[SnapshotReader], name: str, step: int, neurons: np.ndarray) -> Finding:
    last = snapshots[-1]
    layer, record, summary = last.layer(name), last.record, last.summary(name, 1)
    of_all = strips.states(layer, summary, record.seen)
    states, nearly = of_all[neurons], _nearly_constant(name, summary, of_all)[neurons]
    before_relu = states == strips.NEVER_ABOVE_ZERO
    if layer.info.reducer in _WHOLE:
        nearly &= ~before_relu
    else:
        before_relu &= ~nearly
    counts = [
        (int((states == strips.ALL_ZERO).sum()), "0"),
        (int((states == strips.CONSTANT).sum()), "constant, not 0,"),
        (int(before_relu.sum()), "never above 0 before a ReLU,"),
        (int(nearly.sum()), "nearly constant, over less than a thousandth of the layer's 90th percentile of ranges,"),
    ]
    kinds = [(count, what) for count, what in counts if count]
    what = " or ".join(what if len(kinds) == 1 else f"{what.rstrip(',')} ({count:,})" for count, what in kinds)
    from_the_start = step == snapshots[0].step
    if len(snapshots) == 1:
        when, title = f"at step {step}, the only one", "dead"
    elif from_the_start:
        when, title = f"from the start (step {step})", "dead from the start"
    else:
        when, title = f"since step {step}", f"died at step {step}"
    return Finding(
        kind="dead",
        title=f"{counted(neurons.size, 'neuron')} of {name} {title}",
        sentence=f"{neurons.size:,} of {counted(layer.info.neurons, 'neuron')} of {name} "
        f"{'are' if neurons.size > 1 else 'is'} {what} "
        f"for all {record.seen:,} instances {when}.",
        strength=neurons.size / layer.info.neurons,
        layer=name,
        neurons=tuple(neurons.tolist()),
        step=step,
    )
