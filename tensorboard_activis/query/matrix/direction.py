"""The direction of a row in a layer."""

import numpy as np

from tensorboard_activis.query.arithmetic.direction import Direction
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.read.snapshot import SnapshotReader


def row_direction(snapshot: SnapshotReader, layer: str, row: Row) -> Direction:
    """From the mean of the kept instances that are not in the row to the mean of those that are; pinned ones are in neither.

    Raises NotFoundError, ExpressionError, UnreadableError, ThinnedError.
    """
    (mask,) = members(snapshot, [row])
    activations = snapshot.activations(layer)
    inside = np.zeros(len(activations), bool)
    inside[: mask.size] = mask
    return Direction(activations, inside, snapshot.record.sample_size)
