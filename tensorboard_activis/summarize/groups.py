"""Subset membership of a batch, arranged once so that the statistics of every layer take few operations.

Instances in exactly the same subsets form a group: the sum of a group is added to a subset, not every row, unless nearly every
instance would be a group of its own. Subsets with a large part of the batch (all, correct, wrong) partition it into a few atoms,
each of which is summed once for all of these subsets.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from tensorboard_activis.summarize.membership import Membership
from tensorboard_activis.summarize.sample import ranks

#: A subset with more than this share of a batch is summed by atoms, any other by its groups.
_LARGE = 1 / 4
#: Subsets are dense from this share of all pairs of a small subset and an instance.
_DENSE = 1 / 32


@dataclass(frozen=True)
class Block:
    """Consecutive rows of the batch after sorting it by group; row numbers below count from the block's first row.

    Attributes:
        rows: positions in the batch, intp [rows].
        shared: (start, stop) of groups with several rows; their sum is stored in the first of these rows.
        atoms: (atom, first rows of its groups); a slice where the rows are consecutive.
        turns: (subsets, rows): first rows of groups and the small subset that each is added to; no subset is twice in a turn.
    """

    rows: np.ndarray
    shared: list[tuple[int, int]]
    atoms: list[tuple[int, slice | np.ndarray]]
    turns: list[tuple[np.ndarray, slice | np.ndarray]]

    @cached_property
    def runs(self) -> list[tuple[int, int, int]]:
        """The turns as (subset, row, count): `count` consecutive rows that are added to as many consecutive subsets."""
        runs: list[tuple[int, int, int]] = []
        for subset, rows in self.turns:
            row = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
            first = np.ones(row.size, bool)
            first[1:] = (row[1:] - row[:-1] != 1) | (subset[1:] - subset[:-1] != 1)
            at = np.flatnonzero(first)
            counts = np.append(at[1:], row.size) - at
            runs += zip(subset[at].tolist(), row[at].tolist(), counts.tolist(), strict=True)
        return runs


class Groups:
    """The groups and atoms of one batch.

    Arguments:
        membership: which of its instances are in which subsets.

    Attributes:
        membership: the argument.
        sizes: instances per subset, int64 [subsets].
        large: (subset, indices of its atoms, intp [atoms]) of every subset with a large share of the batch.
        atoms: number of atoms.
    """

    def __init__(self, membership: Membership) -> None:
        self.membership = membership
        self.sizes = membership.sizes()
        self._blocks: dict[int, list[Block]] = {}
        count, instances = membership.subsets, membership.instances
        subset, row = membership.subset, membership.instance
        # 64 random bits per subset: rows with equal sums of these are in the same subsets.
        keys = _keys(count)
        is_large = self.sizes > instances * _LARGE
        in_large = is_large[subset]
        pattern = np.zeros(instances, np.uint64)
        np.add.at(pattern, row[in_large], keys[subset[in_large]])
        rows, subsets = row[~in_large], subset[~in_large]
        signature = pattern.copy()
        np.add.at(signature, rows, keys[subsets])
        lowest = np.full(instances, count)
        np.minimum.at(lowest, rows, subsets)

        self._order = np.lexsort((signature, lowest, pattern))
        self._signature, self._pattern = signature[self._order], pattern[self._order]
        if 2 * _changes(self._signature).sum() > instances:
            # Hardly any two rows are in the same subsets, and to look for them costs more than it saves.
            self._signature = np.arange(instances, dtype=np.uint64)
        place = np.empty(instances, np.intp)
        place[self._order] = np.arange(instances)
        turn = np.lexsort((subsets, place[rows]))
        self._pairs = np.stack([place[rows], subsets])[:, turn]  # (row in order, small subset that it is in)
        starts = np.flatnonzero(_changes(self._pattern))
        self.atoms = starts.size
        self._atom = np.cumsum(_changes(self._pattern)) - 1
        large = np.flatnonzero(is_large)
        inside = np.zeros((large.size, instances), bool)
        inside[np.searchsorted(large, subset[in_large]), row[in_large]] = True
        consists = inside[:, self._order[starts]]
        self.large = [(int(each), np.flatnonzero(part)) for each, part in zip(large, consists, strict=True)]

    @property
    def is_dense(self) -> bool:
        """Whether a product with the matrix of all subsets takes less time than to add each group to each of its subsets."""
        added = np.count_nonzero(_changes(self._signature)[self._pairs[0]])
        return bool(added > _DENSE * self.membership.subsets * self.membership.instances)

    @cached_property
    def matrix(self) -> np.ndarray:
        """float64 [subsets, instances]: 1 where an instance is in a subset, else 0."""
        matrix = np.zeros((self.membership.subsets, self.membership.instances))
        matrix[self.membership.subset, self.membership.instance] = 1
        return matrix

    @cached_property
    def members(self) -> list[tuple[int, np.ndarray]]:
        """Every subset that has instances in the batch, with their positions."""
        lists = self.membership.lists()
        return [(subset, rows) for subset, rows in enumerate(lists) if rows.size]

    def blocks(self, most: int) -> list[Block]:
        """The batch in blocks of at most `most` rows."""
        if most not in self._blocks:
            self._blocks[most] = self._cut(most)
        return self._blocks[most]

    def _cut(self, most: int) -> list[Block]:
        changes = _changes(self._signature)
        changes[::most] = True
        firsts = np.flatnonzero(changes)
        ends = np.append(firsts[1:], self.membership.instances)
        block = firsts // most
        edges = np.arange(-(-self.membership.instances // most) + 1)
        several = ends - firsts > 1
        shared = _split(edges, block[several], firsts[several] % most, (ends - block * most)[several])

        atom = self._atom[firsts]
        bounds = np.append(np.flatnonzero(_changes(atom) | _changes(block)), firsts.size).tolist()
        atoms: list[list[tuple[int, slice | np.ndarray]]] = [[] for _ in edges]
        for low, high in pairwise(bounds):
            inside = firsts[low:high] % most
            atoms[int(block[low])].append((int(atom[low]), _rows(inside)))

        row, subset = self._pairs[:, changes[self._pairs[0]]]
        turns: list[list[tuple[np.ndarray, slice | np.ndarray]]] = [[] for _ in edges]
        while row.size:
            number = row // most
            now = np.zeros(row.size, bool)
            now[np.unique(number * self.membership.subsets + subset, return_index=True)[1]] = True
            bounds = np.searchsorted(number[now], edges).tolist()
            for part, (low, high) in enumerate(pairwise(bounds)):
                if low < high:
                    turns[part].append((subset[now][low:high], _rows(row[now][low:high] % most)))
            row, subset = row[~now], subset[~now]
        return [
            Block(self._order[start : start + most], *parts)
            for start, *parts in zip(range(0, self.membership.instances, most), shared, atoms, turns, strict=False)
        ]


def _changes(values: np.ndarray) -> np.ndarray:
    """bool [values]: where a value differs from the one before it; True at the first."""
    changes = np.ones(values.size, bool)
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return changes


@lru_cache(maxsize=8)
def _keys(count: int) -> np.ndarray:
    return ranks(range(count))


def _rows(rows: np.ndarray) -> slice | np.ndarray:
    """Consecutive rows as a slice, which copies nothing; others as they are."""
    return slice(int(rows[0]), int(rows[-1]) + 1) if (rows[1:] - rows[:-1] == 1).all() else rows


def _split(edges: np.ndarray, block: np.ndarray, *columns: np.ndarray) -> list[list[Any]]:
    """Splits a table that is sorted by block into the rows of each block."""
    bounds = np.searchsorted(block, edges).tolist()
    table = list(zip(*(column.tolist() for column in columns), strict=True))
    return [table[low:high] for low, high in pairwise(bounds)]
