"""Heat strips of the graph: mean activation and state of every neuron of every recorded layer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.query.contract import Float32Array, Uint8Array
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.read.summary_arrays import SummaryArrays

#: The states of a neuron.
STATES = range(5)
FINE, ALL_ZERO, CONSTANT, NONFINITE, NEVER_ABOVE_ZERO = STATES

#: What cannot be read may claim any number of neurons.
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Strip:
    """`values` float32 [neurons]: the mean over all instances ÷ the layer's largest absolute activation, 0 without any.

    `state` uint8 [neurons]: FINE and so on.
    """

    values: np.ndarray
    state: np.ndarray


@dataclass(frozen=True, slots=True)
class Strips:
    """The heat strips of all layers.

    Attributes:
        layers: by the index of a layer in `snapshot`: `"<i>"`, the mean of each neuron over all instances ÷ the layer's largest
            absolute activation, 0 without any; and `"<i>/state"`, its state: 0 fine, 1 all zero, 2 constant, 3 has NaN or
            infinite values, 4 never above zero. Both [neurons].
    """

    layers: Mapping[str, Float32Array | Uint8Array]


def strips(snapshot: SnapshotReader) -> Strips:
    """Of every recorded layer; zeros where its statistics cannot be read, so that one bad layer hides no other."""
    layers: dict[str, Float32Array | Uint8Array] = {}
    for index, name in enumerate(snapshot.layers):
        one = strip_or_nothing(snapshot, name)
        layers[f"{index}"], layers[f"{index}/state"] = one.values, one.state
    return Strips(layers)


def largest(summary: SummaryArrays) -> float:
    """The largest absolute activation of a layer over all instances; 0 when there is none."""
    ends = np.concatenate([summary.min[0], summary.max[0]])
    ends = ends[np.isfinite(ends)]
    return float(np.abs(ends).max()) if ends.size else 0.0


def is_signed(summary: SummaryArrays) -> bool:
    """Whether any activation lies below zero."""
    return bool((summary.min[:1] < 0).any())


def states(layer: schema.Layer, summary: SummaryArrays, seen: int) -> np.ndarray:
    """What is wrong with each neuron, uint8 [neurons]."""
    low, high = summary.min[0], summary.max[0]
    with np.errstate(invalid="ignore"):
        state = np.zeros(low.shape, np.uint8)
        if layer.info.feeds_relu:
            state[high <= 0] = NEVER_ABOVE_ZERO
        state[low == high] = CONSTANT
        state[(low == 0) & (high == 0)] = ALL_ZERO
        state[(summary.count[0] < seen) | np.isnan(low)] = NONFINITE
    return state


def strip(snapshot: SnapshotReader, layer: str) -> Strip:
    """One layer's strip. Raises NotFoundError, UnreadableError."""
    summary = snapshot.summary(layer, 1)
    scale = largest(summary)
    mean = np.nan_to_num(summary.mean[0], nan=0.0, posinf=0.0, neginf=0.0)
    values = (mean / scale if scale > 0 else np.zeros_like(mean)).astype(np.float32)
    return Strip(values, states(snapshot.layer(layer), summary, snapshot.record.seen))


def strip_or_nothing(snapshot: SnapshotReader, layer: str) -> Strip:
    """One layer's strip; zeros where its statistics cannot be read, so that one bad layer hides no other."""
    try:
        return strip(snapshot, layer)
    except (UnreadableError, IndexError):
        neurons = min(snapshot.layer(layer).info.neurons, _MOST)
        return Strip(np.zeros(neurons, np.float32), np.zeros(neurons, np.uint8))
