"""Matches the instances that two snapshots kept."""

import numpy as np

from tensorboard_activis.read.snapshot import SnapshotReader


def shared_instances(one: SnapshotReader, other: SnapshotReader) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the instances that both snapshots kept, matched by id, in the first one's order: twice int64 [shared]."""
    if one.same_instances(other):
        indices = np.arange(one.stored_instances)
        return indices, indices
    id_column, other_ids = (snapshot.instances.column("id") for snapshot in (one, other))
    if id_column.type != other_ids.type:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    positions = {instance_id: index for index, instance_id in enumerate(other_ids.to_pylist())}
    pairs = [
        (index, positions[instance_id])
        for index, instance_id in enumerate(id_column.to_pylist())
        if instance_id in positions
    ]
    matches = np.array(pairs, np.int64).reshape(-1, 2)
    return matches[:, 0], matches[:, 1]
