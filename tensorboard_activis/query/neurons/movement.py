"""How far the representation of each layer is from that of another run or step: 1 − debiased linear CKA over common instances."""

import math
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.arithmetic.cka import cka_distance, finite_rows
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.instances.shared import shared_instances
from tensorboard_activis.read.snapshot import SnapshotReader

#: Instances that are compared at most: the time grows with their square.
MOST_INSTANCES = 1_024
#: Fewer have no debiased CKA.
LEAST_INSTANCES = 4


@dataclass(frozen=True, slots=True)
class LayerMovement:
    """How far one layer's representation is from that of the other snapshot.

    Attributes:
        name: of the layer.
        n: common instances whose activations are all finite in both; the others are left out.
        neurons: of the layer here.
        other_neurons: of the layer in the other snapshot.
        distance: 1 − debiased linear CKA: 0 where the two representations are equal up to rotation and scale, near 1 where they
            have nothing in common. At most 2.
        problem: why there is no distance, in words; null when there is one.
    """

    name: str
    n: int
    neurons: int
    other_neurons: int
    distance: MaybeNaN
    problem: str | None


@dataclass(frozen=True, slots=True)
class Movement:
    """How far the layers' representations are from those of another snapshot.

    Attributes:
        shared: instances that are in both samples, matched by id.
        n: of them, those that are compared: at most 1,024, the first in the order of the sample, which is random.
        layers: those that both snapshots recorded, by name, in the order in which they run here.
        only_here: names of layers that only this snapshot recorded.
        only_other: names of layers that only the other one recorded.
    """

    shared: int
    n: int
    layers: Records[LayerMovement]
    only_here: tuple[str, ...]
    only_other: tuple[str, ...]


def movement(snapshot: SnapshotReader, other: SnapshotReader) -> Movement:
    """How far each layer's representation is from that of another run or step: the answer of the route `movement`.

    Layers are compared by name; they may have different numbers of neurons. A layer that cannot be compared says why.
    """
    indices, others = shared_instances(snapshot, other)
    sampled = (indices < snapshot.record.sample_size) & (others < other.record.sample_size)
    indices, others = indices[sampled], others[sampled]
    compared = slice(min(indices.size, MOST_INSTANCES))
    common = [name for name in snapshot.layers if name in other.layers]
    return Movement(
        shared=indices.size,
        n=compared.stop,
        layers=Records(
            LayerMovement, (_layer(name, snapshot, other, indices[compared], others[compared]) for name in common)
        ),
        only_here=tuple(name for name in snapshot.layers if name not in other.layers),
        only_other=tuple(name for name in other.layers if name not in snapshot.layers),
    )


def _layer(
    name: str, snapshot: SnapshotReader, other: SnapshotReader, indices: np.ndarray, others: np.ndarray
) -> LayerMovement:
    here, there = (one.layer(name).info.neurons for one in (snapshot, other))
    n, distance, problem = 0, math.nan, None
    try:
        one, two = snapshot.activations(name), other.activations(name)
        finite = finite_rows(one, indices) & finite_rows(two, others)
        n = int(finite.sum())
        if n < LEAST_INSTANCES:
            problem = (
                f"At least {LEAST_INSTANCES} instances with finite activations must be in both samples; here are {n}."
            )
        else:
            distance = cka_distance(one, indices[finite], two, others[finite])
            if math.isnan(distance):
                problem = "The activations do not vary over the instances, here or in the other snapshot."
    except ActiVisError as error:
        problem = str(error)
    return LayerMovement(name, n, here, there, distance, problem)
