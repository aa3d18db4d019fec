"""Where in the input neurons are active: peaks and maps of a layer's output, in the forward pass itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from tensorboard_activis.capture.batch_positions import (
    PINNED_POSITIONS,
    WINDOW,
    BatchPositions,
    MapEntries,
    pinned_sizes,
    quantized,
    stored_sizes,
)
from tensorboard_activis.capture.instances.metadata import checked_ids
from tensorboard_activis.capture.torch.candidates import Candidates, Thresholds
from tensorboard_activis.capture.torch.model.thread_state import without_autocast
from tensorboard_activis.capture.torch.reduce import Output
from tensorboard_activis.summarize.sample import ranks

#: Axes of positions that are recorded, and values of maps that are read at a time.
_MOST_AXES, _CHUNK = 3, 1 << 22


@dataclass(frozen=True)
class Grid:
    """How the tokens of a layer lie in the image.

    Attributes:
        sizes: rows and columns of patches.
        prefix: how many tokens come before these, such as a class token.
    """

    sizes: tuple[int, ...]
    prefix: int


@dataclass(frozen=True)
class PassPositions:
    """What one forward pass gives.

    Attributes:
        layers: by name.
        hashes: of the instances, uint64; None where it is not known yet which they are.
        thresholds: by layer, as they are once this pass is recorded.
    """

    layers: dict[str, BatchPositions] = field(default_factory=dict)
    hashes: np.ndarray | None = None
    thresholds: dict[str, Thresholds] = field(default_factory=dict)


class PositionRecorder:
    """Records positions in one evaluation, pass by pass: `begin`, `add` for each layer, and `commit` if the pass is recorded.

    Arguments:
        k: how many of a neuron's strongest instances are wanted; 0: no positions are recorded.
        sample: number of instances in the sample; None: all.
        bound, highest: see `PossibleInstances`.

    Attributes:
        current: of the pass that was begun last.
    """

    def __init__(
        self, k: int, sample: int | None, bound: np.uint64 | None = None, highest: np.uint64 | None = None
    ) -> None:
        self._is_wanted = k > 0
        self._candidates = Candidates(k, sample, bound, highest)
        self._levels: np.ndarray | None = None
        self._rows: np.ndarray | None = None
        self._pinned = False
        self.current = PassPositions()

    def begin(self, instances: int | None, ids: Sequence[Any] | None, first: int, *, pinned: bool = False) -> None:
        """Begins a pass.

        Arguments:
            instances: how many there are; None: it is not known which these are, and maps of all are kept.
            ids: of the instances; None: they are counted, from `first` on.
            first: number of instances before.
            pinned: whether they are pinned instances.
        """
        self._pinned = pinned
        self._rows = self._levels = hashes = None
        if self._is_wanted and instances is not None and not pinned:
            hashes = _hashes(ids, first, instances)
            self._rows, self._levels = self._candidates.with_levels(hashes)
        self.current = PassPositions(hashes=hashes)

    def commit(
        self, done: PassPositions, activations: Mapping[str, torch.Tensor], ids: Sequence[Any] | None, first: int
    ) -> dict[str, BatchPositions] | None:
        """Takes note that a pass is recorded, and returns its positions; None if none are wanted.

        Arguments:
            activations: by layer, float32 [instances, neurons].
            ids, first: as in `begin`; now they are known.
        """
        if not self._is_wanted:
            return None
        hashes, thresholds = done.hashes, done.thresholds
        if hashes is None and not self._pinned and done.layers:
            instances = len(next(iter(done.layers.values())).peaks)
            hashes = _hashes(ids, first, instances)
            rows, level = self._candidates.with_levels(hashes)
            selected = {key: self._candidates.select(key, activations[key], rows, level)[2] for key in done.layers}
            thresholds = {key: after for key, after in selected.items() if after is not None}
        if hashes is not None:
            self._candidates.add(hashes, thresholds)
        return done.layers

    def highest_of_sample(self) -> np.uint64:
        """See `Candidates.highest_of_sample`."""
        return self._candidates.highest_of_sample()

    def add(self, key: str, output: Output, values: torch.Tensor, grid: Grid | None = None) -> None:
        """Adds a layer's output in the pass that was begun.

        Arguments:
            values: the activations, float32 [instances, neurons].
            grid: how its tokens lie, if that is known.
        """
        if not self._is_wanted or not 1 <= len(output.others) <= _MOST_AXES:
            return
        layer = _Layer.of(output, grid)
        instances = values.shape[0]
        rows = np.arange(instances) if self._rows is None else self._rows
        peaks = layer.peaks(rows)
        maps = whole = None
        if self._pinned:
            whole = layer.whole()
        else:
            chosen = self._chosen(key, values, rows)
            maps = layer.maps(chosen[0], chosen[1], peaks)
        bound = None if self._pinned else self._candidates.bound
        self.current.layers[key] = BatchPositions(
            layer.sizes, layer.is_sequence, peaks, maps, whole, bound, layer.lengths
        )

    def _chosen(self, key: str, values: torch.Tensor, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and neurons that can be among the strongest."""
        known = self._levels is not None
        chosen, neurons, after = self._candidates.select(key, values, rows if known else None, self._levels)
        if after is not None:
            self.current.thresholds[key] = after
        return chosen, neurons


def _hashes(ids: Sequence[Any] | None, first: int, instances: int) -> np.ndarray:
    return ranks(list(range(first, first + instances)) if ids is None else checked_ids(ids, instances).tolist())


@dataclass(frozen=True)
class _Layer:
    """A layer's output with its positions.

    Attributes:
        ordered: a view [instances, neurons, *positions].
        sizes: as in `BatchPositions`.
        columns: of a masked sequence, which of the positions are real, in order, and then the others: int64 [instances, positions].
        lengths: of a sequence, number of real positions, int64 [instances].
    """

    ordered: torch.Tensor
    sizes: tuple[int, ...]
    is_sequence: bool
    columns: np.ndarray | None = None
    lengths: np.ndarray | None = None

    @classmethod
    def of(cls, output: Output, grid: Grid | None) -> "_Layer":
        ordered = output.ordered
        if not ordered.is_floating_point():
            ordered = ordered.float()
        if output.mask is not None:
            if ordered.dim() > 3:
                ordered = ordered.flatten(3).amax(3)
            real = output.mask.to(torch.bool).cpu().numpy()
            lengths = real.sum(1)
            size = real.shape[1]
            # Real positions first, each group in its order.
            columns = np.argsort(~real, axis=1, kind="stable") if (lengths < size).any() else None
            return cls(ordered, (size,) if columns is None else (-1,), True, columns, lengths)
        sizes = tuple(ordered.shape[2:])
        tokens = len(sizes) == 1 and (output.batch, output.neurons, output.others[0]) != (0, 1, 2)
        if tokens and grid is not None and sizes[0] == grid.prefix + int(np.prod(grid.sizes)):
            return cls(ordered[:, :, grid.prefix :].unflatten(2, grid.sizes), grid.sizes, False)
        lengths = np.full(ordered.shape[0], sizes[0]) if tokens else None
        return cls(ordered, sizes, tokens, None, lengths)

    def peaks(self, rows: np.ndarray) -> np.ndarray:
        """Positions of the largest values; those of other instances than `rows` are unknown, -1."""
        instances, neurons = self.ordered.shape[:2]
        positions = int(np.prod(self.ordered.shape[2:]))
        kind = next(kind for kind in (np.int8, np.int16, np.int32) if positions <= np.iinfo(kind).max)
        peaks = np.full((instances, neurons), -1, kind)
        if not rows.size or not positions:
            return peaks
        if self.ordered.device.type == "cpu":
            peaks[rows] = self._peaks_by_numpy(rows)
            return peaks
        chosen = torch.from_numpy(rows).to(self.ordered.device)
        flat = self.ordered[chosen].flatten(2).float().nan_to_num(-torch.inf, torch.inf, -torch.inf)
        known = ~self.ordered[chosen].flatten(2).isnan()
        if self.columns is not None:
            columns = torch.from_numpy(self.columns[rows]).to(flat.device)[:, None].expand(flat.shape)
            flat, known = flat.gather(2, columns), known.gather(2, columns)
            assert self.lengths is not None
            inside = (
                torch.arange(positions, device=flat.device)
                < torch.from_numpy(self.lengths[rows]).to(flat.device)[:, None]
            )
            flat, known = flat.masked_fill(~inside[:, None], -torch.inf), known & inside[:, None]
        peaks[rows] = flat.argmax(2).masked_fill(~known.any(2), -1).cpu().numpy()
        return peaks

    def _peaks_by_numpy(self, rows: np.ndarray) -> np.ndarray:
        """The same: numpy finds largest values many times faster than torch, if they lie next to each other."""
        values = (self.ordered if self.ordered.dtype in _NUMPY else self.ordered.float()).numpy()
        flat = values.reshape(*values.shape[:2], -1)
        if rows.size < len(flat):
            flat = flat[rows]
        if self.columns is None:
            places = peaks = flat.argmax(2) if flat.shape[2] > 1 else np.zeros(flat.shape[:2], np.int64)
        else:
            assert self.lengths is not None
            peaks = np.full((rows.size, flat.shape[1]), -1)
            for at, row in enumerate(rows):
                real = self.columns[row, : self.lengths[row]]
                if real.size:
                    consecutive = real[-1] - real[0] == real.size - 1
                    part = flat[at][:, real[0] : real[-1] + 1] if consecutive else flat[at][:, real]
                    peaks[at] = part.argmax(1)
            places = self.columns[rows[:, None], peaks]
        if np.isnan(flat.max()):
            highest = np.take_along_axis(flat, places[:, :, None], 2)[:, :, 0]
            for at in np.flatnonzero(np.isnan(highest).any(1)).tolist():
                peaks[at] = self._known_peaks(int(rows[at]), flat[at])
        return peaks

    def _known_peaks(self, row: int, values: np.ndarray) -> np.ndarray:
        """Of one instance with NaN among its values [neurons, positions], which count as none."""
        if self.columns is not None:
            assert self.lengths is not None
            values = values[:, self.columns[row, : self.lengths[row]]]
        known = ~np.isnan(values)
        if not values.shape[1]:
            return np.full(len(values), -1)
        highest = np.where(known, values, -np.inf).max(1)
        # The first of these, where they are minus infinity as well.
        return np.where(known.any(1), (known & (values == highest[:, None])).argmax(1), -1)

    def maps(self, rows: np.ndarray, neurons: np.ndarray, peaks: np.ndarray) -> MapEntries:
        """Maps of these neurons on these instances; windows of sequences are around the peak."""
        starts = np.zeros(rows.size, np.int64)
        stored = stored_sizes(self.sizes)
        codes = np.empty((rows.size, WINDOW) if self.is_sequence else (rows.size, *stored), np.uint8)
        ranges = np.empty((rows.size, 2), np.float32)
        if self.is_sequence:
            assert self.lengths is not None
            starts = np.clip(peaks[rows, neurons] - WINDOW // 2, 0, np.maximum(self.lengths[rows] - WINDOW, 0))
        if not rows.size:
            return MapEntries(rows, neurons, starts, codes, ranges)
        step = max(1, _CHUNK // (WINDOW if self.is_sequence else max(1, int(np.prod(self.sizes)))))
        for begin in range(0, rows.size, step):
            part = slice(begin, begin + step)
            if self.is_sequence:
                values = self._windows(rows[part], neurons[part], starts[part])
            else:
                values = _pooled(self._taken(rows[part], neurons[part]), stored)
            found, ranges[part] = quantized(values.reshape(len(values), -1))
            codes[part] = found.reshape(values.shape)
        return MapEntries(rows, neurons, starts, codes, ranges)

    def _windows(self, rows: np.ndarray, neurons: np.ndarray, starts: np.ndarray) -> np.ndarray:
        assert self.lengths is not None
        places = starts[:, None] + np.arange(WINDOW)
        inside = places < self.lengths[rows][:, None]
        places = np.minimum(places, self.ordered.shape[2] - 1)
        if self.columns is not None:
            places = self.columns[rows[:, None], places]
        return np.where(inside, self._taken(rows[:, None], neurons[:, None], places), np.float32(np.nan))

    def _taken(self, *indices: np.ndarray) -> np.ndarray:
        device = self.ordered.device
        taken = self.ordered[tuple(torch.from_numpy(np.ascontiguousarray(each)).to(device) for each in indices)]
        values: np.ndarray = taken.float().cpu().numpy()
        return values

    def whole(self) -> tuple[np.ndarray, np.ndarray]:
        """Maps of all neurons on all instances: uint8 [instances, *stored sizes, neurons], float32 [instances, neurons, 2]."""
        instances, neurons = self.ordered.shape[:2]
        sizes = (self.ordered.shape[2],) if self.is_sequence else self.sizes
        stored = pinned_sizes(sizes, neurons)
        if self.is_sequence:
            stored = (min(stored[0], PINNED_POSITIONS),)
        codes = np.empty((instances, neurons, *stored), np.uint8)
        ranges = np.empty((instances, neurons, 2), np.float32)
        for row in range(instances):
            values = self.ordered[row].float().cpu().numpy()
            if self.is_sequence:
                assert self.lengths is not None
                if self.columns is not None:
                    values = values[:, self.columns[row]]
                values = np.where(np.arange(stored[0]) < self.lengths[row], values[:, : stored[0]], np.float32(np.nan))
            else:
                values = _pooled(values, stored)
            found, ranges[row] = quantized(values.reshape(neurons, -1))
            codes[row] = found.reshape(values.shape)
        return np.ascontiguousarray(np.moveaxis(codes, 1, -1)), ranges


_NUMPY = (torch.float32, torch.float64)
_POOLING = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,
    3: functional.adaptive_avg_pool3d,
}


def _pooled(values: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Maps [maps, *positions], averaged down to these sizes."""
    if values.shape[1:] == sizes or not values.size:
        return values
    pool, maps = _POOLING[len(sizes)], torch.from_numpy(values)[:, None]
    pooled: np.ndarray = without_autocast("cpu", lambda: pool(maps, sizes))[:, 0].numpy()  # type: ignore[arg-type]
    return pooled
