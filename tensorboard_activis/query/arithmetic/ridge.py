"""Ridge regression of several targets on float16 activations, with the R² of instances that are left out one at a time."""

import math
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.arithmetic.workers import in_parts
from tensorboard_activis.query.limits import check_time

#: Of the mean eigenvalue of the neurons' covariance: the ridge, λ = 1e-3 · trace ÷ neurons.
RIDGE = 1e-3
#: Instances, the smaller of instances and neurons, and multiplications: what one regression may take, about a second.
_MOST_ROWS, _MOST_SQUARE, _MOST_PRODUCTS = 16_384, 1_536, 8_000_000_000
#: Instances or neurons that are in memory as float64, and rows of products that a thread computes.
_BLOCK, _STRIP = 1_024, 64


@dataclass(frozen=True, slots=True)
class Ridge:
    """A linear model of the targets.

    Attributes:
        weights: float32 [targets, neurons]: what a target gains for each unit of a neuron.
        r2: share of the targets' variation, over all of them, that is predicted of instances that are left out one at a time; NaN
            where the targets do not vary.
        n: instances that it was fitted on.
    """

    weights: np.ndarray
    r2: float
    n: int


def most_rows(neurons: int) -> int:
    """How many instances a regression on so many neurons may use; memory and time stay bounded."""
    if neurons <= _MOST_SQUARE:
        return min(_MOST_ROWS, _MOST_PRODUCTS // max(1, neurons) ** 2)
    return min(_MOST_SQUARE, math.isqrt(_MOST_PRODUCTS // neurons))


def ridge(activations: np.ndarray, rows: np.ndarray, targets: np.ndarray) -> Ridge:
    """Minimizes the squared errors plus λ times the squared weights, λ = RIDGE · trace of the centred squares ÷ neurons.

    Neurons and targets are centred, so that there is an intercept, which is not penalized. Where there are more neurons than
    instances the same is solved by the instances' products. R² is that of leaving one out: the residual ÷ (1 − leverage).

    Arguments:
        activations: float16 [instances, neurons], finite in `rows`.
        rows: positions of the instances, int64 [rows], at least two.
        targets: float64 [rows, targets], finite.
    """
    # As the single part of the work: then BLAS has one thread throughout, and products are shared out as further parts.
    (found,) = in_parts(lambda _: _ridge(activations, rows, targets), [0])
    return found


def _ridge(activations: np.ndarray, rows: np.ndarray, targets: np.ndarray) -> Ridge:
    n, neurons = rows.size, activations.shape[1]
    mean = np.zeros(neurons)
    for some in _slices(n):
        mean += _values(activations, rows[some]).sum(axis=0) / n
    wanted = targets - targets.mean(axis=0)
    total = float(np.vdot(wanted, wanted))
    if neurons <= n:
        weights, residuals, spared = _by_neurons(activations, rows, mean, wanted)
    else:
        weights, residuals, spared = _by_instances(activations, rows, mean, wanted)
    left_out = residuals / np.maximum(spared, 1e-12)[:, None]
    # What rounding leaves of targets that are all alike is no variation.
    varies = total > 1e-12 * float(np.vdot(targets, targets))
    r2 = 1 - float(np.vdot(left_out, left_out)) / total if varies else math.nan
    return Ridge(weights.astype(np.float32), r2, n)


def _by_neurons(
    activations: np.ndarray, rows: np.ndarray, mean: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights [targets, neurons], residuals [rows, targets] and 1 − leverage [rows], from the neurons' products."""
    neurons, n = activations.shape[1], rows.size
    products, moments = np.zeros((neurons, neurons)), np.zeros((neurons, wanted.shape[1]))
    for some in _slices(n):
        values = _values(activations, rows[some]) - mean
        moments += values.T @ wanted[some]
        _add_products(products, values.T)
    inverse = _inverse(products)
    weights = inverse @ moments
    residuals, spared = np.empty_like(wanted), np.empty(n)
    for some in _slices(n):
        values = _values(activations, rows[some]) - mean
        residuals[some] = wanted[some] - values @ weights
        spared[some] = 1 - 1 / n - np.einsum("ij,ij->i", values @ inverse, values)
    return weights.T, residuals, spared


def _by_instances(
    activations: np.ndarray, rows: np.ndarray, mean: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same from the instances' products: with G = (K + λ)⁻¹, the residuals are λ G y and the leverages 1 − λ G + 1/n."""
    neurons, n = activations.shape[1], rows.size
    products = np.zeros((n, n))
    for some in _slices(neurons):
        _add_products(products, _values(activations, rows, some) - mean[some])
    penalty = _penalty(float(np.trace(products)), neurons)
    inverse = _inverse(products, penalty)
    dual = inverse @ wanted
    weights = np.empty((wanted.shape[1], neurons))
    for some in _slices(neurons):
        weights[:, some] = dual.T @ (_values(activations, rows, some) - mean[some])
    return weights, penalty * dual, penalty * inverse.diagonal() - 1 / n


def _penalty(trace: float, neurons: int) -> float:
    """λ; where nothing varies any will do."""
    return RIDGE * trace / neurons or 1.0


def _inverse(products: np.ndarray, penalty: float | None = None) -> np.ndarray:
    """(products + λ)⁻¹ of a symmetric matrix."""
    penalty = _penalty(float(np.trace(products)), len(products)) if penalty is None else penalty
    products[np.diag_indices_from(products)] += penalty
    inverse: np.ndarray = np.linalg.inv(products)
    return inverse


def _add_products(products: np.ndarray, values: np.ndarray) -> None:
    """Adds values @ values.T, on several threads."""

    def multiply(start: int) -> None:
        stop = min(start + _STRIP, len(values))
        strip = values[start:stop] @ values[:stop].T
        products[start:stop, :stop] += strip
        products[:start, start:stop] += strip[:, :start].T

    for _ in in_parts(multiply, range(0, len(values), _STRIP)):
        pass


def _values(activations: np.ndarray, rows: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
    check_time()
    return widen(np.ascontiguousarray(activations[rows, columns])).astype(np.float64)


def _slices(size: int) -> list[slice]:
    return [slice(start, min(start + _BLOCK, size)) for start in range(0, size, _BLOCK)]
