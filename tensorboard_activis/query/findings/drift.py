"""Layers whose representation moves away again after it had settled: further than in as many steps before, and not in one jump."""

import math
from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.arithmetic.cka import centred_products, finite_rows, product_distance
from tensorboard_activis.query.findings.dead import NO_ACTIVATIONS
from tensorboard_activis.query.findings.finding import Finding, counted
from tensorboard_activis.query.findings.remembered import is_thinned
from tensorboard_activis.query.findings.spikes import LEAST_INSTANCES
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Instances that are compared, the first of the sample, the same at each step; and steps that are looked at, spread over the run.
MOST_INSTANCES, MOST_STEPS = 128, 40
#: A layer drifts over at least so many of them.
LEAST_STEPS = 3
#: Of them the first are the beginning of training, which moves most.
_BEGINNING = 0.2
#: How far it must move, and how many times as far as in as many steps before.
LEAST_DISTANCE, TIMES = 0.05, 3.0
#: A single step that makes up more of the way is a jump.
_MOST_OF_ONE = 0.6
MOST_FINDINGS = 3


def drift(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Layers of the last snapshot that moved away from where they were, in one finding for those since the same step.

    Where d(a, b) is 1 − debiased CKA between two steps: from a step s to the last one e the layer moved by d(s, e), at least 0.05
    and three times as far as in as many steps before s; the beginning, a fifth of the steps, is left out, for training moves
    most there. Each step made up at most three fifths of it, and it is further away at the end than halfway. It counts movement
    whatever its cause: other data, another learning rate, or weights that were set free.

    Arguments:
        snapshots: steps ascending; those with the same instances as the last are looked at, 40 at most, none that was thinned.
    """
    last = snapshots[-1]
    same = [one for one in snapshots if one.same_instances(last) and not is_thinned(one)]
    steps = [
        same[place]
        for place in np.unique(np.linspace(0, len(same) - 1, min(MOST_STEPS, len(same))).round().astype(int))
    ]
    if len(steps) < 2 * LEAST_STEPS + 2:
        return []
    moved: dict[int, list[tuple[float, float, str]]] = {}
    for name in last.layers:
        check_time()
        if NO_ACTIVATIONS in name:
            continue
        found = _moved(_distances(steps, name))
        if found is not None:
            start, far, before = found
            moved.setdefault(start, []).append((far, before, name))
    return sorted(
        (_finding(steps, start, sorted(layers, reverse=True)) for start, layers in moved.items()),
        key=lambda one: -one.strength,
    )[:MOST_FINDINGS]


def _moved(distances: np.ndarray) -> tuple[int, float, float] | None:
    """The step from which on it drifts, how far, and how far it moved in as many steps before; None if it does not.

    Of those steps that qualify, the one from which on it moved most in comparison. `distances`: [steps, steps].
    """
    end = len(distances) - 1
    first = math.ceil(_BEGINNING * len(distances))
    best: tuple[float, int, float, float] | None = None
    for start in range(first, end - LEAST_STEPS + 1):
        length = end - start
        if start - length < first:
            continue
        far, before = distances[start, end], distances[start - length, start]
        single = max(distances[place, place + 1] for place in range(start, end))
        halfway = distances[start, start + length // 2]
        if not (far >= LEAST_DISTANCE and far >= TIMES * before and single <= _MOST_OF_ONE * far and far > halfway):
            continue
        ratio = far / max(before, 1e-3)
        if best is None or ratio > best[0]:
            best = (ratio, start, float(far), float(before))
    return None if best is None else best[1:]


def _distances(steps: Sequence[SnapshotReader], name: str) -> np.ndarray:
    """1 − CKA between all pairs of steps, float64 [steps, steps]; NaN where it is not known."""
    products = []
    for one in steps:
        check_time()
        products.append(_products(one, name))
    found = np.full((len(steps), len(steps)), np.nan)
    for i, first in enumerate(products):
        check_time()
        for j in range(i, len(products)):
            found[i, j] = found[j, i] = product_distance(first, products[j])
    return found


def _products(snapshot: SnapshotReader, name: str) -> np.ndarray | None:
    rows = np.arange(min(MOST_INSTANCES, snapshot.record.sample_size))
    try:
        activations = snapshot.activations(name)
    except ActiVisError:
        return None
    if rows.size < LEAST_INSTANCES or not finite_rows(activations, rows).all():
        return None
    return centred_products(activations, rows)


def _finding(steps: Sequence[SnapshotReader], start: int, layers: list[tuple[float, float, str]]) -> Finding:
    far, before, name = layers[0]
    end = len(steps) - 1
    others = f" and of {counted(len(layers) - 1, 'other layer')}" if len(layers) > 1 else ""
    first, since, last = steps[2 * start - end].step, steps[start].step, steps[end].step
    return Finding(
        kind="drift",
        title=f"{name} drifts since step {since}",
        sentence=f"The representation of {name}{others} moved away again between steps {since} and {last}: 1 − CKA is {far:.2f}, "
        f"where it was {before:.2f} between steps {first} and {since}; no single step makes up more than "
        f"{100 * _MOST_OF_ONE:.0f} % of it. Over at most {MOST_INSTANCES} instances.",
        strength=min(1.0, far),
        layer=name,
        step=since,
    )
