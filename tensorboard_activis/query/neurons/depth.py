"""Prediction by depth: what the model's own last norm and head make of the output of every block, and how often they are right.

An approximation: early blocks may not mean what is read of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.query.contract import Float32Array, MaybeNaN, Records
from tensorboard_activis.query.instances.classes import check_instance, class_name
from tensorboard_activis.query.neurons.history import HistoryStep
from tensorboard_activis.query.neurons.instance import ClassScore
from tensorboard_activis.read.snapshot import SnapshotReader


@dataclass(frozen=True, slots=True)
class BlockReading:
    """What is read after one block.

    Attributes:
        layer: key of the block in the graph.
        scores: the likeliest classes or tokens, at most five, the likeliest first; empty where nothing was read.
        rank: place of the label among all of them, from 1; None where that is not known.
        right: share of all counted instances whose label comes first after this block.
    """

    layer: str
    scores: Records[ClassScore]
    rank: int | None
    right: MaybeNaN


@dataclass(frozen=True, slots=True)
class Depth:
    """Prediction by depth of one instance.

    Attributes:
        token: what is read of each instance: "first" or "last" (its first or last token), "next" (the last token whose next one is
            known: that is predicted), or "" (all of it, where it has no tokens).
        label: the class or token that ranks are of; None where there is none.
        counted: how many instances `right` is of, of all seen.
        blocks: in the order in which they run.
    """

    token: str
    label: str | None
    counted: int
    blocks: Records[BlockReading]


@dataclass(frozen=True, slots=True)
class DepthHistory:
    """How often each block is right, over the steps of a run.

    Attributes:
        layers: keys of the blocks.
        steps: those that were looked at, ascending.
        right: share right after each block, [steps, blocks]; NaN where it is not known.
    """

    layers: tuple[str, ...]
    steps: Records[HistoryStep]
    right: Float32Array


def depth(snapshot: SnapshotReader, index: int) -> Depth:
    """What is read after each block of one kept instance.

    Raises:
        NotFoundError: there is no such instance, or the snapshot has no prediction by depth.
        UnreadableError: a file is missing or damaged.
    """
    recorded = _recorded(snapshot)
    check_instance(snapshot, index)
    top, score, rank, label, right = (snapshot.depth_array(name) for name in ("top", "score", "rank", "label", "right"))

    def name(number: int) -> str | None:
        return recorded.texts.get(number, class_name(snapshot, number))

    def block(place: int) -> BlockReading:
        pairs = zip(top[index, place].tolist(), score[index, place].tolist(), strict=True)
        named = [(name(each), p) for each, p in pairs]
        scores = [ClassScore(name, p) for name, p in named if name is not None]
        known = int(rank[index, place])
        return BlockReading(
            recorded.layers[place], Records(ClassScore, scores), known if known > 0 else None, float(right[place])
        )

    blocks = [block(place) for place in range(len(recorded.layers))]
    return Depth(
        recorded.token,
        name(int(label[index])),
        recorded.counted,
        Records(BlockReading, blocks),
    )


def depth_history(snapshot: SnapshotReader, steps: Sequence[SnapshotReader]) -> DepthHistory:
    """How often each block of a snapshot is right at every one of the steps, which are ascending.

    Raises:
        NotFoundError: the snapshot has no prediction by depth.
    """
    layers = _recorded(snapshot).layers
    right = np.full((len(steps), len(layers)), np.nan, np.float32)
    looked_at = []
    for place, one in enumerate(steps):
        problem = None
        try:
            found = dict(zip(_recorded(one).layers, one.depth_array("right").tolist(), strict=True))
            right[place] = [found.get(layer, np.nan) for layer in layers]
        except (NotFoundError, UnreadableError) as error:
            if one is snapshot:
                raise
            problem = str(error)
        looked_at.append(HistoryStep(one.step, problem))
    return DepthHistory(layers, Records(HistoryStep, looked_at), right)


def _recorded(snapshot: SnapshotReader) -> schema.Depth:
    recorded = snapshot.record.depth
    if recorded is None:
        raise NotFoundError(
            f"Step {snapshot.step} has no prediction by depth. It is recorded for language models and classifiers (in PyTorch of "
            "one token), unless depth=False; the snapshot's notes say where a model does not allow it."
        )
    return recorded
