"""Where one neuron responds: its strongest instances with their maps, the places of its peaks, the tokens at them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.contract import Float32Array, Int32Array, Records
from tensorboard_activis.query.matrix.scales import ColourScale
from tensorboard_activis.query.positions.maps import WINDOW, InstanceMap, NeuronMaps
from tensorboard_activis.read.snapshot import SnapshotReader

#: A token that is rarer says little.
LEAST_OCCURRENCES = 3
MOST_TOKENS = 12
#: The most cells along an axis that peaks are counted in: of a sequence, and of each axis of a map.
_CELLS_OF_SEQUENCE, _CELLS_OF_MAP = 32, 16


@dataclass(frozen=True, slots=True)
class TokenMean:
    """A token at which the neuron peaks in several instances.

    Attributes:
        token: its text, without spaces around it.
        mean: of the neuron's activations on these instances.
        n: how many they are.
    """

    token: str
    mean: float
    n: int


@dataclass(frozen=True, slots=True)
class NeuronPositions:
    """Where in the input one neuron responds.

    Attributes:
        sizes: of the layer's axes of positions; -1 is a sequence, whose length differs between instances.
        scale: colours of the values, the same for all instances of this neuron.
        strongest: instances of its largest activations, largest first, with their maps.
        values: of the maps of `strongest`, one after the other, NaN where a value is not known.
        cells: how many cells the peaks are counted in, along each axis of positions.
        longest: how many positions the cells are over, along each axis: the layer's sizes, or as far as the peaks of a
            sequence go.
        counts: peaks in each cell, row by row; of the sample's instances whose activation is above its median.
        counted: how many peaks that are.
        tokens: those at which it peaks in at least three instances of the sample, by their mean, the largest first; at most
            twelve. Empty where tokens are not known.
    """

    sizes: tuple[int, ...]
    scale: ColourScale
    strongest: Records[InstanceMap]
    values: Float32Array
    cells: tuple[int, ...]
    longest: tuple[int, ...]
    counts: Int32Array
    counted: int
    tokens: Records[TokenMean]


def neuron_positions(snapshot: SnapshotReader, layer: str, neuron: int, room: int = WINDOW) -> NeuronPositions:
    """Where a neuron responds, answer of the route `positions`.

    Arguments:
        room: the most positions of a sequence that are shown of an instance, around its peak; 0: all of them.

    Raises NotFoundError for a layer without positions and for a neuron that is not there, UnreadableError.
    """
    maps = NeuronMaps(snapshot, layer, neuron)
    strongest, values = maps.maps(maps.strongest.rows.tolist(), room)
    sampled = snapshot.record.sample_size
    activations, peaks = maps.activations[:sampled].astype(np.float64), maps.peaks[:sampled]
    finite = np.isfinite(activations)
    median = np.median(activations[finite]) if finite.any() else np.nan
    counted = peaks[finite & (peaks >= 0) & (activations > median)]
    longest = _longest(maps.sizes, peaks)
    cells, counts = count_peaks(counted, longest)
    return NeuronPositions(
        sizes=maps.sizes,
        scale=maps.scale(),
        strongest=strongest,
        values=values,
        cells=cells,
        longest=longest,
        counts=counts,
        counted=len(counted),
        tokens=_token_means(maps, activations, np.flatnonzero(finite & (peaks >= 0))),
    )


def _longest(sizes: tuple[int, ...], peaks: np.ndarray) -> tuple[int, ...]:
    return (int(peaks.max(initial=-1)) + 1,) if sizes == (-1,) else sizes


def count_peaks(peaks: np.ndarray, sizes: Sequence[int]) -> tuple[tuple[int, ...], np.ndarray]:
    """Counts peaks in cells: how many cells there are along each axis, and the count of each, int32 [cells], row by row.

    Arguments:
        peaks: flat positions, row by row, int [k].
        sizes: of the axes of positions.
    """
    most = _CELLS_OF_SEQUENCE if len(sizes) == 1 else _CELLS_OF_MAP
    cells = tuple(min(size, most) for size in sizes)
    if not all(sizes):
        return cells, np.zeros(0, np.int32)
    along = [
        place * cell // size
        for place, cell, size in zip(np.unravel_index(peaks, tuple(sizes)), cells, sizes, strict=True)
    ]
    counts = np.bincount(np.ravel_multi_index(tuple(along), cells), minlength=int(np.prod(cells)))
    return cells, counts.astype(np.int32)


def _token_means(maps: NeuronMaps, activations: np.ndarray, indices: np.ndarray) -> Records[TokenMean]:
    """The tokens at the peaks of these instances, with the mean activation."""
    tokens = maps.tokens
    if tokens is None:
        return Records(TokenMean)
    known = indices[tokens.lengths[indices] > 0]
    texts = [(text or "").strip() for text in tokens.at(known, maps.peaks[known]).to_pylist()]
    names, which = np.unique(np.array(texts, dtype=object), return_inverse=True)
    n = np.bincount(which, minlength=len(names))
    mean = np.bincount(which, activations[known], len(names)) / np.maximum(n, 1)
    often = np.flatnonzero(n >= LEAST_OCCURRENCES)
    best = often[np.argsort(-mean[often], kind="stable")][:MOST_TOKENS]
    return Records(TokenMean, (TokenMean(str(names[one]), float(mean[one]), int(n[one])) for one in best))
