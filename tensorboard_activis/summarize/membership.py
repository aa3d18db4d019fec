"""Which instances of a batch are in which subsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np


@dataclass(frozen=True)
class Membership:
    """Pairs of a subset and an instance that is in it, in any order, none of them twice.

    Attributes:
        subset, instance: intp [pairs]; an instance is its position in the batch.
        subsets, instances: their numbers.
    """

    subset: np.ndarray
    instance: np.ndarray
    subsets: int
    instances: int

    @classmethod
    def of_lists(cls, members: Sequence[np.ndarray], instances: int) -> "Membership":
        """From the positions of the instances of every subset."""
        sizes = [len(each) for each in members]
        subset = np.repeat(np.arange(len(members)), sizes)
        return cls(subset, np.concatenate([np.zeros(0, np.intp), *members]).astype(np.intp), len(members), instances)

    @classmethod
    def joined(cls, parts: "Sequence[Membership]") -> "Membership":
        """Several batches as one; there is at least one."""
        starts = accumulate((part.instances for part in parts), initial=0)
        instance = np.concatenate([part.instance + start for part, start in zip(parts, starts, strict=False)])
        subset = np.concatenate([part.subset for part in parts])
        return cls(subset, instance, parts[0].subsets, sum(part.instances for part in parts))

    def sizes(self) -> np.ndarray:
        """Instances per subset, int64 [subsets]."""
        return np.bincount(self.subset, minlength=self.subsets).astype(np.int64)

    def lists(self) -> list[np.ndarray]:
        """The positions of the instances of every subset, ascending."""
        order = np.lexsort((self.instance, self.subset))
        return np.split(self.instance[order], np.cumsum(self.sizes())[:-1])
