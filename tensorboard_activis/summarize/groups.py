"""Subset membership of a batch, arranged once so that the statistics of every layer take few operations.

Instances in exactly the same subsets form a group: the sum of a group is added to a subset, not every row, unless nearly every
instance would be a group of its own. Subsets with a large part of the batch (all, correct, wrong) partition it into a few atoms,
each of which is summed once for all of these subsets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from tensorboard_activis.summarize.sample import ranks

#: A subset with more than this share of a batch is summed by atoms, any other by its groups.
_LARGE = 1 / 4


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
    """Which instances of one batch are in which subsets.

    Arguments:
        members: per subset the positions of its instances in the batch, intp [instances of the subset].
        instances: number of instances in the batch.
        previous: the groups of the batch before, to reuse their memory.

    Attributes:
        members, instances: the arguments.
        sizes: instances per subset, int64 [subsets].
        large: (subset, indices of its atoms, intp [atoms]) of every subset with a large share of the batch.
        atoms: number of atoms.
    """

    def __init__(self, members: Sequence[np.ndarray], instances: int, previous: "Groups | None" = None) -> None:
        self.members = members
        self.instances = instances
        self.sizes = np.fromiter(map(len, members), np.int64, len(members))
        self._scratch: dict[tuple[int, int], Scratch] = {} if previous is None else previous._scratch
        self._blocks: dict[int, list[Block]] = {}
        # 64 random bits per subset: rows with equal sums of these are in the same subsets.
        keys = _keys(len(members))
        large = np.flatnonzero(self.sizes > instances * _LARGE)
        pattern = np.zeros(instances, np.uint64)
        for subset in large.tolist():
            pattern[members[subset]] += keys[subset]
        small = np.flatnonzero((self.sizes > 0) & (self.sizes <= instances * _LARGE))
        rows = np.concatenate([members[subset] for subset in small.tolist()]) if small.size else np.zeros(0, np.intp)
        subsets = np.repeat(small, self.sizes[small])
        signature = pattern.copy()
        np.add.at(signature, rows, keys[subsets])
        lowest = np.full(instances, len(members))
        lowest[rows[::-1]] = subsets[::-1]

        self._order = np.lexsort((signature, lowest, pattern))
        self._signature, self._pattern = signature[self._order], pattern[self._order]
        if 2 * _changes(self._signature).sum() > instances:
            # Hardly any two rows are in the same subsets, and to look for them costs more than it saves.
            self._signature = np.arange(instances, dtype=np.uint64)
        place = np.empty(instances, np.intp)
        place[self._order] = np.arange(instances)
        turn = np.argsort(place[rows], kind="stable")
        self._pairs = np.stack([place[rows], subsets])[:, turn]  # (row in order, small subset that it is in)
        starts = np.flatnonzero(_changes(self._pattern))
        self.atoms = starts.size
        self._atom = np.cumsum(_changes(self._pattern)) - 1
        examples = self._order[starts]
        self.large = [(subset, _atoms_in(members[subset], examples, instances)) for subset in large.tolist()]

    def blocks(self, most: int) -> list[Block]:
        """The batch in blocks of at most `most` rows."""
        if most not in self._blocks:
            self._blocks[most] = self._cut(most)
        return self._blocks[most]

    def scratch(self, rows: int, neurons: int) -> "Scratch":
        """Work memory for a block of `rows` rows; every layer and every later batch uses it again."""
        key = (rows, neurons)
        if key not in self._scratch:
            self._scratch[key] = Scratch(rows, neurons)
        return self._scratch[key]

    def _cut(self, most: int) -> list[Block]:
        changes = _changes(self._signature)
        changes[::most] = True
        firsts = np.flatnonzero(changes)
        ends = np.append(firsts[1:], self.instances)
        block = firsts // most
        edges = np.arange(-(-self.instances // most) + 1)
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
            now[np.unique(number * len(self.members) + subset, return_index=True)[1]] = True
            bounds = np.searchsorted(number[now], edges).tolist()
            for part, (low, high) in enumerate(pairwise(bounds)):
                if low < high:
                    turns[part].append((subset[now][low:high], _rows(row[now][low:high] % most)))
            row, subset = row[~now], subset[~now]
        return [
            Block(self._order[start : start + most], *parts)
            for start, *parts in zip(range(0, self.instances, most), shared, atoms, turns, strict=False)
        ]


class Scratch:
    """Work memory for the rows of a block: their values, their deviations, and the accumulators of their subsets."""

    def __init__(self, rows: int, neurons: int) -> None:
        self.values = np.empty((rows, neurons), np.float32)
        self.deviation = np.empty((rows, neurons))
        self.accumulators = {dtype: np.empty((rows, neurons), dtype) for dtype in (np.float32, np.float64)}


def _changes(values: np.ndarray) -> np.ndarray:
    """bool [values]: where a value differs from the one before it; True at the first."""
    changes = np.ones(values.size, bool)
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return changes


def _atoms_in(members: np.ndarray, examples: np.ndarray, instances: int) -> np.ndarray:
    """Indices of the atoms of which a subset consists, from one example instance of each atom."""
    inside = np.zeros(instances, bool)
    inside[members] = True
    return np.flatnonzero(inside[examples])


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
