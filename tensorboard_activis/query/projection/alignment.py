"""Aligns a layout with another one of the same instances (orthogonal Procrustes)."""

from dataclasses import replace

import numpy as np

from tensorboard_activis.query.projection.pca import Projection


def procrustes(xy: np.ndarray, like: np.ndarray, indices: np.ndarray, like_indices: np.ndarray) -> np.ndarray:
    """Rotates and reflects `xy`, without scaling, to fit `like`: float32 [instances, 2], each axis centred.

    Arguments:
        xy: [instances, 2].
        like: [other instances, 2].
        indices, like_indices: of the same instances in either; places that are not finite are left out.

    With fewer than two instances in common nothing is turned.
    Source: Schönemann, "A generalized solution of the orthogonal Procrustes problem", 1966.
    """
    one, other = xy[indices].astype(np.float64), like[like_indices].astype(np.float64)
    known = np.isfinite(one).all(axis=1) & np.isfinite(other).all(axis=1)
    middle = np.nanmean(xy, axis=0, dtype=np.float64) if np.isfinite(xy).any() else np.zeros(2)
    centred = xy - middle
    if np.count_nonzero(known) < 2:
        return centred.astype(np.float32)
    one, other = one[known] - one[known].mean(axis=0), other[known] - other[known].mean(axis=0)
    left, _, right = np.linalg.svd(one.T @ other)
    return np.asarray(centred @ (left @ right), np.float32)


def align(projection: Projection, like: np.ndarray, indices: np.ndarray, like_indices: np.ndarray) -> Projection:
    """Aligns a projection with another layout; arguments are those of `procrustes`.

    Where x is a direction it stays that: y is mirrored, or not, and nothing is turned.
    """
    if projection.direction is not None:
        return replace(projection, xy=_mirrored(projection.xy, like, indices, like_indices), aligned=len(indices))
    xy = procrustes(projection.xy, like, indices, like_indices)
    return replace(projection, xy=xy, explained=turned_shares(xy, projection.explained), aligned=len(indices))


def _mirrored(xy: np.ndarray, like: np.ndarray, indices: np.ndarray, like_indices: np.ndarray) -> np.ndarray:
    """The second axis with the sign that fits that of the other layout."""
    both = np.stack([xy[indices, 1], like[like_indices, 1]]).astype(np.float64)
    both = both[:, np.isfinite(both).all(axis=0)]
    both -= both.mean(axis=1, keepdims=True) if both.size else 0
    return xy * np.array([1, -1 if both[0] @ both[1] < 0 else 1], np.float32)


def turned_shares(xy: np.ndarray, shares: tuple[float, ...]) -> tuple[float, ...]:
    """Shares of the variance along the axes after a rotation to `xy` [instances, 2]; their sum is unchanged, empty stays empty."""
    squares = np.nansum(np.asarray(xy, np.float64) ** 2, axis=0)
    total = float(squares.sum())
    if not shares or total <= 0:
        return shares
    return tuple(float(square / total * sum(shares)) for square in squares)
