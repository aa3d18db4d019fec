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


def principal(activations: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates on the first components, float32 [instances, at most count], and the shares of the variance along them.

    Values that are not finite take the mean of their neuron. The axes are those of the first MAX_FITTED rows, the shares of all.

    Arguments:
        activations: float16 [instances, neurons], at least one of each.
    """
    instances, neurons = activations.shape
    all_rows = statistics(activations, np.ones((1, instances), bool), finite=False, extremes=False)
    total = float((all_rows.count[0] * np.nan_to_num(all_rows.std[0]) ** 2).sum())
    if total <= 0:
        return np.zeros((instances, 0), np.float32), np.zeros(0)
    centre = np.nan_to_num(all_rows.mean[0]).astype(np.float32)
    width = min(-(-(count + _OVERSAMPLE) // 4) * 4, instances, neurons)
    basis = np.random.default_rng(0).normal(size=(neurons, width))  # the same picture for the same data
    for rows, turns in ((min(instances, _FIRST), _FIRST_TURNS), (min(instances, MAX_FITTED), _TURNS)):
        for _ in range(turns):
            basis, _ = np.linalg.qr(_turned(activations[:rows], centre, basis))
    places = _placed(activations, centre, basis)
    # Within the basis the axes are found exactly.
    spread, axes = np.linalg.eigh(sum(_gram(places[rows]) for rows in shares(instances, width)))
    order = np.argsort(-spread)[: min(count, width)]
    return places @ axes[:, order].astype(np.float32), np.maximum(spread[order], 0) / total


def _gram(places: np.ndarray) -> np.ndarray:
    wide = places.astype(np.float64)
    product: np.ndarray = wide.T @ wide
    return product


def _blocks(activations: np.ndarray, rows: slice, centre: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Where in the array, and the values about `centre`, float32; 0 where they are not finite."""
    for here, bits in SCRATCH.blocks(activations, rows):
        half = bits.view(np.float16)
        values = SCRATCH.widened(half)
        np.subtract(values, centre, out=values)
        bad = not_finite(half)
        if bad.any():
            values[bad] = 0
        yield slice(rows.start + here.start, rows.start + here.stop), values


def _turned(activations: np.ndarray, centre: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """The covariance times the basis, float64 [neurons, width], but for a factor."""
    narrow = basis.astype(np.float32)

    def work(rows: slice) -> np.ndarray:
        turned = np.zeros(basis.shape)
        for _, values in _blocks(activations, rows, centre):
            turned += values.T @ (values @ narrow)
        return turned

    total: np.ndarray = np.sum(list(in_parts(work, shares(*activations.shape))), axis=0)
    return total


def _placed(activations: np.ndarray, centre: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Coordinates on the basis, float32 [instances, width]."""
    narrow = basis.astype(np.float32)
    places = np.empty((len(activations), basis.shape[1]), np.float32)

    def work(rows: slice) -> None:
        for here, values in _blocks(activations, rows, centre):
            np.matmul(values, narrow, out=places[here])

    for _ in in_parts(work, shares(*activations.shape)):
        pass
    return places
