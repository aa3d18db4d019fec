"""Gathers batches before they enter statistics and sample, because small batches would take ten times as long one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.summarize.membership import Membership

#: Batches are gathered until they have this many instances, or take this many bytes, or have this many that may be sampled.
MOST_INSTANCES, MOST_BYTES, MOST_CANDIDATES = 1024, 32 << 20, 512


@dataclass(frozen=True)
class GatheredBatch:
    """A batch whose activations are not summed yet.

    Attributes:
        activations: by layer, float32 [instances, neurons].
        membership: of its instances.
        chosen: which of them may enter the sample, intp [chosen].
        hashes: of these, uint64 [chosen].
        stored: what is stored of these besides activations: arrays [chosen, ...] by name.
    """

    activations: Sequence[np.ndarray]
    membership: Membership
    chosen: np.ndarray
    hashes: np.ndarray
    stored: Mapping[str, np.ndarray]


class Gathering:
    """The batches so far. Their memory is bounded: by `MOST_BYTES` and the last batch."""

    def __init__(self) -> None:
        self._batches: list[GatheredBatch] = []
        self._instances = self._bytes = self._candidates = 0

    def fits(self, batch: GatheredBatch) -> bool:
        """Whether the same is stored of the batch as of those that are here, in arrays of the same form."""
        return not self._batches or _forms(batch) == _forms(self._batches[0])

    def add(self, batch: GatheredBatch) -> None:
        """Adds a batch, whose arrays must stay as they are."""
        self._batches.append(batch)
        self._instances += batch.membership.instances
        self._bytes += sum(rows.nbytes for rows in batch.activations)
        self._candidates += batch.chosen.size

    @property
    def is_full(self) -> bool:
        """Whether it is time to take the batches."""
        return self._instances >= MOST_INSTANCES or self._bytes >= MOST_BYTES or self._candidates >= MOST_CANDIDATES

    def take(self) -> list[GatheredBatch]:
        """The batches, which are no longer here."""
        batches, self._batches = self._batches, []
        self._instances = self._bytes = self._candidates = 0
        return batches


def _forms(batch: GatheredBatch) -> dict[str, tuple[int, ...]]:
    return {name: values.shape[1:] for name, values in batch.stored.items()}
