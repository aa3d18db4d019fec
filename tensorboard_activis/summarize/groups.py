"""Which instances of a batch are in which subset, arranged once per batch so that every layer's statistics are few operations.

Instances in exactly the same subsets are one group: what is added to a class is the sum of a group, not every row; unless nearly
every instance would be a group of its own. Subsets that hold a large part of the batch (all, correct, wrong) cut it into a few
atoms, each of which is summed once for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from tensorboard_activis.summarize.sample import ranks

#: A subset with more than this part of a batch is summed by atoms, any other by its groups.
_LARGE = 1 / 4


@dataclass(frozen=True)
class Block:
    """Some rows of the batch, in the order of `Groups.order`; positions count from the block's first row.

    Attributes:
        rows: the batch's positions, in order.
        shared: (start, stop) of groups with several rows; their sum goes to the first of them.
        atoms: per atom its groups' first rows, a slice where they follow each other.
        turns: (subsets, rows): the groups' first rows that go to as many small subsets, none of them twice in a turn.
    """

    rows: np.ndarray
    shared: list[tuple[int, int]]
    atoms: list[tuple[int, slice | np.ndarray]]
    turns: list[tuple[np.ndarray, slice | np.ndarray]]

    @cached_property
    def runs(self) -> list[tuple[int, int, int]]:
        """The turns as (subset, row, count): rows that go to as many subsets, both counted upwards."""
        found: list[tuple[int, int, int]] = []
        for subset, rows in self.turns:
            row = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
            first = np.ones(row.size, bool)
            first[1:] = (row[1:] - row[:-1] != 1) | (subset[1:] - subset[:-1] != 1)
            at = np.flatnonzero(first)
            counts = np.append(at[1:], row.size) - at
            found += zip(subset[at].tolist(), row[at].tolist(), counts.tolist(), strict=True)
        return found


class Groups:
    """The subsets of one batch.

    Arguments:
        members: per subset the positions of its instances in the batch.
        instances: how many the batch holds.
        previous: of the batch before, whose memory is used again.

    Attributes:
        members: as given.
        sizes: int64 [subsets].
        large: per subset of a large part of the batch its atoms' indices: (subset, intp [atoms]).
        atoms: how many there are.
    """

    def __init__(self, members: Sequence[np.ndarray], instances: int, previous: "Groups | None" = None) -> None:
        self.members = members
        self.instances = instances
        self.sizes = np.fromiter(map(len, members), np.int64, len(members))
        self._scratch: dict[tuple[int, int], Scratch] = {} if previous is None else previous._scratch
        self._blocks: dict[int, list[Block]] = {}
        # 64 random bits per subset: rows where their sums agree are in the same subsets.
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
        """The batch in blocks of at most so many rows."""
        if most not in self._blocks:
            self._blocks[most] = self._cut(most)
        return self._blocks[most]

    def scratch(self, rows: int, neurons: int) -> "Scratch":
        """Memory for a block of at most so many rows: used by one layer after the other, and by the batches that follow."""
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
    """Memory for the rows of a block: as they are, as deviations, and what subsets hold so far."""

    def __init__(self, rows: int, neurons: int) -> None:
        self.values = np.empty((rows, neurons), np.float32)
        self.deviation = np.empty((rows, neurons))
        self.held = {dtype: np.empty((rows, neurons), dtype) for dtype in (np.float32, np.float64)}


def _changes(values: np.ndarray) -> np.ndarray:
    """bool: where a value differs from the one before."""
    changes = np.ones(values.size, bool)
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return changes


def _atoms_in(members: np.ndarray, examples: np.ndarray, instances: int) -> np.ndarray:
    """Which atoms a subset is made of, told by one instance of each."""
    inside = np.zeros(instances, bool)
    inside[members] = True
    return np.flatnonzero(inside[examples])


@lru_cache(maxsize=8)
def _keys(count: int) -> np.ndarray:
    return ranks(range(count))


def _rows(found: np.ndarray) -> slice | np.ndarray:
    """As a slice, which copies nothing, where they follow each other."""
    return slice(int(found[0]), int(found[-1]) + 1) if (found[1:] - found[:-1] == 1).all() else found


def _split(edges: np.ndarray, block: np.ndarray, *columns: np.ndarray) -> list[list[Any]]:
    """Per block the rows of a table that is sorted by block."""
    bounds = np.searchsorted(block, edges).tolist()
    table = list(zip(*(column.tolist() for column in columns), strict=True))
    return [table[low:high] for low, high in pairwise(bounds)]
