"""Which instances came before: an instance that a loader gives twice counts once."""

import numpy as np

from tensorboard_activis.capture.processes import Processes, SingleProcess


class DuplicateFilter:
    """The ranks (64-bit hashes of ids) of all instances so far, 8 bytes each.

    Held as sorted arrays of falling length, merged when one is no longer than the next: looking up a batch takes a few binary
    searches. Of several processes each knows the ranks of all; they look up their batches at the same time.
    """

    def __init__(self, processes: Processes | None = None) -> None:
        self._processes = processes or SingleProcess()
        self._sorted: list[np.ndarray] = []

    def new(self, order: np.ndarray) -> np.ndarray:
        """bool [instances]: which of these ranks, uint64 [instances], were not there before, nor earlier in this batch.

        They are from now on. What several processes have at the same time counts in the first of them.
        """
        batches = [np.frombuffer(data, np.uint64) for data in self._processes.all_gather(order.tobytes())]
        ends = np.cumsum([batch.size for batch in batches])
        fresh = self._fresh(np.concatenate(batches))
        return fresh[ends[self._processes.rank] - order.size : ends[self._processes.rank]]

    def _fresh(self, order: np.ndarray) -> np.ndarray:
        fresh = np.zeros(order.size, bool)
        fresh[np.unique(order, return_index=True)[1]] = True
        for known in self._sorted:
            places = np.minimum(np.searchsorted(known, order), known.size - 1)
            fresh &= known[places] != order
        added = np.sort(order[fresh])
        if added.size:
            while self._sorted and self._sorted[-1].size <= 2 * added.size:
                added = np.sort(np.concatenate([self._sorted.pop(), added]), kind="stable")
            self._sorted.append(added)
        return fresh
