"""Deduplication of instances by id: an instance that the data contain twice counts once."""

import numpy as np

from tensorboard_activis.capture.distributed.processes import Processes, SingleProcess


class DuplicateFilter:
    """A set of the id hashes (64 bits) of all instances so far, 8 bytes each.

    Stored as sorted arrays of decreasing length, which are merged as they grow: looking up a batch takes a few binary searches.
    With several processes, each stores the hashes of all, and all look up their batches at the same time.
    """

    def __init__(self, processes: Processes | None = None) -> None:
        self._processes = processes or SingleProcess()
        self._sorted: list[np.ndarray] = []

    def add(self, hashes: np.ndarray) -> np.ndarray:
        """Adds a batch, and returns which of its instances are new: bool [instances].

        Of equal hashes in one batch the first is new; of equal hashes that several processes add at the same time, that of the
        first process.

        Args:
            hashes: uint64 [instances].
        """
        batches = [np.frombuffer(data, np.uint64) for data in self._processes.all_gather(hashes.tobytes())]
        ends = np.cumsum([batch.size for batch in batches])
        new = self._new(np.concatenate(batches))
        return new[ends[self._processes.rank] - hashes.size : ends[self._processes.rank]]

    def unknown(self, hashes: np.ndarray) -> np.ndarray:
        """Which instances would be new to this process alone if they were added: bool [instances]."""
        new = np.zeros(hashes.size, bool)
        new[np.unique(hashes, return_index=True)[1]] = True
        for known in self._sorted:
            indices = np.minimum(np.searchsorted(known, hashes), known.size - 1)
            new &= known[indices] != hashes
        return new

    def _new(self, hashes: np.ndarray) -> np.ndarray:
        new = self.unknown(hashes)
        added = np.sort(hashes[new])
        if added.size:
            while self._sorted and self._sorted[-1].size <= 2 * added.size:
                added = np.sort(np.concatenate([self._sorted.pop(), added]), kind="stable")
            self._sorted.append(added)
        return new
