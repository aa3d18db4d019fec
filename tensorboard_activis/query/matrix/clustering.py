"""Orders neurons by hierarchical clustering of their values over the rows of a matrix."""

import numpy as np

from tensorboard_activis.query.limits import check_time
from tensorboard_activis.query.matrix.leaf_order import leaf_order

#: The distances of all pairs are held at once; beyond this many neurons they are ordered by angle instead.
MAX_CLUSTERED = 2_048


def clustered_order(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """Indices of the neurons so that alike ones stand side by side, int32 [neurons], and whether no better order of the leaves is.

    Average linkage over z-scores per neuron, by nearest-neighbour chains (Murtagh, "A survey of recent advances in hierarchical
    clustering algorithms", 1983), with the optimal order of the leaves. Above MAX_CLUSTERED neurons: by the angle in the plane of
    the first two principal components.

    Arguments:
        values: [rows, neurons].
    """
    neurons = values.shape[1]
    points = np.nan_to_num(values.T.astype(np.float64), posinf=0, neginf=0)
    points = points - points.mean(axis=1, keepdims=True)
    spread = points.std(axis=1, keepdims=True)
    points = points / np.where(spread > 1e-12, spread, 1)
    if neurons < 3:
        return np.arange(neurons, dtype=np.int32), True
    if neurons > MAX_CLUSTERED:
        return _by_angle(points), False
    squares = (points * points).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0)).astype(np.float32)
    return leaf_order(_merges(distances.copy()), distances)


def _by_angle(points: np.ndarray) -> np.ndarray:
    _, _, axes = np.linalg.svd(points[:: max(1, len(points) // 4096)], full_matrices=False)
    plane = points @ axes[:2].T
    if plane.shape[1] < 2:
        return np.argsort(plane[:, 0], kind="stable").astype(np.int32)
    return np.argsort(np.arctan2(plane[:, 1], plane[:, 0]), kind="stable").astype(np.int32)


def _merges(distances: np.ndarray) -> list[tuple[int, int]]:
    """Hierarchical clustering: pairs of clusters in the order of merging; a merged cluster has the number of its first part."""
    count = alive = len(distances)
    np.fill_diagonal(distances, np.inf)
    numbers, sizes = (
        np.arange(count),
        np.ones(count, np.float32),
    )  # of the clusters in the rows; size 0: merged into another
    merges: list[tuple[int, int]] = []
    chain: list[int] = []
    while len(merges) < count - 1:
        check_time()
        if alive <= len(numbers) // 2:  # rows of clusters that are gone would only be read
            kept = np.flatnonzero(sizes)
            distances, numbers, sizes = distances[np.ix_(kept, kept)], numbers[kept], sizes[kept]
            chain = np.searchsorted(kept, chain).tolist()
        if not chain:
            chain = [int(np.argmax(sizes > 0))]
        while True:
            row = distances[chain[-1]]
            nearest = int(row.argmin())
            # Of equally near ones the one before, or the chain could run in circles.
            if len(chain) > 1 and row[chain[-2]] <= row[nearest]:
                break
            chain.append(nearest)
        second, first = chain.pop(), chain.pop()
        first, second = min(first, second), max(first, second)
        size = sizes[first] + sizes[second]
        merged = distances[first] * (sizes[first] / size) + distances[second] * (sizes[second] / size)
        merged[[first, second]] = np.inf
        sizes[first], sizes[second] = size, 0
        alive -= 1
        distances[first], distances[:, first] = merged, merged
        distances[second], distances[:, second] = np.inf, np.inf
        merges.append((int(numbers[first]), int(numbers[second])))
    return merges
