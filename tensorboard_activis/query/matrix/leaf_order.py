"""Optimal leaf ordering of a hierarchical clustering, which puts the most similar leaves side by side.

Source: Bar-Joseph, Gifford, Jaakkola, "Fast optimal leaf ordering for hierarchical clustering", Bioinformatics 17, 2001.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.limits import check_time

#: Additions that an exact order may cost, some 50 ms; beyond it the largest branches are only turned, not searched: of 2,048
#: neurons the sum of distances is then larger by a thousandth.
MAX_WORK = 50_000_000


@dataclass(frozen=True, slots=True)
class _Branch:
    """Leaves `start` to `stop` (positions in the tree's own order); both children are None for a single leaf."""

    start: int
    stop: int
    left: "_Branch | None" = None
    right: "_Branch | None" = None

    @property
    def size(self) -> int:
        return self.stop - self.start

    def facing(self, leaf: int) -> slice:
        """The leaves that can be at the other end when this one is at one end."""
        if self.left is None or self.right is None:
            return slice(self.start, self.stop)
        other = self.right if leaf < self.left.stop else self.left
        return slice(other.start, other.stop)


def leaf_order(merges: Sequence[tuple[int, int]], distances: np.ndarray) -> tuple[np.ndarray, bool]:
    """Leaves as int32 [leaves], of all turns of the branches the one with the least sum of distances between neighbours.

    Arguments:
        merges: pairs of clusters, bottom-up; a merged cluster keeps its first one's number.
        distances: float32 [leaves, leaves].

    Returns:
        The order, and whether it is the best one: where finding it would cost more than MAX_WORK, large branches are joined at the
        ends that are most alike.
    """
    tree = _tree_order(merges)
    place = np.empty(len(tree), np.int64)
    place[tree] = np.arange(len(tree))
    near = np.ascontiguousarray(distances[np.ix_(tree, tree)])
    best = np.zeros_like(near)  # [i, j]: least sum within the smallest branch that holds both, with i and j at its ends
    branches = {leaf: _Branch(int(place[leaf]), int(place[leaf]) + 1) for leaf in range(len(tree))}
    turned: dict[int, list[int]] = {}  # clusters whose order is settled
    work = 0
    for first, second in merges:
        check_time()
        if first not in turned and second not in turned:
            left, right = branches[first], branches[second]
            work += _work(left, right)
            if work <= MAX_WORK:
                _join(left, right, near, best)
                branches[first] = _Branch(left.start, right.stop, left, right)
                continue
            work = MAX_WORK + 1
        parts = [turned.pop(one) if one in turned else _settle(branches[one], near, best) for one in (first, second)]
        turned[first] = _greedy(parts[0], parts[1], near)
    last = merges[-1][0]
    order = turned[last] if last in turned else _settle(branches[last], near, best)
    return np.asarray(tree, np.int32)[order], last not in turned


def _tree_order(merges: Sequence[tuple[int, int]]) -> list[int]:
    """Leaves such that every cluster is a range."""
    after: dict[int, int] = {}
    last: dict[int, int] = {}
    for first, second in merges:
        after[last.get(first, first)] = second
        last[first] = last.get(second, second)
    leaf = merges[-1][0]
    leaves = [leaf]
    while leaf in after:
        leaf = after[leaf]
        leaves.append(leaf)
    return leaves


def _halves(branch: _Branch) -> list[_Branch]:
    return [half for half in (branch.left, branch.right) if half is not None] or [branch]


def _work(left: _Branch, right: _Branch) -> int:
    sides = [_halves(left), _halves(right)]
    products = [2 * side[0].size * side[1].size if len(side) == 2 else 1 for side in sides]
    return products[0] * right.size + products[1] * left.size


def _join(left: _Branch, right: _Branch, near: np.ndarray, best: np.ndarray) -> None:
    """Fills `best` for one end in `left` and the other in `right`."""
    here, there = slice(left.start, left.stop), slice(right.start, right.stop)
    across = np.empty((left.size, right.size), np.float32)  # from the outer end in `left` to the inner end in `right`
    for half in _halves(left):
        inner = left.facing(half.start)
        across[half.start - left.start : half.stop - left.start] = _least_sums(
            best[half.start : half.stop, inner], near[inner, there]
        )
    for half in _halves(right):
        inner = right.facing(half.start)
        best[here, half.start : half.stop] = _least_sums(
            across[:, inner.start - right.start : inner.stop - right.start], best[inner, half.start : half.stop]
        )
    best[there, here] = best[here, there].T


def _least_sums(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of every row of `one` and column of `other` the least sum of paired values: a matrix product in (min, +)."""
    rows, inner = one.shape
    least = np.empty((rows, other.shape[1]), np.float32)
    if rows < inner:
        for row in range(rows):
            np.add(one[row][:, None], other).min(axis=0, out=least[row])
        return least
    np.add(one[:, :1], other[0], out=least)
    sums = np.empty_like(least)
    for step in range(1, inner):
        np.minimum(least, np.add(one[:, step, None], other[step], out=sums), out=least)
    return least


def _settle(branch: _Branch, near: np.ndarray, best: np.ndarray) -> list[int]:
    """The best order of a branch's leaves, by walking back which ends gave the least sums."""
    if branch.left is None or branch.right is None:
        return [branch.start]
    ends = best[branch.left.start : branch.left.stop, branch.right.start : branch.right.stop]
    first, last = np.unravel_index(int(ends.argmin()), ends.shape)
    settled: list[int] = []
    todo = [(branch, int(first) + branch.left.start, int(last) + branch.right.start)]
    while todo:
        node, start, stop = todo.pop()
        if node.left is None or node.right is None:
            settled.append(start)
            continue
        near_start, near_stop = (node.left, node.right) if start < node.left.stop else (node.right, node.left)
        here, there = near_start.facing(start), near_stop.facing(stop)
        sums = best[start, here][:, None] + near[here, there] + best[there, stop]
        one, other = np.unravel_index(int(sums.argmin()), sums.shape)
        todo.append((near_stop, int(other) + there.start, stop))
        todo.append((near_start, start, int(one) + here.start))
    return settled


def _greedy(left: list[int], right: list[int], near: np.ndarray) -> list[int]:
    ends = [
        (near[left[-1], right[0]], left, right),
        (near[left[-1], right[-1]], left, right[::-1]),
        (near[left[0], right[0]], left[::-1], right),
        (near[left[0], right[-1]], left[::-1], right[::-1]),
    ]
    _, one, other = min(ends, key=lambda end: end[0])
    return one + other
