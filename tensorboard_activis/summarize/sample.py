"""The uniform sample of instances: the k of lowest hash of their ids, the same in every process, step and run."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.summarize.rows import OrderedRows, Rows

#: Instances wait for their place until they are this part of the sample: finding places takes the time of sorting all ranks.
_WAITING = 16


def ranks(instance_ids: Sequence[int] | Sequence[str]) -> np.ndarray:
    """A 64-bit hash of every instance id, uint64 [instances]: splitmix64 for integers, blake2b for texts.

    Source of splitmix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
    """
    if len(instance_ids) and isinstance(instance_ids[0], str):
        digests = b"".join(
            blake2b(str(key).encode("utf-8", "surrogatepass"), digest_size=8).digest() for key in instance_ids
        )
        return np.frombuffer(digests, "<u8").astype(np.uint64)
    return scrambled(np.asarray(instance_ids, dtype=np.int64).astype(np.uint64))


def scrambled(numbers: np.ndarray) -> np.ndarray:
    """The hash splitmix64 of numbers, both uint64 [instances]."""
    with np.errstate(over="ignore"):
        z = numbers + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        hashes: np.ndarray = z ^ (z >> np.uint64(31))
        return hashes


class Sample:
    """Selects the instances of lowest rank from batches of several columns.

    The result is in the order of ranks, so every prefix of it is itself a uniform sample. A row stays where it is until another
    takes its place, so that the sample takes little more memory than its bytes.

    Arguments:
        size: how many instances are kept; None keeps all.
        bound: ranks from here on are not kept; None: all may be.
    """

    def __init__(self, size: int | None, bound: np.uint64 | None = None) -> None:
        self._size = size
        self._ranks = Rows(size, np.zeros(0, np.uint64))
        self._count = 0  # of slots that are taken
        self._columns: dict[str, Rows] = {}
        self._waiting: list[
            tuple[np.ndarray, Mapping[str, np.ndarray]]
        ] = []  # batches that came when all slots were taken
        self._waits = 0
        self._bound = bound  # ranks from here on cannot enter

    @property
    def bound(self) -> np.uint64 | None:
        """The highest rank that is in the sample, if no higher one can enter any more; None if any can."""
        return self._bound

    def candidates(self, order: np.ndarray) -> np.ndarray:
        """Positions of the ranks, uint64 [instances], that can still enter the sample; nothing needs preparing for the others."""
        can = np.arange(order.size) if self._bound is None else np.flatnonzero(order < self._bound)
        if self._size is None or can.size <= self._size:
            return can
        return np.sort(can[np.argpartition(order[can], self._size - 1)[: self._size]])

    def add(self, order: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        """Adds a batch: ranks, uint64 [instances], and by column an array [instances, ...].

        Raises:
            ActiVisError: the columns are not those of the batches before, or have rows of another shape.
        """
        if not order.size:
            return
        if self._columns and columns.keys() != self._columns.keys():
            differing = ", ".join(sorted(columns.keys() ^ self._columns.keys()))
            raise ActiVisError(
                f"Some batches have these columns and others have not: {differing}. Give them in all batches."
            )
        if not self._columns:
            self._columns = {name: Rows(self._size, values) for name, values in columns.items()}
        if self._size is None or self._count + order.size <= self._size:
            self._put(np.arange(self._count, self._count + order.size), order, columns)
            return
        self._waiting.append((order, columns))
        self._waits += order.size
        if self._waits >= self._size / _WAITING:
            self._replace()

    def order(self) -> np.ndarray:
        """The ranks of the sample, uint64 [instances], ascending."""
        self._replace()
        return np.sort(self._taken())

    def result(self) -> dict[str, OrderedRows]:
        """The sample by column, [instances, ...], in the order of ranks. The sample itself gives them up, and is empty then."""
        self._replace()
        slots = np.argsort(self._taken(), kind="stable")
        columns = {name: OrderedRows(rows, slots) for name, rows in self._columns.items()}
        self._count, self._columns = 0, {}
        return columns

    def _put(self, slots: np.ndarray, order: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        self._count = max(self._count, int(slots.max()) + 1)
        self._ranks.put(slots, order)
        for name, values in columns.items():
            self._columns[name].put(slots, values)

    def _taken(self) -> np.ndarray:
        """The ranks by slot."""
        return self._ranks.take(np.arange(self._count))

    def _replace(self) -> None:
        """Gives the waiting instances of lower rank the slots of those of higher rank."""
        waiting, self._waiting, self._waits = self._waiting, [], 0
        if self._size is None or not waiting:
            return
        taken = self._count
        everything = np.concatenate([self._taken(), *(order for order, _ in waiting)])
        stays = np.zeros(everything.size, bool)
        stays[np.argsort(everything, kind="stable")[: self._size]] = True
        free = np.concatenate([np.flatnonzero(~stays[:taken]), np.arange(taken, self._size)])
        start = taken
        for order, columns in waiting:
            enters = np.flatnonzero(stays[start : start + order.size])
            start += order.size
            slots, free = free[: enters.size], free[enters.size :]
            if enters.size:
                self._put(slots, order[enters], {name: values[enters] for name, values in columns.items()})
        if self._size:
            self._bound = self._taken().max()
