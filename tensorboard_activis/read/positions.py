"""Reads where in the input neurons are active: peaks, and maps of the strongest and of pinned instances."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.files import COPY_AGAIN
from tensorboard_activis.positions_codec import NO_PEAK
from tensorboard_activis.read.arrays import read_array
from tensorboard_activis.stores.path import Location

#: The byte of a position without a value, and that of the highest value.
_NO_VALUE, _HIGHEST = 255, 254


@dataclass(frozen=True)
class StrongestMaps:
    """A neuron's strongest kept instances, largest activation first, and its values at their positions.

    Attributes:
        rows: indices of the instances, int64 [n].
        peaks: position of the largest value of each, int32 [n]; -1 for none.
        starts: first position of each window of a sequence, int64 [n]; None for a map, which is stored whole.
        values: float32 [n, *stored sizes]; NaN where there is no value, as behind the end of a sequence. A map may be stored
            smaller than the layer's output: each value is then the mean over the places that it covers.
    """

    rows: np.ndarray
    peaks: np.ndarray
    starts: np.ndarray | None
    values: np.ndarray

    def table(self, ids: pa.ChunkedArray, activations: np.ndarray) -> pa.Table:
        """As a table: row, id, value (recorded activation), peak, start (sequences only), values (lists, one in another per axis).

        Arguments:
            ids: of all kept instances.
            activations: of all kept instances, float16 [instances].
        """
        fields = {
            "row": pa.array(self.rows),
            "id": ids.take(pa.array(self.rows)),
            "value": pa.array(activations[self.rows].astype(np.float32)),
            "peak": pa.array(self.peaks),
        }
        if self.starts is not None:
            fields["start"] = pa.array(self.starts)
            lengths = [_length(values) for values in self.values]
            fields["values"] = pa.array(
                [values[:length] for values, length in zip(self.values, lengths, strict=True)], pa.list_(pa.float32())
            )
            return pa.table(fields)
        nested: pa.Array = pa.array(self.values.ravel())
        for size in reversed(self.values.shape[1:]):
            nested = pa.FixedSizeListArray.from_arrays(nested, size)
        return pa.table(fields | {"values": nested})


class LayerPositions:
    """The recorded positions of one layer.

    Arguments:
        directory: of the run.
        layer: with positions; see `recorded_positions`.
        step: of the snapshot, for messages.
        stored_instances: kept instances: those of the sample, then the pinned ones.
        sample_size: of these, those of the sample.
    """

    def __init__(
        self, directory: Location, layer: schema.Layer, step: int, stored_instances: int, sample_size: int
    ) -> None:
        self._directory, self._layer = directory, layer
        self._positions = recorded_positions(layer, step)
        self._stored, self._sample = stored_instances, sample_size

    def peaks(self, neuron: int | None = None) -> np.ndarray:
        """Position of the largest value, int32 [instances, neurons], of one neuron [instances]; -1 where there is none.

        Raises NotFoundError for a neuron that is not there, UnreadableError.
        """
        stored = read_array(self._directory, self._positions.peaks)
        return self._checked_peaks(stored if neuron is None else stored[:, self._checked_neuron(neuron)])

    def strongest(self, neuron: int) -> StrongestMaps:
        """A neuron's strongest instances. Raises NotFoundError for a neuron that is not there, UnreadableError."""
        positions = self._positions
        all_rows = read_array(self._directory, positions.strongest)[self._checked_neuron(neuron)]
        there = all_rows >= 0
        rows = all_rows[there].astype(np.int64)
        if rows.size and rows.max() >= self._stored:
            raise UnreadableError(
                f"Layer {self._layer.name!r:.200} has instance {rows.max()} among the strongest of neuron {neuron}; the kept ones "
                f"are 0 to {self._stored - 1}. {COPY_AGAIN}"
            )
        peaks = self._checked_peaks(read_array(self._directory, positions.peaks)[rows, neuron])
        starts = None
        if positions.starts is not None:
            starts = read_array(self._directory, positions.starts)[neuron][there].astype(np.int64)
        codes = read_array(self._directory, positions.maps)[neuron][there]
        ranges = read_array(self._directory, positions.map_range)[neuron][there]
        return StrongestMaps(rows, peaks, starts, _values(codes, ranges.reshape(-1, *(1,) * (codes.ndim - 1), 2)))

    def pinned(self, neuron: int) -> np.ndarray:
        """One neuron at all positions of the pinned instances, float32 [pinned, *stored sizes], NaN where there is no value.

        Raises NotFoundError for a neuron that is not there, UnreadableError.
        """
        positions = self._positions
        self._checked_neuron(neuron)
        if positions.pinned_maps is None or positions.pinned_range is None:
            return np.zeros((0, *positions.maps.shape[2:]), np.float32)
        codes = read_array(self._directory, positions.pinned_maps)[..., neuron]
        ranges = read_array(self._directory, positions.pinned_range)[:, neuron]
        return _values(codes, ranges.reshape(-1, *(1,) * (codes.ndim - 1), 2))

    def map(self, row: int) -> np.ndarray:
        """All neurons at all positions of a pinned instance, float32 [*stored sizes, neurons]; a sequence ends where its values do.

        Raises:
            NotFoundError: the instance is not there or not pinned.
            UnreadableError: a file is missing or damaged.
        """
        if not 0 <= row < self._stored:
            raise NotFoundError(f"The kept instances are 0 to {self._stored - 1}; got {row}.")
        positions = self._positions
        if row < self._sample or positions.pinned_maps is None or positions.pinned_range is None:
            raise NotFoundError(
                f"Instance {row} is not pinned, so not all of its maps are recorded: its peaks are, and the maps of the neurons "
                "that it activates most (see strongest(layer, neuron)). To record all maps of an instance, name it in pinned=."
            )
        codes = read_array(self._directory, positions.pinned_maps)[row - self._sample]
        ranges = read_array(self._directory, positions.pinned_range)[row - self._sample]
        values = _values(codes, ranges)
        return values[: _length(values)] if positions.is_sequence else values

    def _checked_neuron(self, neuron: int) -> int:
        if not 0 <= neuron < self._layer.neurons:
            raise NotFoundError(f"{self._layer.name} has neurons 0 to {self._layer.neurons - 1}; got {neuron}.")
        return neuron

    def _checked_peaks(self, stored: np.ndarray) -> np.ndarray:
        sizes, none = self._positions.sizes, NO_PEAK[stored.dtype.name]
        most = none if sizes == (-1,) else math.prod(sizes)
        peaks = stored.astype(np.int64)
        peaks[stored == none] = -1
        if peaks.size and peaks.max() >= min(most, 2**31):
            raise UnreadableError(
                f"Layer {self._layer.name!r:.200} has a peak at position {peaks.max()}; its positions have the sizes {sizes}. "
                f"{COPY_AGAIN}"
            )
        return peaks.astype(np.int32)


def recorded_positions(layer: schema.Layer, step: int) -> schema.Positions:
    """The positions of a layer of a snapshot.

    Raises:
        NotFoundError: there are none.
        UnreadableError: the file lies about them.
    """
    if layer.positions is not None:
        return layer.positions
    if layer.positions_problem:
        raise UnreadableError(layer.positions_problem)
    if len(layer.shape) <= 2:
        raise NotFoundError(
            f"The layer {layer.name!r:.80} has no positions: its output is one number per neuron and instance."
        )
    raise NotFoundError(
        f"Positions of the layer {layer.name!r:.80} were not recorded at step {step}: it was logged with positions=0, or by a "
        "version or framework that records none. If the layer cannot have any, the snapshot's notes say why."
    )


def _values(codes: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """The values that bytes stand for: float32, NaN for none; `ranges` [..., 2] are their lowest and highest."""
    low, high = ranges[..., 0].astype(np.float64), ranges[..., 1].astype(np.float64)
    with np.errstate(all="ignore"):  # a damaged file may hold anything
        values = (low + codes * ((high - low) / _HIGHEST)).astype(np.float32)
    values[codes == _NO_VALUE] = np.nan
    return values


def _length(values: np.ndarray) -> int:
    """Positions [positions, ...] up to the last one with a value."""
    there = ~np.isnan(values) if values.ndim == 1 else ~np.isnan(values).all(axis=tuple(range(1, values.ndim)))
    return int(np.flatnonzero(there)[-1]) + 1 if there.any() else 0
