"""Principal component analysis (PCA) of a layer's activations, to two dimensions, with a first axis that may be given."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.arithmetic.direction import Direction
from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.contract import Float32Array, MaybeNaN
from tensorboard_activis.query.projection.principal import principal

#: Work (multiplications) up to which components are found exactly, with all rows in memory.
MAX_EXACT = 4e9
#: Of the iteration that finds few eigenvectors: vectors beside those that are wanted, turns at most, and the largest residual.
_OVERSAMPLE, _TURNS, _RESIDUAL = 8, 4, 1e-10
#: Share of the variance that is nothing but rounding, beside an axis that holds the rest.
_ROUNDING = 1e-12


ProjectionMethod: TypeAlias = Literal["pca", "tsne", "direction"]
#: How far a t-SNE is that is computed in the background.
ProjectionState: TypeAlias = Literal["not_started", "queued", "running", "done", "cancelled"]


@dataclass(frozen=True, slots=True)
class DirectionAxis:
    """The direction of a row as the first axis.

    Attributes:
        n: kept instances of the row with finite activations.
        rest: the others; the pinned ones are in neither.
        length: distance of the two means in the layer's units: x is 0 at that of the rest, and this at that of the row.
        auc: probability that an instance of the row lies further along than another one, by directions of the other four fifths
            of the instances; null where there are too few.
    """

    n: int
    rest: int
    length: float
    auc: MaybeNaN


@dataclass(frozen=True, slots=True)
class Projection:
    """Every kept instance at its place in two dimensions.

    Attributes:
        xy: [instances, 2], each axis centred, but for x along a direction; NaN where an instance has no place yet.
        explained: share of the variance per axis; empty for t-SNE.
        method: "pca", "tsne" or "direction".
        aligned: by how many instances it was turned onto another layout; 0 when it was not.
        state: of a t-SNE.
        progress: of a t-SNE, the share that is done.
        direction: what x is, where that is the direction of a row.
    """

    xy: Float32Array
    explained: tuple[float, ...]
    method: ProjectionMethod = "pca"
    aligned: int = 0
    state: ProjectionState | None = None
    progress: float | None = None
    direction: DirectionAxis | None = None


def pca(activations: np.ndarray) -> Projection:
    """PCA to two dimensions, `xy` float32 [instances, 2], with axes of unspecified sign; zeros where no variance is left.

    Values that are not finite are replaced by the mean of their neuron. Exact, by the smaller of covariance and Gram matrix; for
    large layers randomized, see `principal`.

    Arguments:
        activations: float16 [instances, neurons].
    """
    return _flat(*_project(activations, 2))


def directed(activations: np.ndarray, direction: Direction) -> Projection:
    """Projects to the plane of a direction and the first principal component of what is orthogonal to it, whose sign is
    unspecified: x 0 at the mean of the rest, y centred, both in the layer's units; zeros where no variance is left.

    Values that are not finite are replaced as by `pca`.

    Arguments:
        activations: float16 [instances, neurons].

    Raises QueryError where there is no direction.
    """
    n, rest = direction.n, direction.rest
    if not direction.length > 0:
        counts = f"{n:,} instances of the row and {rest:,} others with finite activations"
        same = ", whose means are the same" if n and rest else ": it needs at least one of each"
        raise QueryError(f"This row has no direction in the layer: there are {counts}{same}. Choose another row.")
    flat = _flat(*_project(activations, 2, direction.unit))
    flat.xy[:, 0] -= flat.xy[direction.outside, 0].mean(dtype=np.float64)
    return replace(flat, method="direction", direction=DirectionAxis(n, rest, direction.length, direction.auc()))


def components(activations: np.ndarray, count: int) -> np.ndarray:
    """The first principal components, float [instances, at most count]; otherwise as `pca`."""
    return _project(activations, count)[0]


def _flat(coordinates: np.ndarray, explained: np.ndarray) -> Projection:
    """The first two axes, centred; zeros for those that are not there."""
    xy = np.zeros((len(coordinates), 2), np.float64)
    xy[:, : coordinates.shape[1]] = coordinates
    xy -= xy.mean(axis=0) if len(xy) else 0
    shares = [*(float(share) for share in explained), 0.0, 0.0]
    return Projection(xy.astype(np.float32), (shares[0], shares[1]))


def _project(activations: np.ndarray, count: int, first: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates [instances, at most count] and the shares of the variance along the axes.

    With `first`, a unit vector [neurons], that is the first axis, and the others are components of what is orthogonal to it.
    """
    instances, neurons = activations.shape
    nothing = np.zeros((instances, 0)), np.zeros(0)
    if instances == 0 or neurons == 0:
        return nothing
    count = min(count, instances, neurons)
    if float(instances) * neurons * min(instances, neurons) > MAX_EXACT:
        return principal(activations, count, first)
    values = widen(np.ascontiguousarray(activations))
    known = np.isfinite(values)
    if known.all():
        values -= values.mean(axis=0, dtype=np.float64).astype(np.float32)
    else:
        values[~known] = np.nan
        counts = np.maximum(known.sum(axis=0), 1)
        values -= (np.nansum(values, axis=0, dtype=np.float64) / counts).astype(np.float32)
        values[~known] = 0
    # Beside huge values squares would overflow float32.
    scale = float(max(values.max(), -values.min())) or 1.0
    values /= np.float32(scale)
    wide = values.astype(np.float64) if values.size <= 1 << 22 else values
    along = np.zeros((instances, 0)) if first is None else (wide @ first)[:, None]
    if first is not None:
        wide = wide - (along * first).astype(wide.dtype, copy=False)
    product = wide.T @ wide if neurons <= instances else wide @ wide.T
    left, taken = float(np.trace(product)), (along**2).sum(axis=0)
    total = left + float(taken.sum())
    if total <= 0:
        return nothing
    if left <= _ROUNDING * total:
        return along * scale, taken / total
    variances, vectors = _largest(product, count - len(taken))
    if neurons <= instances:
        axes = vectors
    else:
        lengths = np.sqrt(variances)
        axes = (wide.T @ vectors) / np.where(lengths > 1e-9 * max(lengths[0], 1e-300), lengths, np.inf)
    return np.column_stack([along, wide @ axes]).astype(np.float64, copy=False) * scale, np.r_[taken, variances] / total


def _largest(product: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues of a symmetric matrix without negative ones, descending, at least 0, and their vectors in columns.

    Subspace iteration finds few of many as exactly and in a third of the time, unless they are close to the next ones.
    """
    size, width = len(product), count + _OVERSAMPLE
    if size >= 24 * width:
        power = product @ product
        power = power @ power
        basis = np.random.default_rng(0).normal(size=(size, width))  # the same picture for the same data
        for _ in range(_TURNS):
            basis, _ = np.linalg.qr(power @ basis)
            turned = product @ basis
            values, within = np.linalg.eigh(basis.T @ turned)
            values, within = values[::-1][:count], within[:, ::-1][:, :count]
            vectors = basis @ within
            if (np.linalg.norm(turned @ within - vectors * values, axis=0) <= _RESIDUAL * values[0]).all():
                return np.maximum(values, 0), vectors
    values, vectors = np.linalg.eigh(product)
    return np.maximum(values[::-1][:count], 0), vectors[:, ::-1][:, :count]


def fix_signs(xy: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Fixes the signs of the axes, so that equal data look the same: the first class lies right of and above the mean.

    Without classes, the instance furthest out on an axis lies on its positive side.

    Arguments:
        xy: [instances, 2].
        labels: class indices [instances], −1 for none.
    """
    first = np.zeros(len(xy), bool)
    if labels is not None and (labels >= 0).any():
        first = labels == labels[labels >= 0].min()
    flipped = xy.copy()
    for axis in range(xy.shape[1]):
        column = xy[:, axis]
        if not column.size:
            continue
        mean = column[first].mean() if first.any() else 0.0
        decisive = abs(mean) > 0.05 * column.std()
        sign = mean if decisive else column[np.argmax(np.abs(column))]
        if sign < 0:
            flipped[:, axis] = -column
    return flipped


def agreement(xy: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per axis the sign that turns one layout to lie as another does, 1 or -1, and their correlation with it, from 0 to 1.

    Arguments:
        xy, before: [instances, 2], centred, the same instances in the same order.
    """
    one, other = xy.astype(np.float64), before.astype(np.float64)
    products = (one * other).sum(axis=0)
    lengths = np.sqrt((one * one).sum(axis=0) * (other * other).sum(axis=0))
    return np.where(products < 0, -1.0, 1.0), np.abs(products) / np.where(lengths > 0, lengths, 1)
