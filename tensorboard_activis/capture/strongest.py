"""Which instances are a neuron's strongest, while it is not yet known which of them will be in the sample.

An instance may leave the sample when others of lower hash come. So a neuron keeps more than its k strongest: whatever is not
*dominated*. An instance is dominated by those of higher activation and lower hash: when it is in the sample, so are they. With k of
these it cannot be among the k strongest of any sample, now or later. Hashes are compared by their level, so an instance that is
dominated may be kept, and none is lost that is not: about 3 k instances for each level in use.
"""

import numpy as np

from tensorboard_activis.capture.batch_positions import BatchPositions, MapEntries
from tensorboard_activis.summarize.float16 import to_float16

#: Entries that are kept at least before they are looked through again.
_FEWEST = 1 << 15
#: Levels: each holds the hashes from a quarter of the limit of the one below up to it. The last holds all below.
LEVELS = 16
#: The highest hash.
ALL = np.uint64(2**64 - 1)


def levels(hashes: np.ndarray) -> np.ndarray:
    """Levels of hashes, int64 [instances], from 0: of two instances, the one of the higher level has the lower hash.

    Arguments:
        hashes: uint64 [instances], see `summarize.sample.ranks`.
    """
    _, exponents = np.frexp(hashes.astype(np.float64))
    return np.clip((64 - exponents.astype(np.int64)) // 2, 0, LEVELS - 1)


class StrongestMaps:
    """The maps of one layer's neurons on the instances that may be among their k strongest in the sample.

    Arguments:
        k: how many of a neuron are wanted.
        neurons: of the layer.

    Attributes:
        sizes, is_sequence: as in `BatchPositions`; None before the first batch.
        problem: why the layer can have no positions; "" if it can.
        most_peak: the highest peak so far.
        bounds: see `BatchPositions.bound`; those of all batches.
        inside: how many instances there were up to the bound.
    """

    def __init__(self, k: int, neurons: int) -> None:
        self._k, self._neurons = k, neurons
        self.sizes: tuple[int, ...] | None = None
        self.is_sequence = False
        self.problem = ""
        self.most_peak = -1
        self.bounds: set[int] = set()
        self.inside = 0
        self._parts: list[tuple[np.ndarray, np.ndarray, MapEntries]] = []
        self._count, self._limit = 0, _FEWEST

    def add(self, batch: BatchPositions, hashes: np.ndarray, values: np.ndarray, bound: np.uint64 | None) -> None:
        """Adds a batch.

        Arguments:
            hashes: uint64 [instances].
            values: activations, float32 [instances, neurons]; they are compared as they are recorded, in float16.
            bound: higher hashes cannot be in the sample; None: any can.
        """
        self.describe(batch)
        if batch.bound is not None:
            self.bounds.add(int(batch.bound))
            self.inside += int(np.count_nonzero(hashes <= batch.bound))
        if self.problem or batch.maps is None:
            return
        maps = batch.maps
        if not maps.rows.size:
            return
        recorded = to_float16(values[maps.rows, maps.neurons])[0].astype(np.float32)
        known = ~np.isnan(recorded)
        if bound is not None:
            known &= hashes[maps.rows] <= bound
        if not known.all():
            maps, recorded = maps.take(np.flatnonzero(known)), recorded[known]
        self._parts.append((hashes[maps.rows], recorded, maps))
        self._count += maps.rows.size
        if self._count > self._limit:
            self._prune(bound)

    def describe(self, batch: BatchPositions) -> None:
        """Takes note of sizes and peaks, also of pinned instances."""
        self.most_peak = max(self.most_peak, int(batch.peaks.max(initial=-1)))
        self.agree(batch.sizes, batch.is_sequence)

    def agree(self, sizes: tuple[int, ...], is_sequence: bool) -> None:
        """Takes note of the sizes of a batch, or of another process."""
        if self.sizes is None:
            self.sizes, self.is_sequence = sizes, is_sequence
        elif is_sequence and self.is_sequence:
            self.sizes = sizes if sizes == self.sizes else (-1,)
        elif (self.sizes, self.is_sequence) != (sizes, is_sequence) and not self.problem:
            first, other = " × ".join(map(str, self.sizes)), " × ".join(map(str, sizes))
            self.problem = f"its output has {first} positions in one batch and {other} in another"
            self._parts, self._count = [], 0

    def merge(self, other: "StrongestMaps", bound: np.uint64 | None) -> None:
        """Adds what was collected of other instances; `bound` as in `add`."""
        self.most_peak = max(self.most_peak, other.most_peak)
        self.problem = self.problem or other.problem
        if other.sizes is not None:
            self.agree(other.sizes, other.is_sequence)
        self.bounds |= other.bounds
        self.inside += other.inside
        if self.problem:
            self._parts, self._count = [], 0
            return
        self._parts += [(hashes.copy(), values.copy(), maps.copy()) for hashes, values, maps in other._parts]
        self._count += other._count
        if self._count > self._limit:
            self._prune(bound)

    def is_exact(self, order: np.ndarray) -> bool:
        """Whether the maps are those of the strongest of this sample, and not of one that was expected and came otherwise.

        Arguments:
            order: hashes of the sample, ascending, uint64 [instances].
        """
        if not self.bounds:
            return True
        return (
            self.inside == order.size
            and len(self.bounds) == 1
            and (not order.size or int(order[-1]) <= min(self.bounds))
        )

    def top(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, MapEntries] | None:
        """The k strongest of each neuron that this process has.

        Arguments:
            order: hashes of the sample, ascending, uint64 [instances].

        Returns:
            Activations, float32 [entries]; places in the sample, int64 [entries], by neuron, strongest first; their maps. None
            without any.
        """
        if self.problem or not self._parts:
            return None
        hashes, values, maps = self._joined()
        places = np.minimum(np.searchsorted(order, hashes), max(order.size - 1, 0))
        sampled = np.flatnonzero(order[places] == hashes) if order.size else np.zeros(0, np.int64)
        return first_of_each(self._k, values[sampled], places[sampled], maps.take(sampled))

    def _joined(self) -> tuple[np.ndarray, np.ndarray, MapEntries]:
        hashes = np.concatenate([part[0] for part in self._parts])
        values = np.concatenate([part[1] for part in self._parts])
        return hashes, values, joined([part[2] for part in self._parts])

    def _prune(self, bound: np.uint64 | None) -> None:
        """Drops what is out of the sample, or dominated."""
        hashes, values, maps = self._joined()
        if bound is not None:
            inside = np.flatnonzero(hashes <= bound)
            hashes, values, maps = hashes[inside], values[inside], maps.take(inside)
        order = np.lexsort((hashes, -values, maps.neurons))
        level, neurons = levels(hashes)[order], maps.neurons[order]
        begins = np.searchsorted(neurons, np.arange(self._neurons))
        kept = np.zeros(order.size, bool)
        for each in np.unique(level):
            lower = level > each  # of lower hash than those of this level
            before = np.cumsum(lower) - lower
            at = np.flatnonzero(level == each)
            kept[at] = before[at] - before[begins[neurons[at]]] < self._k
        stays = np.sort(order[kept])
        self._parts = [(hashes[stays], values[stays], maps.take(stays))]
        self._count = stays.size
        self._limit = max(_FEWEST, 2 * self._count)


def joined(parts: list[MapEntries]) -> MapEntries:
    """Entries of several batches or processes; maps of sequences may be stored in different lengths."""
    if len({part.codes.shape[1:] for part in parts}) > 1:
        length = max(part.codes.shape[1] for part in parts)
        parts = [
            MapEntries(part.rows, part.neurons, part.starts, padded(part.codes, length, 1), part.ranges)
            for part in parts
        ]
    return MapEntries(*(np.concatenate(each) for each in zip(*(vars(part).values() for part in parts), strict=True)))


def padded(codes: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Codes with an axis of this length, without values behind the end."""
    widths = [(0, length - codes.shape[axis] if index == axis else 0) for index in range(codes.ndim)]
    return np.pad(codes, widths, constant_values=255)


def first_of_each(
    k: int, values: np.ndarray, places: np.ndarray, maps: MapEntries
) -> tuple[np.ndarray, np.ndarray, MapEntries]:
    """The k of largest value of each neuron, of equal ones the first in the sample; each place once."""
    order = np.lexsort((places, -values, maps.neurons))
    neurons, rows = maps.neurons[order], places[order]
    # The same instance may come from two processes.
    fresh = np.ones(order.size, bool)
    fresh[1:] = (neurons[1:] != neurons[:-1]) | (rows[1:] != rows[:-1])
    order = order[fresh]
    neurons = maps.neurons[order]
    rank = np.arange(order.size) - np.searchsorted(neurons, neurons)
    order = order[rank < k]
    return values[order], places[order], maps.take(order)
