"""Prediction by depth, in numpy: what the model's last norm and head say of the output of every block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tensorboard_activis.depth_codec import DEPTH_TOP

#: How many classes or tokens are stored after each block, the likeliest first.
TOP = DEPTH_TOP
#: Up to so many classes ties go to the first; of more, as of a vocabulary, only the likeliest are looked for.
_SORTED = 1024
#: Gives the texts of tokens, by their ids.
TextsOfTokens = Callable[[Sequence[int]], Sequence[str]]


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
        texts: gives the texts of tokens, by their ids; None where they are none, or there is no tokenizer.
        failed: whether this is no reading, because that of the last block is not what the model itself says.
    """

    layers: tuple[str, ...]
    top: np.ndarray
    score: np.ndarray
    rank: np.ndarray
    label: np.ndarray
    token: str = ""
    texts: TextsOfTokens | None = None
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


def depth_record(
    layers: tuple[str, ...], logits: np.ndarray, labels: np.ndarray | None, probabilities: bool | None, token: str
) -> DepthRecord:
    """What is read of the logits after each block.

    Arguments:
        logits: float32 [instances, blocks, classes]; one class stands for two, no and yes.
        labels: class indices [instances], negative where there is none; None without labels.
        probabilities: whether they are probabilities already; None: as they look.
        token: as in `DepthRecord`.
    """
    instances, blocks, classes = logits.shape
    if classes == 1:
        alone = bool(((logits >= 0) & (logits <= 1)).all()) if probabilities is None else probabilities
        logits = np.concatenate([1 - logits if alone else np.zeros_like(logits), logits], axis=2)
        probabilities, classes = alone, 2
    record = DepthRecord.unknown(layers, instances)
    usable = np.isfinite(logits).all(axis=2)
    if probabilities is None:
        probabilities = bool(((logits >= 0) & (np.abs(logits.sum(axis=2, keepdims=True) - 1) < 1e-3))[usable].all())
    most = min(TOP, classes)
    known = np.zeros(instances, bool) if labels is None else usable.all(axis=1) & (labels >= 0) & (labels < classes)
    numbers = np.zeros(instances, np.int64) if labels is None else np.where(known, labels, 0)
    for block in range(blocks):  # of a large vocabulary there is one copy of the scores of a block at a time
        scores = np.where(usable[:, block, None], logits[:, block], 0)
        largest = np.argpartition(-scores, most - 1, axis=1)[:, :most] if classes > _SORTED else None
        if largest is None:
            order = np.argsort(-scores, axis=1, kind="stable")[:, :most]
        else:
            largest.sort(axis=1)
            within = np.argsort(-np.take_along_axis(scores, largest, axis=1), axis=1, kind="stable")
            order = np.take_along_axis(largest, within, axis=1)
        chosen = np.take_along_axis(scores, order, axis=1)
        if not probabilities:
            highest = scores.max(axis=1, keepdims=True)
            chosen = np.exp(chosen - highest) / np.exp(scores - highest).sum(axis=1, keepdims=True)
        read = usable[:, block]
        record.top[read, block, :most] = order[read]
        record.score[read, block, :most] = chosen[read]
        own = np.take_along_axis(scores, numbers[:, None], axis=1)
        before = (scores > own) | ((scores == own) & (np.arange(classes) < numbers[:, None]))
        record.rank[known, block] = 1 + before.sum(axis=1)[known]
    record.label[known] = numbers[known]
    return replace(record, token=token)


@dataclass
class DepthTotals:
    """What is counted over all instances, of all batches.

    Attributes:
        layers: keys of the blocks; empty before the first batch that has any.
        right: int64 [blocks]: of how many instances the label comes first.
        counted: of how many instances the label's place is known.
        read: of how many anything was read.
        failed: batches that could not be read.
        token, texts: as in `DepthRecord`.
    """

    layers: tuple[str, ...] = ()
    right: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    counted: int = 0
    read: int = 0
    failed: int = 0
    token: str = ""
    texts: TextsOfTokens | None = None

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
        self.texts = record.texts or self.texts

    def merge(self, other: "DepthTotals") -> None:
        """Adds what was counted of other instances."""
        if other.layers and not self.layers:
            self.layers, self.right = other.layers, np.zeros(len(other.layers), np.int64)
        if other.layers:
            self.right = self.right + other.right
        self.counted, self.read, self.failed = (
            self.counted + other.counted,
            self.read + other.read,
            self.failed + other.failed,
        )
        self.token, self.texts = other.token or self.token, other.texts or self.texts

    @property
    def numbers(self) -> np.ndarray:
        """All that adds up, int64 [3 + blocks]."""
        return np.array([self.counted, self.read, self.failed, *self.right.tolist()], np.int64)

    def replace(self, numbers: np.ndarray) -> None:
        """Takes over the sums of all processes, in the order of `numbers`."""
        self.counted, self.read, self.failed = (int(each) for each in numbers[:3])
        self.right = numbers[3:]
