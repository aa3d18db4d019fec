"""Randomized PCA of arrays that do not fit into memory as float32, computed in blocks.

Randomised subspace iteration (Halko, Martinsson, Tropp, "Finding structure with randomness", 2011, algorithm 4.4) on the first
rows, which are a uniform sample, and from where that arrives a few more turns on many rows: each turn is one pass.
"""

from collections.abc import Iterator

import numpy as np

from tensorboard_activis.query.arithmetic.blocks import SCRATCH, shares
from tensorboard_activis.query.arithmetic.halffloat import not_finite
from tensorboard_activis.query.arithmetic.statistics import statistics
from tensorboard_activis.query.arithmetic.workers import in_parts

#: Rows that the axes are found from; all others are only projected on them.
MAX_FITTED = 131_072
#: Rows, and turns, that the first axes come from; and the turns on all fitted rows.
_FIRST, _FIRST_TURNS = 4_096, 5
_TURNS = 2
_OVERSAMPLE = 8
#: Share of the variance that is nothing but rounding of float32, beside an axis that holds the rest.
_ROUNDING = 1e-9


def principal(activations: np.ndarray, count: int, first: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates on the first components, float32 [instances, at most count], and the shares of the variance along them.

    Values that are not finite take the mean of their neuron. The axes are those of the first MAX_FITTED rows, the shares of all.

    Arguments:
        activations: float16 [instances, neurons], at least one of each.
        first: a unit vector [neurons] that is to be the first axis; the components are then of what is orthogonal to it.
    """
    instances, neurons = activations.shape
    all_rows = statistics(activations, np.ones((1, instances), bool), finite=False, extremes=False)
    total = float((all_rows.count[0] * np.nan_to_num(all_rows.std[0]) ** 2).sum())
    if total <= 0:
        return np.zeros((instances, 0), np.float32), np.zeros(0)
    centre = np.nan_to_num(all_rows.mean[0]).astype(np.float32)
    along, taken = np.zeros((instances, 0), np.float32), np.zeros(0)
    if first is not None:
        along = _placed(_Rows(activations, centre), first[:, None])
        taken = np.square(along, dtype=np.float64).sum(axis=0)
        if total - taken[0] <= _ROUNDING * total:
            return along, taken / total
    count -= taken.size
    width = min(-(-(count + _OVERSAMPLE) // 4) * 4, instances, neurons)
    basis = np.random.default_rng(0).normal(size=(neurons, width))  # the same picture for the same data
    for size, turns in ((min(instances, _FIRST), _FIRST_TURNS), (min(instances, MAX_FITTED), _TURNS)):
        for _ in range(turns):
            basis, _ = np.linalg.qr(_turned(_Rows(activations[:size], centre, first), basis))
    places = _placed(_Rows(activations, centre, first), basis)
    # Within the basis the axes are found exactly.
    spread, axes = np.linalg.eigh(sum(_gram(places[rows]) for rows in shares(instances, width)))
    order = np.argsort(-spread)[: min(count, width)]
    across = places @ axes[:, order].astype(np.float32)
    return np.column_stack([along, across]), np.r_[taken, np.maximum(spread[order], 0)] / total


def _gram(places: np.ndarray) -> np.ndarray:
    wide = places.astype(np.float64)
    product: np.ndarray = wide.T @ wide
    return product


class _Rows:
    """Activations about their centre, 0 where they are not finite, without their part along a unit vector."""

    def __init__(self, activations: np.ndarray, centre: np.ndarray, without: np.ndarray | None = None) -> None:
        self.activations, self._centre = activations, centre
        self._without = None if without is None else without.astype(np.float32)

    def blocks(self, rows: slice) -> Iterator[tuple[slice, np.ndarray]]:
        """Where in the array, and the values, float32."""
        for here, bits in SCRATCH.blocks(self.activations, rows):
            half = bits.view(np.float16)
            values = SCRATCH.widened(half)
            np.subtract(values, self._centre, out=values)
            bad = not_finite(half)
            if bad.any():
                values[bad] = 0
            if self._without is not None:
                values -= np.outer(values @ self._without, self._without)
            yield slice(rows.start + here.start, rows.start + here.stop), values


def _turned(activations: _Rows, basis: np.ndarray) -> np.ndarray:
    """The covariance times the basis, float64 [neurons, width], but for a factor."""
    narrow = basis.astype(np.float32)

    def work(rows: slice) -> np.ndarray:
        turned = np.zeros(basis.shape)
        for _, values in activations.blocks(rows):
            turned += values.T @ (values @ narrow)
        return turned

    total: np.ndarray = np.sum(list(in_parts(work, shares(*activations.activations.shape))), axis=0)
    return total


def _placed(activations: _Rows, basis: np.ndarray) -> np.ndarray:
    """Coordinates on the basis, float32 [instances, width]."""
    narrow = basis.astype(np.float32)
    places = np.empty((len(activations.activations), basis.shape[1]), np.float32)

    def work(rows: slice) -> None:
        for here, values in activations.blocks(rows):
            np.matmul(values, narrow, out=places[here])

    for _ in in_parts(work, shares(*activations.activations.shape)):
        pass
    return places
