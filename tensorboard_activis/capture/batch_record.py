"""What one batch gives for a snapshot: the one form in which every framework hands batches to the collector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorboard_activis.capture.batch_positions import BatchPositions
from tensorboard_activis.capture.depth import DepthRecord
from tensorboard_activis.capture.effects.rerun import Repeatable
from tensorboard_activis.capture.instances.audio import Audio
from tensorboard_activis.capture.instances.contents import Texts, Tokens
from tensorboard_activis.capture.instances.contexts import PlaceContexts, TokenContexts
from tensorboard_activis.capture.instances.doubts import Doubts
from tensorboard_activis.capture.instances.patterns import Patterns
from tensorboard_activis.capture.instances.position_ids import PositionIds
from tensorboard_activis.capture.tasks.predictions import Predictions
from tensorboard_activis.capture.tasks.tokens import TokenScores


@dataclass(frozen=True)
class BatchRecord:
    """One batch of evaluated instances, as numpy arrays.

    Attributes:
        activations: per layer float32 [instances, neurons], already reduced.
        positions: by layer, where in the input its neurons are active; of the layers that have positions, if these are recorded.
        ids: instance ids, all integers or all strings, or those of positions; None: the running index, which is not possible with
            several processes. An instance whose id came before is left out.
        labels: class indices (-1: none), or floats for regression, [instances]; 0 and 1 (else: unknown) [instances, classes]; class
            indices (-100: none) [instances, positions].
        outputs: logits or probabilities [instances, classes]; [instances]; [instances, positions, classes], or the `TokenScores`
            or `Predictions` that were computed from these on the device.
        columns: user columns, name -> one number, bool, string or time per instance (None: missing), or a `Repeated` column.
        texts: a string, or a list of words, per instance; stored as content, and the columns `text` and `words` of subset
            expressions.
        inputs: the model's inputs, [instances, ...]; stored as content if they are images or features. Features are columns as
            well (x0, x1, …).
        channels: where images have their channel axis, "first" or "last".
        tokens: a function of indices in the batch that returns the tokens of these instances, one per position of a sequence, as
            texts; called for those only that are stored.
        audio: waveforms [instances, samples] or [instances, channels, samples], and their sample rate (samples per second).
        depth: prediction by depth of these instances; None without it.
        contexts: of instances that are positions, what is around them.
        pinned: whether these are pinned instances: always stored, behind the sample, and in no summary or metric. They come after
            all other batches. Without ids they are -1, -2, … or "pinned 1", "pinned 2", …
        patterns: of pinned instances, by layer of heads.
        doubts: what had to be guessed of the sequences; None: nothing.
        repeatable: how instances of the batch are run again, to measure effects; None: not at all.
    """

    activations: Mapping[str, np.ndarray]
    ids: Sequence[int] | Sequence[str] | PositionIds | None = None
    labels: np.ndarray | None = None
    outputs: np.ndarray | TokenScores | Predictions | None = None
    columns: Mapping[str, Any] | None = None
    texts: Texts | None = None
    inputs: np.ndarray | None = None
    channels: str = "last"
    tokens: Tokens | None = None
    positions: Mapping[str, BatchPositions] | None = None
    audio: Audio | None = None
    depth: DepthRecord | None = None
    contexts: TokenContexts | PlaceContexts | None = None
    pinned: bool = False
    patterns: Mapping[str, Patterns] = field(default_factory=dict)
    doubts: Doubts | None = None
    repeatable: Repeatable | None = None
