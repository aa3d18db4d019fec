"""Which instances came before: an instance that a loader gives twice counts once."""

import numpy as np


class Seen:
    """The ranks (64-bit hashes of ids) of all instances so far, 8 bytes each.

    Held as sorted arrays of falling length, merged when one is no longer than the next: looking up a batch takes a few binary
    searches.
    """

    def __init__(self) -> None:
        self._sorted: list[np.ndarray] = []

    def new(self, order: np.ndarray) -> np.ndarray:
        """bool [instances]: which of these ranks, uint64 [instances], were not there before, nor earlier in this batch.

        They are from now on.
        """
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
