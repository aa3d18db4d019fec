"""The uniform sample of instances: the k of lowest hash of their ids, the same in every process, step and run."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np


def ranks(instance_ids: Sequence[int] | Sequence[str]) -> np.ndarray:
    """A 64-bit hash of every instance id, uint64 [instances]: splitmix64 for integers, blake2b for texts.

    Source of splitmix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
    """
    if len(instance_ids) and isinstance(instance_ids[0], str):
        digests = b"".join(
            blake2b(str(key).encode("utf-8", "surrogatepass"), digest_size=8).digest() for key in instance_ids
        )
        return np.frombuffer(digests, "<u8").astype(np.uint64)
    with np.errstate(over="ignore"):
        z = np.asarray(instance_ids, dtype=np.int64).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


class Sample:
    """Selects the instances of lowest rank from batches of several columns.

    The result is in the order of ranks, so every prefix of it is itself a uniform sample.

    Arguments:
        size: how many instances are kept; None keeps all.
    """

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._ranks: list[np.ndarray] = []
        self._columns: dict[str, list[np.ndarray]] = {}
        self._count = 0
        self._bound: np.uint64 | None = None  # ranks from here on cannot enter

    def candidates(self, order: np.ndarray) -> np.ndarray:
        """Positions of the ranks, uint64 [instances], that can still enter the sample; nothing needs preparing for the others."""
        if self._bound is None:
            return np.arange(order.size)
        return np.flatnonzero(order < self._bound)

    def add(self, order: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        """Adds a batch: ranks, uint64 [instances], and by column an array [instances, ...]."""
        if not order.size:
            return
        self._ranks.append(order)
        for name, values in columns.items():
            self._columns.setdefault(name, []).append(values)
        self._count += order.size
        if self._size is not None and self._count >= 2 * self._size:
            self._compact()

    def order(self) -> np.ndarray:
        """The ranks of the sample, uint64 [instances], ascending."""
        if not self._ranks:
            return np.zeros(0, np.uint64)
        self._compact()
        return self._ranks[0]

    def result(self) -> dict[str, np.ndarray]:
        """The sample by column, [instances, ...], in the order of ranks."""
        if self._ranks:
            self._compact()
        return {name: chunks[0] for name, chunks in self._columns.items()}

    def _compact(self) -> None:
        order = np.concatenate(self._ranks)
        chosen = np.argsort(order, kind="stable")[: self._size]
        self._ranks = [order[chosen]]
        for name, chunks in self._columns.items():
            self._columns[name] = [np.concatenate(chunks)[chosen]]
        self._count = chosen.size
        if self._count == self._size:
            self._bound = self._ranks[0][-1]
