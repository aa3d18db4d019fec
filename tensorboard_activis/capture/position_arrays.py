"""The arrays of a layer's positions as they are written: peaks of all kept instances, maps of the strongest and of the pinned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_positions import NO_VALUE, BatchPositions, MapEntries
from tensorboard_activis.capture.distributed.processes import Processes, broadcast
from tensorboard_activis.capture.distributed.serialization import deserialize, serialize
from tensorboard_activis.capture.distributed.writer import DistributedWriter
from tensorboard_activis.capture.strongest import StrongestMaps, first_of_each, joined, padded
from tensorboard_activis.positions_codec import NO_PEAK, peak_type
from tensorboard_activis.write.tensors import Values

#: Activations, float32 [entries]; places in the sample, int64 [entries]; maps.
Entries = tuple[np.ndarray, np.ndarray, MapEntries]


class LayerPositions:
    """What is collected of one layer's positions.

    Arguments:
        k: how many of a neuron's strongest instances are wanted.
        neurons: of the layer.

    Attributes:
        strongest: the instances that may be among them.
        pinned: of the pinned instances, batch by batch.
    """

    def __init__(self, k: int, neurons: int) -> None:
        self._k, self._neurons = k, neurons
        self.strongest = StrongestMaps(k, neurons)
        self.pinned: list[BatchPositions] = []

    def peaks(self, batch: BatchPositions | None, instances: int) -> np.ndarray:
        """Peaks of a batch, int [instances, neurons]; -1 where the layer did not run."""
        return np.full((instances, self._neurons), -1, np.int8) if batch is None else batch.peaks

    def merge(self, other: "LayerPositions", bound: np.uint64 | None) -> None:
        """Adds what was collected of other instances; hashes above `bound` are in no sample any more, None: any may be."""
        self.strongest.merge(other.strongest, bound)
        self.pinned += other.pinned

    def write(
        self,
        index: int,
        activations: Values,
        peaks: Values,
        order: np.ndarray,
        pinned: int,
        writer: DistributedWriter,
        processes: Processes,
    ) -> tuple[schema.Positions | None, str]:
        """Merges the processes, and adds the arrays of the layer of this index.

        Arguments:
            activations, peaks: float16 and int [instances, neurons] of the instances that this process writes.
            order: hashes of the sample, ascending, uint64 [instances].
            pinned: number of pinned instances.

        Returns:
            The record, None if there are no positions; and why the layer can have none, if so.
        """
        strongest = self.strongest
        found = self._merged(order, activations, writer.first_instance, processes)
        if strongest.problem or strongest.sizes is None:
            return None, strongest.problem
        sizes, sequence = strongest.sizes, strongest.is_sequence
        _, places, maps = found
        dtype = peak_type(strongest.most_peak + 1 if sizes == (-1,) else int(np.prod(sizes)))
        name = f"positions/{index}"
        shape = (self._neurons, self._k)
        rank = np.arange(places.size) - np.searchsorted(maps.neurons, maps.neurons)
        stored = maps.codes.shape[1:]
        if sequence:  # no longer than the longest
            used = np.flatnonzero((maps.codes != NO_VALUE).any(0))
            stored = (int(used[-1]) + 1 if used.size else 1,)

        def filled(empty: Any, kind: Any, each: np.ndarray, *more: int) -> np.ndarray:
            array = np.full((*shape, *more), empty, kind)
            array[maps.neurons, rank] = each
            return array

        whole = self._whole(pinned, sequence, processes)
        codes = maps.codes[:, : stored[0]] if sequence else maps.codes
        return (
            schema.Positions(
                sizes,
                writer.add_partitioned(f"{name}/peaks", UnsignedPeaks(peaks, dtype)),
                writer.add_replicated(f"{name}/strongest", filled(-1, np.int32, places)),
                writer.add_replicated(f"{name}/maps", filled(NO_VALUE, np.uint8, codes, *stored)),
                writer.add_replicated(f"{name}/map_range", filled(np.nan, np.float32, maps.ranges, 2)),
                writer.add_replicated(f"{name}/starts", filled(0, np.uint32, maps.starts)) if sequence else None,
                None if whole is None else writer.add_replicated(f"{name}/pinned_maps", whole[0]),
                None if whole is None else writer.add_replicated(f"{name}/pinned_range", whole[1]),
            ),
            "",
        )

    def _merged(
        self, order: np.ndarray, activations: Values, first: int, processes: Processes
    ) -> tuple[np.ndarray, np.ndarray, MapEntries]:
        """The strongest over all processes, which also agree on the sizes of the positions."""
        strongest = self.strongest
        strongest.inside = int(processes.sum(np.array([strongest.inside]))[0])
        found = strongest.top(order)
        if processes.any(not strongest.is_exact(order)) and not strongest.problem:
            found = self._completed(found, activations, first, order.size)
        if processes.size > 1:
            own = (strongest.sizes, strongest.is_sequence, strongest.problem, strongest.most_peak)
            sent = None if found is None else [found[0], found[1], *vars(found[2]).values()]
            parts = [deserialize(data) for data in processes.all_gather(b"".join(serialize((own, sent))))]
            for (sizes, sequence, problem, most_peak), _ in parts:
                strongest.problem = strongest.problem or problem
                strongest.most_peak = max(strongest.most_peak, most_peak)
                if sizes is not None:
                    strongest.agree(tuple(sizes), sequence)
            entries = [arrays for _, arrays in parts if arrays is not None]
            found = None
            if entries and not strongest.problem:
                values, places = (np.concatenate([arrays[at] for arrays in entries]) for at in (0, 1))
                found = first_of_each(self._k, values, places, joined([MapEntries(*arrays[2:]) for arrays in entries]))
        if found is None:
            axes = 1 if strongest.sizes is None else len(strongest.sizes)
            none = np.zeros(0, np.int64)
            empty = MapEntries(none, none, none, np.zeros((0, *(1,) * axes), np.uint8), np.zeros((0, 2), np.float32))
            return np.zeros(0, np.float32), none, empty
        return found

    def _completed(self, found: Entries | None, activations: Values, first: int, sampled: int) -> Entries | None:
        """With instances that are among the strongest, but whose maps were not kept: the sample is not the one expected."""
        values = activations if isinstance(activations, np.ndarray) else activations.array()
        values = values[: max(0, sampled - first)].astype(np.float32)
        values[np.isnan(values)] = -np.inf
        strongest = np.argsort(-values, axis=0, kind="stable")[: self._k]
        neurons = np.broadcast_to(np.arange(self._neurons), strongest.shape)
        known = values[strongest, neurons] > -np.inf
        rows, neurons = strongest[known], neurons[known]
        if not rows.size:
            return found
        axes = 1 if self.strongest.sizes is None else len(self.strongest.sizes)
        shape = (1,) * axes if found is None else found[2].codes.shape[1:]
        without = MapEntries(
            rows,
            neurons,
            np.zeros(rows.size, np.int64),
            np.full((rows.size, *shape), NO_VALUE, np.uint8),
            np.full((rows.size, 2), np.nan, np.float32),
        )
        if found is None:
            return first_of_each(self._k, values[rows, neurons], first + rows, without)
        # Those with maps come first: of equal ones the first stays.
        both = joined([found[2], without])
        values = np.append(found[0], values[rows, neurons])
        return first_of_each(self._k, values, np.append(found[1], first + rows), both)

    def _whole(self, pinned: int, sequence: bool, processes: Processes) -> tuple[np.ndarray, np.ndarray] | None:
        """Maps of the pinned instances, which the first process has; None if one of them has none."""
        own = None
        parts = [batch.whole for batch in self.pinned if batch.whole is not None]
        if parts and sum(len(codes) for codes, _ in parts) == pinned:
            codes = [each for each, _ in parts]
            if sequence:
                length = max(each.shape[1] for each in codes)
                codes = [padded(each, length, 1) for each in codes]
            own = (np.concatenate(codes), np.concatenate([ranges for _, ranges in parts]))
        return broadcast(processes, own)


@dataclass(frozen=True)
class UnsignedPeaks:
    """Peaks in the type in which they are written, block by block; `write.tensors.Blocks`."""

    peaks: Values
    kind: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what is written."""
        return np.dtype(self.kind)

    @property
    def shape(self) -> tuple[int, ...]:
        """[instances, neurons]"""
        return self.peaks.shape

    def array(self) -> np.ndarray:
        """All of them."""
        peaks = self.peaks if isinstance(self.peaks, np.ndarray) else self.peaks.array()
        return np.where(peaks < 0, NO_PEAK[self.kind], peaks).astype(self.kind)

    def blocks(self) -> Iterator[np.ndarray]:
        """In blocks [instances, neurons]."""
        for block in [self.peaks] if isinstance(self.peaks, np.ndarray) else self.peaks.blocks():
            yield UnsignedPeaks(block, self.kind).array()


def left_out(names: Sequence[str], problems: Sequence[str]) -> list[str]:
    """A note of the layers whose positions are not recorded, if any."""
    reasons = [(name, problem) for name, problem in zip(names, problems, strict=True) if problem]
    if not reasons:
        return []
    name, problem = reasons[0]
    more = f" So are those of {len(reasons) - 1:,} more layers." if len(reasons) > 1 else ""
    return [
        f"Positions (where in the input neurons are active) of the layer {name!r} are left out, because {problem}. Inputs of one "
        f"size have them.{more}"
    ]
