"""Where a neuron responds to single instances: its value at every position, as far as that was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.contract import Float32Array, MaybeNaN, Records
from tensorboard_activis.query.instances.classes import InstanceBrief, briefs, check_instance
from tensorboard_activis.query.matrix.scales import ColourScale, scale_of
from tensorboard_activis.query.positions.tokens import Tokens, tokens_of
from tensorboard_activis.read.snapshot import SnapshotReader

Known: TypeAlias = Literal["whole", "window", "peak"]
#: The most instances that one answer has maps of.
MOST_INSTANCES = 256
#: Positions of a sequence that an answer has by default.
WINDOW = 64
#: Below zero, so much of the scale is not worth colours of its own, as of GELU.
_NEXT_TO_ZERO = 0.2


@dataclass(frozen=True, slots=True)
class InstanceMap(InstanceBrief):
    """Where a neuron responds to an instance.

    Attributes:
        value: the neuron's activation on the instance, one number after reduction.
        peak: position of its largest value: in a sequence the number of the token, from 0; in a map the flat index, row by
            row; -1 where there is none.
        known: which values are: those of all positions ("whole"), those around the peak of a sequence ("window"), or none
            ("peak").
        map_sizes: of its values: [positions] of a sequence, else those of the map, which may be coarser than the layer's.
            Empty where there are none.
        start: position of the first value and token.
        length: how many positions the instance has; None where that is not known.
        tokens: texts of the tokens from `start` on, one for each value; None where they are not known.
    """

    value: MaybeNaN
    peak: int
    known: Known
    map_sizes: tuple[int, ...]
    start: int
    length: int | None
    tokens: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class InstanceMaps:
    """Where a neuron responds to each of some instances.

    Attributes:
        sizes: of the layer's axes of positions; -1 is a sequence, whose length differs between instances.
        scale: colours of the values, the same for all instances of this neuron: its strongest and the pinned ones set it.
        maps: of the instances that were asked for, in that order.
        values: of all maps, one after the other, NaN where a value is not known.
    """

    sizes: tuple[int, ...]
    scale: ColourScale
    maps: Records[InstanceMap]
    values: Float32Array


class NeuronMaps:
    """The peaks and maps of one neuron.

    Raises NotFoundError for a layer without positions and for a neuron that is not there, UnreadableError.
    """

    def __init__(self, snapshot: SnapshotReader, layer: str, neuron: int) -> None:
        positions = snapshot.positions(layer)
        self._snapshot = snapshot
        self.sizes = snapshot.position_sizes(layer)
        #: Its activations, float16 [instances].
        self.activations = snapshot.neuron(layer, neuron)
        #: Positions of the peaks, int32 [instances].
        self.peaks = positions.peaks(neuron)
        self.strongest = positions.strongest(neuron)
        self._pinned = positions.pinned(neuron)
        #: Whether values are of single positions along one axis, rather than of places of a map that may be coarser.
        self.is_sequence = self.strongest.starts is not None or self.strongest.values.shape[1:] == self.sizes[:1]
        self.tokens: Tokens | None = tokens_of(snapshot, self.peaks) if self.is_sequence else None

    def scale(self) -> ColourScale:
        """The colours of all maps of the neuron."""
        values = np.concatenate([self.strongest.values.ravel(), self._pinned.ravel()])
        values = values[np.isfinite(values)]
        colours = scale_of(values[None], "raw", [0], signed=False).colours
        if colours.signed and float(values.min()) > -_NEXT_TO_ZERO * colours.end:
            return replace(colours, signed=False, below=True)
        return colours

    def maps(self, indices: Sequence[int], room: int) -> tuple[Records[InstanceMap], Float32Array]:
        """The maps of these instances, and their values; of sequences at most `room` positions (0: all)."""
        found = [self._map(brief, room) for brief in briefs(self._snapshot, indices)]
        values = [values.ravel() for _, values in found]
        return Records(InstanceMap, (one for one, _ in found)), np.concatenate([np.zeros(0, np.float32), *values])

    def _map(self, brief: InstanceBrief, room: int) -> tuple[InstanceMap, np.ndarray]:
        index, peak = brief.index, int(self.peaks[brief.index])
        known, start, values = self._stored(index)
        length = self._length(index) if len(self.sizes) == 1 else None
        tokens: tuple[str, ...] | None = None
        if self.is_sequence:
            if known == "window" and _is_whole(start, values, length):
                known = "whole"
            first, end = _window(peak, room, length, start, values)
            values, start = _between(first, end, start, values), first
            tokens = None if self.tokens is None or not length else self.tokens.between(index, first, end)
        shown = np.zeros(0, np.float32) if values is None else np.asarray(values, np.float32)
        return (
            InstanceMap(
                index,
                brief.id,
                brief.label,
                brief.prediction,
                value=float(self.activations[index]),
                peak=peak,
                known=known,
                map_sizes=() if values is None else shown.shape,
                start=start,
                length=length,
                tokens=tokens,
            ),
            shown,
        )

    def _stored(self, index: int) -> tuple[Known, int, np.ndarray | None]:
        """What was stored of an instance: how much it is, the position of the first value, and the values, float32 [*sizes]."""
        sample_size = self._snapshot.record.sample_size
        if index - sample_size in range(len(self._pinned)):
            values = self._pinned[index - sample_size]
            return "whole", 0, _without_end(values) if self.is_sequence else values
        there = np.flatnonzero(self.strongest.rows == index)
        if not there.size:
            return "peak", 0, None
        starts, values = self.strongest.starts, self.strongest.values[there[0]]
        return ("whole", 0, values) if starts is None else ("window", int(starts[there[0]]), values)

    def _length(self, index: int) -> int | None:
        if self.tokens is not None and self.tokens.lengths[index]:
            return int(self.tokens.lengths[index])
        return self.sizes[0] if self.sizes[0] >= 0 else None


def _without_end(values: np.ndarray) -> np.ndarray:
    """Without what lies behind the last value of a sequence."""
    there = np.flatnonzero(~np.isnan(values))
    return values[: int(there[-1]) + 1] if there.size else values[:0]


def _is_whole(start: int, values: np.ndarray | None, length: int | None) -> bool:
    """Whether the values of a window are those of the whole sequence. Where its length is not known, a window that ends says so."""
    if values is None or start > 0:
        return False
    return bool(np.isnan(values[-1:]).all()) if length is None else len(values) >= length


def _window(peak: int, room: int, length: int | None, start: int, values: np.ndarray | None) -> tuple[int, int]:
    """From which position to before which one a sequence is shown: all of it, or as much as there is room for around the peak."""
    if length is None:
        known = 0 if values is None else len(_without_end(values))
        return (start, start + known) if known else (max(0, peak), max(0, peak))
    if not room or length <= room:
        return 0, length
    first = min(max(0, peak - room // 2), length - room)
    return first, first + room


def _between(first: int, end: int, start: int, values: np.ndarray | None) -> np.ndarray:
    """The values of these positions, NaN where they are not known; `values` begin at `start`."""
    shown = np.full(end - first, np.nan, np.float32)
    if values is not None:
        low, high = max(first, start), min(end, start + len(values))
        if low < high:
            shown[low - first : high - first] = values[low - start : high - start]
    return shown


def instance_maps(
    snapshot: SnapshotReader, layer: str, neuron: int, indices: Sequence[int], room: int = WINDOW
) -> InstanceMaps:
    """Where a neuron responds to some instances, answer of the route `instance_maps`.

    Arguments:
        indices: of kept instances, at most MOST_INSTANCES.
        room: the most positions of a sequence, around the peak; 0: all of them.

    Raises NotFoundError for a layer without positions, a neuron or an instance that is not there, QueryError.
    """
    if len(indices) > MOST_INSTANCES:
        raise QueryError(
            f"indices may name at most {MOST_INSTANCES} instances, whose maps are in one answer; got {len(indices)}."
        )
    if room < 0:
        raise QueryError(f"room must be a number of positions, or 0 for all of them; got {room}.")
    chosen = [check_instance(snapshot, index) for index in indices]
    neuron_maps = NeuronMaps(snapshot, layer, neuron)
    maps, values = neuron_maps.maps(chosen, room)
    return InstanceMaps(neuron_maps.sizes, neuron_maps.scale(), maps, values)
