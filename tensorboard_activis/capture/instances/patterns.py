"""The patterns of attention of pinned instances: batch by batch, and all of a snapshot's within a budget of bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: The most positions of a pattern. Of a longer sequence, so many positions beside each other are one that it is at most these.
MOST_POSITIONS = 256

#: Bytes of the patterns of a snapshot.
MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Patterns:
    """Where the heads of a layer look.

    Attributes:
        shares: float16 [instances, heads, from, to]; NaN behind an instance's last position.
        together: int32 [instances, 2]: how many positions one row and one column stand for.
    """

    shares: np.ndarray
    together: np.ndarray


class PinnedPatterns:
    """The patterns of the first pinned instances, as many as the budget has room for.

    Attributes:
        left_out: number of pinned instances whose patterns were left out.
    """

    def __init__(self) -> None:
        self._batches: list[Mapping[str, Patterns]] = []
        self._kept = self._bytes = self.left_out = 0

    def add(self, patterns: Mapping[str, Patterns], instances: int) -> None:
        """Adds a batch, by layer."""
        if not patterns:
            return
        each = sum(one.shares[:1].nbytes for one in patterns.values())
        room = max(0, (MOST_BYTES - self._bytes) // max(each, 1)) if not self.left_out else 0
        kept = min(instances, room)
        self.left_out += instances - kept
        self._kept, self._bytes = self._kept + kept, self._bytes + kept * each
        if kept:
            self._batches.append(
                {name: Patterns(one.shares[:kept], one.together[:kept]) for name, one in patterns.items()}
            )

    def of(self, layer: str) -> Patterns | None:
        """Those of a layer, [pinned, …]; None without any. They end before the first batch in which the layer has none."""
        batches: list[Patterns] = []
        for batch in self._batches:
            if layer not in batch:
                break
            batches.append(batch[layer])
        if not batches:
            return None
        height, width = (max(batch.shares.shape[axis] for batch in batches) for axis in (2, 3))
        padded = [_padded(batch.shares, height, width) for batch in batches]
        return Patterns(np.concatenate(padded), np.concatenate([batch.together for batch in batches]))

    def notes(self) -> Sequence[str]:
        """Says which patterns were left out, if any."""
        if not self.left_out:
            return []
        return [
            f"Patterns of attention are kept of the first {self._kept:,} pinned instances. Those of the other {self.left_out:,} "
            f"would take more than {MOST_BYTES >> 20} MiB."
        ]


def _padded(shares: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns = height - shares.shape[2], width - shares.shape[3]
    return np.pad(shares, ((0, 0), (0, 0), (0, rows), (0, columns)), constant_values=np.nan)
