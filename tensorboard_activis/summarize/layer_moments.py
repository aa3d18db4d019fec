"""The statistics of all layers: their neurons side by side, in tiles of one width, however wide or narrow the layers are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeVar

import numpy as np

from tensorboard_activis.summarize.groups import Groups
from tensorboard_activis.summarize.membership import Membership
from tensorboard_activis.summarize.moments import Memory, Moments, MomentsPart, Reduction, Statistics

T = TypeVar("T")

#: Neurons of a tile: enough that an operation on a row takes longer than its call, few enough for the processor's cache.
WIDTH = 2048


@dataclass(frozen=True)
class _Piece:
    """Neurons of one layer that are in one tile: their places in both."""

    tile: int
    layer: int
    in_tile: slice
    in_layer: slice


class LayerMoments:
    """Accumulates the statistics of the neurons of all layers.

    Arguments:
        subsets: their number.
        widths: neurons per layer.

    Attributes:
        tiles: the moments of the neurons of all layers, `WIDTH` at a time.
    """

    def __init__(self, subsets: int, widths: Sequence[int]) -> None:
        self._pieces = _pieces(widths)
        total = sum(widths)
        self.tiles = [Moments(subsets, min(WIDTH, total - start)) for start in range(0, total, WIDTH)]
        self._memory = Memory()

    def add(self, batches: Sequence[Sequence[np.ndarray]], membership: Membership) -> None:
        """Adds batches of instances. Many at once take much less time than one by one.

        Args:
            batches: by batch and layer, float32 [instances, neurons].
            membership: of the instances of all batches.
        """
        groups = Groups(membership)
        for number, moments in enumerate(self.tiles):
            rows = self._memory.array("rows", (membership.instances, moments.nan.size), np.float32)
            start = 0
            for batch in batches:
                stop = start + batch[0].shape[0]
                for piece in self._pieces:
                    if piece.tile == number:
                        rows[start:stop, piece.in_tile] = batch[piece.layer][:, piece.in_layer]
                start = stop
            moments.add(rows, groups, self._memory)

    def parts(self) -> list[MomentsPart]:
        """What was added so far, by tile, to be merged elsewhere."""
        return [moments.part() for moments in self.tiles]

    def merge(self, parts: Sequence[MomentsPart]) -> None:
        """Adds the statistics of another part of the data, with the same subsets and layers."""
        for moments, part in zip(self.tiles, parts, strict=True):
            moments.merge(part)

    def combine(self, total: Reduction, lowest: Reduction, highest: Reduction) -> None:
        """Adds the statistics of all other processes; see `Moments.combine`."""
        for moments in self.tiles:
            moments.combine(total, lowest, highest)

    def statistics(self, layer: int) -> Statistics:
        """The statistics of a layer, of everything added so far."""
        parts = self._of(layer, lambda moments, neurons: moments.statistics(neurons))
        widths = [part.mean.shape[1] for part in parts]
        counts = [part.count for part in parts]
        if any(count.shape[1] > 1 for count in counts):
            counts = [np.broadcast_to(count, (len(count), width)) for count, width in zip(counts, widths, strict=True)]
        else:
            counts = counts[:1]
        rest = ([getattr(part, name) for part in parts] for name in ("mean", "std", "min", "max"))
        return Statistics(*(each[0] if len(each) == 1 else np.concatenate(each, axis=1) for each in (counts, *rest)))

    def nan(self, layer: int) -> int:
        """How many values of a layer were NaN, and are left out."""
        return sum(self._of(layer, lambda moments, neurons: int(moments.nan[neurons].sum())))

    def inf(self, layer: int) -> int:
        """How many values of a layer were infinite, and are left out."""
        return sum(self._of(layer, lambda moments, neurons: int(moments.inf[neurons].sum())))

    def _of(self, layer: int, what: Callable[[Moments, slice], T]) -> list[T]:
        return [what(self.tiles[piece.tile], piece.in_tile) for piece in self._pieces if piece.layer == layer]


def _pieces(widths: Sequence[int]) -> list[_Piece]:
    pieces = []
    for layer, (start, stop) in enumerate(pairwise(accumulate(widths, initial=0))):
        for tile in range(start // WIDTH, -(-stop // WIDTH)):
            low, high = max(start, tile * WIDTH), min(stop, (tile + 1) * WIDTH)
            in_tile, in_layer = slice(low - tile * WIDTH, high - tile * WIDTH), slice(low - start, high - start)
            pieces.append(_Piece(tile, layer, in_tile, in_layer))
    return pieces
