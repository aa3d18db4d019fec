"""Debiased linear CKA: how alike two representations of the same instances are, whatever their rotation and scale."""

import math
from collections.abc import Iterator

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import not_finite, widen
from tensorboard_activis.query.arithmetic.workers import in_parts
from tensorboard_activis.query.limits import check_time

#: Neurons that are read at a time, and rows of products that a thread computes.
_NEURONS = 1_024
_ROWS = 128
#: What rounding leaves of a variation that is zero, as a share of the sum of squares.
_NOTHING = 1e-6


def finite_rows(activations: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Where all activations of an instance are finite, bool [rows]."""
    finite = np.ones(rows.size, bool)
    for columns in _columns(activations):
        finite &= ~not_finite(activations[rows, columns]).any(axis=1)
    return finite


def _columns(activations: np.ndarray) -> Iterator[slice]:
    for start in range(0, activations.shape[1], _NEURONS):
        check_time()
        yield slice(start, start + _NEURONS)


def cka_distance(one: np.ndarray, rows: np.ndarray, two: np.ndarray, other_rows: np.ndarray) -> float:
    """1 − CKA of some rows of each; NaN where one of the two does not vary.

    The unbiased estimate of HSIC is an inner product of U-centred Gram matrices, so that CKA is a cosine. Sources: Song et al.,
    "Feature selection via dependence maximization", 2012; Székely and Rizzo, "Partial distance correlation", 2014; Kornblith et
    al., "Similarity of neural network representations revisited", 2019.
    """
    return product_distance(centred_products(one, rows), centred_products(two, other_rows))


def product_distance(first: np.ndarray | None, second: np.ndarray | None) -> float:
    """1 − CKA, given the U-centred Gram matrices of the same instances; NaN where one of them is None."""
    if first is None or second is None:
        return math.nan
    cosine = float(np.vdot(first, second) / math.sqrt(np.vdot(first, first) * np.vdot(second, second)))
    return max(0.0, 1 - cosine)


def centred_products(activations: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
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
