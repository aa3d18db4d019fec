"""What is still known of thinned steps: what was measured for findings before their instances' activations were removed."""

import math
from typing import cast

import numpy as np

from tensorboard_activis.errors import ThinnedError
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.read.thinned import Evidence, Neighbour, keep_of, read_evidence, thinned_text


def evidence(snapshot: SnapshotReader) -> Evidence:
    """What was measured of a thinned snapshot; empty of one that was not thinned."""
    file = snapshot.remains
    if file is None:
        return Evidence()
    key = (read_evidence, *file.version)
    if key not in snapshot.computed:
        snapshot.computed[key] = read_evidence(file)
    return cast(Evidence, snapshot.computed[key])


def is_thinned(snapshot: SnapshotReader) -> bool:
    """Whether the activations of the snapshot's instances were removed to bound the disk."""
    return snapshot.remains is not None


def not_known(snapshot: SnapshotReader) -> ThinnedError:
    """The error where a thinned snapshot is asked for what was not measured before."""
    file = snapshot.remains
    return ThinnedError(thinned_text(f"step {snapshot.step}", 0 if file is None else keep_of(file)))


def remembered_variation(snapshot: SnapshotReader, layer: str) -> tuple[int, float, float]:
    """What `collapsed.variation` was. Raises ThinnedError where it was not measured."""
    found = evidence(snapshot).variation.get(layer)
    if found is None:
        raise not_known(snapshot)
    return found


def remembered_suspects(snapshot: SnapshotReader) -> np.ndarray:
    """Indices of the instances whose label was contradicted, ascending. Raises ThinnedError where it was not looked for."""
    found = evidence(snapshot).suspects
    if found is None:
        raise not_known(snapshot)
    return found


def remembered_accuracy(snapshot: SnapshotReader, column: str, layer: str) -> float:
    """With which balanced accuracy a layer told a column's values. Raises ThinnedError where it was not measured."""
    found = evidence(snapshot).known.get(column, {}).get(layer, math.nan)
    if math.isnan(found):
        raise not_known(snapshot)
    return found


def remembered_distance(one: SnapshotReader, other: SnapshotReader, layer: str) -> float:
    """1 − CKA from a step to the next, one of which was thinned when the other was beside it; NaN where it is not known."""
    for snapshot, neighbour, record in (
        (one, evidence(one).after, other.record_digest),
        (other, evidence(other).before, one.record_digest),
    ):
        if is_thinned(snapshot) and neighbour is not None and neighbour.record == record:
            return distance_of(neighbour, layer)
    return math.nan


def distance_of(neighbour: Neighbour, layer: str) -> float:
    """A layer's distance to a neighbour; NaN where it is not known."""
    return neighbour.distances.get(layer, math.nan)
