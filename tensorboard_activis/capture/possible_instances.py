"""Which instances can be in the sample at the end, as far as is known while they come."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorboard_activis.capture.instances.duplicates import DuplicateFilter
from tensorboard_activis.capture.strongest import ALL
from tensorboard_activis.summarize.sample import ranks

#: Hashes wait for their place in the sample until they are this part of it.
_WAITING = 16


class PossibleInstances:
    """What is known of the instances so far.

    Arguments:
        sample: number of instances in the sample; None: all.
        bound: the highest hash in the sample, where that is known beforehand, so that none of these can leave it. None: any may.
        highest: higher hashes cannot be in the sample, for other parts of the data have enough lower ones. None: any may.
    """

    def __init__(self, sample: int | None, bound: np.uint64 | None, highest: np.uint64 | None = None) -> None:
        self._sample = sample
        self.bound = ALL if sample is None else bound
        self._seen = DuplicateFilter()
        self._lowest = np.zeros(0, np.uint64)
        self._waiting: list[np.ndarray] = []
        self._waits = 0
        self._highest = highest

    def possible(self, hashes: np.ndarray) -> np.ndarray:
        """Rows of instances that can be in the sample, by what came so far, and did not come before: int64 [rows]."""
        new = self._seen.unknown(hashes)
        if self._highest is not None:
            new &= hashes <= self._highest
        return np.flatnonzero(new)

    def see(self, hashes: np.ndarray) -> None:
        """Takes note of the instances of a batch."""
        rows = self.possible(hashes)
        if not rows.size:
            return
        self._seen.add(hashes[rows])
        if self._sample is None:
            return
        self._waiting.append(hashes[rows])
        self._waits += rows.size
        if self._lowest.size + self._waits > self._sample and self._waits >= self._sample / _WAITING:
            self._settle(self._sample)

    def _settle(self, sample: int) -> None:
        everything = np.concatenate([self._lowest, *self._waiting])
        self._waiting, self._waits = [], 0
        self._lowest = everything
        if everything.size > sample:
            self._lowest = np.partition(everything, sample - 1)[:sample]
            own = self._lowest.max()
            self._highest = own if self._highest is None else min(own, self._highest)

    def highest_of_sample(self) -> np.uint64:
        """The highest hash in the sample at the end: the bound of the next evaluation, if its instances are the same."""
        if self._sample is not None:
            self._settle(self._sample)
        return ALL if self._highest is None else self._highest


def bound_of(ids: Sequence[Any], sample: int) -> np.uint64:
    """The highest hash in a sample of these instances."""
    hashes = ranks(ids)
    if hashes.size <= sample:
        return ALL
    bound: np.uint64 = np.partition(hashes, sample - 1)[sample - 1]
    return bound
