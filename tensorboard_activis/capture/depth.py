"""Prediction by depth, in numpy: what the model's last norm and head say of the output of every block."""

from dataclasses import dataclass, field

import numpy as np

from tensorboard_activis.depth_codec import DEPTH_TOP

#: How many classes or tokens are stored after each block, the likeliest first.
TOP = DEPTH_TOP


@dataclass(frozen=True)
class DepthRecord:
    """What is read after each block, of the instances of one batch.

    Attributes:
        layers: keys of the blocks, in the order in which they run.
        top: int32 [instances, blocks, 5]: the likeliest classes or tokens, -1 where there are fewer or nothing was read.
        score: float16 [instances, blocks, 5]: their probabilities, NaN likewise.
        rank: int32 [instances, blocks]: place of the label, from 1; 0 where it is not known.
        label: int32 [instances]: the class or token that `rank` is of; -1 where there is none.
        token: what is read of each instance: "first" or "last" (its first or last token), "next" (the last token whose next one is
            known), or "" (all of it, where it has no tokens).
        failed: whether this is no reading, because that of the last block is not what the model itself says.
    """

    layers: tuple[str, ...]
    top: np.ndarray
    score: np.ndarray
    rank: np.ndarray
    label: np.ndarray
    token: str = ""
    failed: bool = False

    @classmethod
    def unknown(cls, layers: tuple[str, ...], instances: int, *, failed: bool = False) -> "DepthRecord":
        """Of instances of which nothing was read."""
        shape = (instances, len(layers))
        top, score = np.full((*shape, TOP), -1, np.int32), np.full((*shape, TOP), np.nan, np.float16)
        rank, label = np.zeros(shape, np.int32), np.full(instances, -1, np.int32)
        return cls(layers, top, score, rank, label, failed=failed)

    def columns(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays of these instances, by the names under which they are stored."""
        return {f"depth/{name}": getattr(self, name)[chosen] for name in ("top", "score", "rank", "label")}


@dataclass
class DepthTotals:
    """What is counted over all instances, of all batches.

    Attributes:
        layers: keys of the blocks; empty before the first batch that has any.
        right: int64 [blocks]: of how many instances the label comes first.
        counted: of how many instances the label's place is known.
        read: of how many anything was read.
        failed: batches that could not be read.
        token: as in `DepthRecord`.
    """

    layers: tuple[str, ...] = ()
    right: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    counted: int = 0
    read: int = 0
    failed: int = 0
    token: str = ""

    def add(self, record: DepthRecord, instances: np.ndarray) -> None:
        """Adds these instances of a batch."""
        if not self.layers:
            self.layers, self.right = record.layers, np.zeros(len(record.layers), np.int64)
        ranks = record.rank[instances]
        known = (ranks > 0).all(axis=1)
        self.right = self.right + (ranks[known] == 1).sum(axis=0)
        self.counted += int(known.sum())
        self.read += int((record.top[instances, :, 0] >= 0).any(axis=1).sum())
        self.failed += record.failed
        self.token = record.token or self.token

    @property
    def numbers(self) -> np.ndarray:
        """All that adds up, int64 [3 + blocks]."""
        return np.array([self.counted, self.read, self.failed, *self.right.tolist()], np.int64)

    def replace(self, numbers: np.ndarray) -> None:
        """Takes over the sums of all processes, in the order of `numbers`."""
        self.counted, self.read, self.failed = (int(each) for each in numbers[:3])
        self.right = numbers[3:]
