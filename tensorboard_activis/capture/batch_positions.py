"""Where in the input neurons are active, for the instances of one batch: the form in which every framework hands it over."""

from dataclasses import dataclass, replace

import numpy as np

#: Of a stored map: positions of the window of a sequence, and values per axis of a map, by its number of axes.
WINDOW, STORED = 48, {1: 64, 2: 8, 3: 4}
#: The same of whole maps of pinned instances; values of all neurons together.
PINNED_POSITIONS, PINNED, PINNED_VALUES = 512, {1: 512, 2: 32, 3: 16}, 8 << 20
#: The byte of a position without a value, and that of the highest value.
NO_VALUE, HIGHEST = 255, 254


@dataclass(frozen=True)
class MapEntries:
    """Maps of single neurons on single instances.

    Attributes:
        rows: of the batch, int64 [entries].
        neurons: int64 [entries].
        starts: first position of each window, int64 [entries]; 0 for maps.
        codes: uint8 [entries, *stored sizes]: from 0 to 254 on a linear scale, 255 for no value.
        ranges: float32 [entries, 2]: the values that 0 and 254 stand for.
    """

    rows: np.ndarray
    neurons: np.ndarray
    starts: np.ndarray
    codes: np.ndarray
    ranges: np.ndarray

    def take(self, chosen: np.ndarray) -> "MapEntries":
        """These entries."""
        return MapEntries(*(values[chosen] for values in vars(self).values()))

    def copy(self) -> "MapEntries":
        """The same entries in memory of their own."""
        return MapEntries(*(values.copy() for values in vars(self).values()))


@dataclass(frozen=True)
class BatchPositions:
    """Where the neurons of one layer are active.

    Attributes:
        sizes: of the axes of positions; (-1,) for sequences of different lengths.
        is_sequence: positions of a sequence are counted over its own tokens.
        peaks: int [instances, neurons]: position of the largest value, -1 for none.
        maps: of the neurons and instances that can be among the strongest.
        whole: of pinned instances, maps of all neurons: uint8 [instances, *stored sizes, neurons] and their ranges, float32
            [instances, neurons, 2].
        lengths: of sequences, their real positions, int [instances].
        bound: `maps` are of what is strongest if the sample is the instances up to this hash; None: whatever it is.
    """

    sizes: tuple[int, ...]
    is_sequence: bool
    peaks: np.ndarray
    maps: MapEntries | None = None
    whole: tuple[np.ndarray, np.ndarray] | None = None
    bound: np.uint64 | None = None
    lengths: np.ndarray | None = None

    def take(self, instances: np.ndarray) -> "BatchPositions":
        """That of some instances of the batch."""
        maps, whole = self.maps, self.whole
        if maps is not None:
            place = np.full(len(self.peaks), -1)
            place[instances] = np.arange(instances.size)
            maps = replace(maps, rows=place[maps.rows]).take(np.flatnonzero(place[maps.rows] >= 0))
        if whole is not None:
            whole = (whole[0][instances], whole[1][instances])
        lengths = None if self.lengths is None else self.lengths[instances]
        return replace(self, peaks=self.peaks[instances], maps=maps, whole=whole, lengths=lengths)


def stored_sizes(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Sizes that a map is averaged down to."""
    return tuple(min(size, STORED[len(sizes)]) for size in sizes)


def pinned_sizes(sizes: tuple[int, ...], neurons: int) -> tuple[int, ...]:
    """Sizes that the whole map of a pinned instance is averaged down to, or a sequence is cut to."""
    kept = [min(size, PINNED[len(sizes)]) for size in sizes]
    while int(np.prod(kept)) * neurons > PINNED_VALUES and max(kept) > 1:
        longest = kept.index(max(kept))
        kept[longest] = (kept[longest] + 1) // 2
    return tuple(kept)


def quantized(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values as bytes on a scale of their own.

    Arguments:
        values: float32 [maps, positions]; not finite where there is none.

    Returns:
        uint8 [maps, positions], 255 for none; the values of 0 and of 254, float32 [maps, 2], NaN where there are none.
    """
    low, high = values.min(1, initial=np.inf), values.max(1, initial=-np.inf)
    complete = bool((np.isfinite(low) & np.isfinite(high)).all())  # NaN and infinities reach these
    there = np.True_ if complete else np.isfinite(values)
    if not complete:
        low = np.where(there, values, np.inf).min(1, initial=np.inf)
        high = np.where(there, values, -np.inf).max(1, initial=-np.inf)
    empty = low > high
    low[empty] = high[empty] = np.nan
    with np.errstate(all="ignore"):
        span = high.astype(np.float64) - low
        # A span that float32 cannot divide by, or hold, takes float64.
        kind = np.float64 if ((span > 0) & ((span < 1e-35) | (span > 1e38))).any() else np.float32
        scale = np.where(span > 0, HIGHEST / span, 0).astype(kind)
        codes = (values.astype(kind, copy=False) - low.astype(kind)[:, None]) * scale[:, None]
    codes += 0.5  # floor of this rounds, and takes a third of the time of rint
    if complete:
        return np.minimum(codes, HIGHEST).astype(np.uint8), np.stack([low, high], 1)
    codes = np.where(there, np.minimum(codes, HIGHEST), NO_VALUE)
    return codes.astype(np.uint8), np.stack([low, high], 1)
