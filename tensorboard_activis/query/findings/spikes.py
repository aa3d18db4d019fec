"""Steps between which a layer's representation jumped: its CKA distance stands out from those of the steps before and after."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

import numpy as np

from tensorboard_activis.errors import ActiVisError, ThinnedError
from tensorboard_activis.query.arithmetic.cka import centred_products, finite_rows, product_distance
from tensorboard_activis.query.findings.dead import NO_ACTIVATIONS
from tensorboard_activis.query.findings.finding import Finding, counted
from tensorboard_activis.query.findings.remembered import remembered_distance
from tensorboard_activis.query.instances.shared import shared_instances
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Instances that are compared, the first of the sample; and steps, the last ones.
MOST_INSTANCES, MOST_STEPS = 256, 60
LEAST_INSTANCES = 20
#: A spike is at least so many times as far as each of so many steps before and after it, and so far.
TIMES, AROUND, LEAST_DISTANCE = 3.0, 2, 0.02
#: Of a run the first steps are the beginning of training, which moves most.
_BEGINNING = 0.2
MOST_FINDINGS = 3


def spikes(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Jumps of representations between two steps of the run, up to the last snapshot; one finding for all layers that jumped then.

    A layer jumped between two steps when 1 − debiased CKA of its activations there is at least 0.02 and at least three times that
    of each of the two distances before and the two after; or so are two distances in a row, as where it jumps away and comes back
    with the next step. One of several restless steps is no jump, and the last step is not known to be one. The first fifth of
    the run's steps is left out, for training moves most there. Shares and entropies of heads are no representations.

    Arguments:
        snapshots: steps ascending; the last 60 are looked at.
    """
    steps = snapshots[-MOST_STEPS:]
    if len(steps) < 4:
        return []
    first = max(1, int(_BEGINNING * len(snapshots)) - (len(snapshots) - len(steps)))
    jumped: dict[int, list[tuple[float, float, str, int]]] = {}
    for name in steps[-1].layers:
        check_time()
        if NO_ACTIVATIONS in name:
            continue
        distances = step_distances(steps, name)
        for place, here, around, length in _jumps(distances, first):
            jumped.setdefault(place, []).append((here, around, name, length))
    found = [
        _finding([one.step for one in steps[place : place + 3]], sorted(layers, reverse=True))
        for place, layers in jumped.items()
    ]
    return sorted(found, key=lambda one: -one.strength)[:MOST_FINDINGS]


def _jumps(distances: list[float], first: int) -> Iterator[tuple[int, float, float, int]]:
    """Places, from a first one on, where one distance stands out, or two in a row: with it, the largest around, and 1 or 2."""
    taken = -1
    for place in range(first, len(distances) - 1):
        for length in (1, 2):
            least, around = min(distances[place : place + length]), _largest_around(distances, place, length)
            if place > taken and least >= LEAST_DISTANCE and least >= TIMES * around:
                yield place, distances[place], around, length
                taken = place + length - 1


def _largest_around(distances: list[float], place: int, length: int) -> float:
    """The largest of the two distances before some in a row and the two after; NaN where one of these is not known."""
    end = place + length
    if end >= len(distances) or any(math.isnan(one) for one in distances[place - 1 : end + 1]):
        return math.nan
    around = distances[max(0, place - AROUND) : place] + distances[end : end + AROUND]
    return max(one for one in around if not math.isnan(one))


def _finding(steps: Sequence[int], layers: list[tuple[float, float, str, int]]) -> Finding:
    """Of a jump between the first two of three steps, and on to the third."""
    before, after, then = steps
    distance, around, name, length = layers[0]
    others = f" and of {counted(len(layers) - 1, 'other layer')}" if len(layers) > 1 else ""
    times = f"{distance / around:,.1f} times" if around > 0 else "infinitely many times"
    again = f" and again by step {then}" if length == 2 else ""
    return Finding(
        kind="spike",
        title=f"{name} jumped between steps {before} and {after}",
        sentence=f"The representation of {name}{others} jumped between steps {before} and {after}{again}: "
        f"1 − CKA is {distance:.2f}, {times} the largest of the two before and the two after, "
        f"over at most {MOST_INSTANCES} instances.",
        strength=min(1.0, distance),
        layer=name,
        step=after,
    )


def step_distances(steps: Sequence[SnapshotReader], name: str) -> list[float]:
    """1 − CKA from each step to the next; NaN where it is not known. Computed once for every pair."""
    distances: list[float] = []
    kept: tuple[SnapshotReader, np.ndarray | None] | None = None  # products of the last step over its first instances
    for one, other in pairwise(steps):
        check_time()
        key = (step_distances, one.digest, other.digest, name)
        if key in other.computed:
            distances.append(cast(float, other.computed[key]))
            continue
        try:
            if one.same_instances(other):
                rows = np.arange(min(MOST_INSTANCES, one.record.sample_size))
                first = kept[1] if kept is not None and kept[0] is one else _products(one, name, rows)
                second = _products(other, name, rows)
                kept = (other, second)
            else:
                indices, others = shared_instances(one, other)
                sampled = (indices < one.record.sample_size) & (others < other.record.sample_size)
                indices, others = indices[sampled][:MOST_INSTANCES], others[sampled][:MOST_INSTANCES]
                first, second = _products(one, name, indices), _products(other, name, others)
            distances.append(product_distance(first, second))
            other.computed[key] = distances[-1]
        except ThinnedError:
            distances.append(remembered_distance(one, other, name))
        except ActiVisError:
            distances.append(math.nan)
    return distances


def _products(snapshot: SnapshotReader, name: str, rows: np.ndarray) -> np.ndarray | None:
    """The U-centred Gram matrix; None with few instances, or where one has values that are not finite. Raises ActiVisError."""
    activations = snapshot.activations(name)
    if rows.size < LEAST_INSTANCES or not finite_rows(activations, rows).all():
        return None
    return centred_products(activations, rows)
