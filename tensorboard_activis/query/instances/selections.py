"""Instances selected by an expression, and the activation of a neuron on each instance."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.contract import Float32Array, Int32Array
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.read.snapshot import SnapshotReader


@dataclass(frozen=True, slots=True)
class Where:
    """The kept instances for which an expression is true.

    Attributes:
        indices: of these instances, ascending.
        count: how many of the sample they are; pinned instances are not counted.
        sample_size: instances of the sample.
    """

    indices: Int32Array
    count: int
    sample_size: int


@dataclass(frozen=True, slots=True)
class Activation:
    """One neuron on every kept instance.

    Attributes:
        value: its activation, [instances].
    """

    value: Float32Array


def where(snapshot: SnapshotReader, expression: str) -> Where:
    """Raises ExpressionError."""
    mask, sample_size = matching(snapshot, expression), snapshot.record.sample_size
    return Where(np.flatnonzero(mask).astype(np.int32), int(np.count_nonzero(mask[:sample_size])), sample_size)


def activation(snapshot: SnapshotReader, layer: str, neuron: int) -> Activation:
    """Raises NotFoundError, UnreadableError."""
    return Activation(np.asarray(snapshot.neuron(layer, neuron), np.float32))
