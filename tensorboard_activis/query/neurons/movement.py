"""How far the representation of each layer is from that of another run or step: 1 − debiased linear CKA over common instances."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.arithmetic.halffloat import not_finite, widen
from tensorboard_activis.query.arithmetic.workers import in_parts
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.instances.shared import shared_instances
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Instances that are compared at most: the time grows with their square.
MOST_INSTANCES = 1_024
#: Fewer have no debiased CKA.
LEAST_INSTANCES = 4
#: Neurons that are read at a time, and rows of products that a thread computes.
_NEURONS = 1_024
_ROWS = 128
#: What rounding leaves of a variation that is zero, as a share of the sum of squares.
_NOTHING = 1e-6


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
        finite = _finite(one, indices) & _finite(two, others)
        n = int(finite.sum())
        if n < LEAST_INSTANCES:
            problem = (
                f"At least {LEAST_INSTANCES} instances with finite activations must be in both samples; here are {n}."
            )
        else:
            distance = _distance(one, indices[finite], two, others[finite])
            if math.isnan(distance):
                problem = "The activations do not vary over the instances, here or in the other snapshot."
    except ActiVisError as error:
        problem = str(error)
    return LayerMovement(name, n, here, there, distance, problem)


def _finite(activations: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Where all activations of an instance are finite, bool [rows]."""
    finite = np.ones(rows.size, bool)
    for columns in _columns(activations):
        finite &= ~not_finite(activations[rows, columns]).any(axis=1)
    return finite


def _columns(activations: np.ndarray) -> Iterator[slice]:
    for start in range(0, activations.shape[1], _NEURONS):
        check_time()
        yield slice(start, start + _NEURONS)


def _distance(one: np.ndarray, rows: np.ndarray, two: np.ndarray, other_rows: np.ndarray) -> float:
    """1 − CKA of some rows of each; NaN where one of the two does not vary.

    The unbiased estimate of HSIC is an inner product of U-centred Gram matrices, so that CKA is a cosine. Sources: Song et al.,
    "Feature selection via dependence maximization", 2012; Székely and Rizzo, "Partial distance correlation", 2014; Kornblith et
    al., "Similarity of neural network representations revisited", 2019.
    """
    first, second = _centred_products(one, rows), _centred_products(two, other_rows)
    if first is None or second is None:
        return math.nan
    cosine = float(np.vdot(first, second) / math.sqrt(np.vdot(first, first) * np.vdot(second, second)))
    return max(0.0, 1 - cosine)


def _centred_products(activations: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
    """The U-centred Gram matrix of some rows, float64 [rows, rows]; None where it is zero."""
    n = rows.size
    products, squares = np.zeros((n, n)), np.zeros(n)
    parts = [slice(start, min(start + _ROWS, n)) for start in range(0, n, _ROWS)]
    for columns in _columns(activations):
        values = widen(activations[rows, columns])
        # Twice: the first mean of large values is rounded.
        values -= values.mean(axis=0, dtype=np.float64).astype(np.float32)
        values -= values.mean(axis=0)

        def multiply(part: slice, values: np.ndarray = values) -> None:
            products[part, : part.stop] += values[part] @ values[: part.stop].T

        for _ in in_parts(multiply, parts):
            pass
        squares += np.einsum("ij,ij->i", values, values, dtype=np.float64)
    products = np.tril(products, -1)
    products += products.T
    sums = products.sum(axis=0)
    products -= (sums / (n - 2))[:, None]
    products -= sums / (n - 2)
    products += sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(products, 0)
    varies = np.linalg.norm(products) > _NOTHING * squares.sum()
    return products if varies else None
