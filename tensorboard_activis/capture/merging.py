"""Merges statistics, metrics and samples over processes, as if one process had seen all data."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.distributed.serialization import deserialize, serialize
from tensorboard_activis.capture.instances.pinned import pop_arrays, pop_layers, with_pinned
from tensorboard_activis.capture.publication import Collected, StoredInstances
from tensorboard_activis.summarize.rows import OrderedRows

#: Bytes of one process's part that are sent in one turn, and what an object (a picture, a text) is taken for.
_TURN, _OBJECT_BYTES = 16 << 20, 4096


def merge(processes: Processes, collected: Collected) -> None:
    """Merges statistics, metrics and counts over all processes, in place; for the sample see `distribute_sample`."""
    assert collected.subsets is not None
    metrics = sorted(
        {name for names in processes.all_gather("\n".join(collected.totals).encode()) for name in _lines(names)}
    )
    for name in metrics:
        collected.totals[name] = processes.sum(collected.totals.get(name, np.zeros(2)))
    numbers = processes.sum(
        np.array(
            [collected.seen, collected.repeated, collected.invalid_labels, collected.nonfinite, *collected.clipped],
            np.int64,
        )
    ).tolist()
    collected.seen, collected.repeated, collected.invalid_labels, collected.nonfinite, *collected.clipped = numbers
    collected.subsets.counts = processes.sum(collected.subsets.counts)
    _merge_depth(processes, collected)
    collected.doubts = collected.doubts.combined(processes)
    collected.moments.combine(processes.sum, processes.min, processes.max)


def _merge_depth(processes: Processes, collected: Collected) -> None:
    """Merges what is counted by depth; a process without data learns of the blocks from another."""
    own = collected.depth
    described = [_lines(data) for data in processes.all_gather("\n".join([own.token, *own.layers]).encode()) if data]
    token, *layers = max(described, key=len, default=[""])
    own.token, own.layers = token, tuple(layers)
    numbers = own.numbers
    own.replace(processes.sum(np.append(numbers, np.zeros(3 + len(layers) - numbers.size, np.int64))))


def distribute_sample(processes: Processes, collected: Collected, size: int | None) -> StoredInstances:
    """Merges the samples of all processes, and returns this process's part: one range of the sample in the order of hashes.

    The pinned instances of the first process come after the sample.

    Arguments:
        size: number of instances in the sample; None: all.
    """
    all_hashes = [np.frombuffer(data, np.uint64) for data in processes.all_gather(collected.sample.order().tobytes())]
    everything = np.concatenate(all_hashes)
    chosen = np.argsort(everything, kind="stable")[:size]
    position = np.full(everything.size, -1)
    position[chosen] = np.arange(chosen.size)
    # Per process, the position of each of its instances in the merged sample; -1: not in the sample.
    positions = np.split(position, np.cumsum([hashes.size for hashes in all_hashes])[:-1])

    columns, row_bytes = _same_columns(processes, collected.sample.result())
    first = collected.pinned if processes.rank == 0 else []
    own_pinned = sum(len(next(iter(batch.values()))) for batch in first)
    pinned = int(processes.sum(np.array([own_pinned]))[0])
    layers = range(len(collected.clipped))
    activations = pop_layers("activations", columns, first, layers)
    peaks = pop_layers("peaks", columns, first, layers)
    arrays = pop_arrays(columns)
    if processes.rank == 0:
        arrays = with_pinned(arrays, first, all_hashes[0].size, pinned)
    elif pinned:
        arrays["pinned"] = np.zeros(all_hashes[processes.rank].size, bool)
    positions[0] = np.append(positions[0], chosen.size + np.arange(pinned))
    total = chosen.size + pinned
    bounds = [total * rank // processes.size for rank in range(processes.size + 1)]

    def exchanged(name: str, values: OrderedRows) -> np.ndarray:
        return _exchange(processes, values, positions, bounds, row_bytes.get(name, 1))

    part = {name: exchanged(name, OrderedRows.of(arrays.pop(name))) for name in list(arrays)}
    own = [exchanged(f"activations/{index}", activations.pop(index)) for index in list(activations)]
    own_peaks = {index: exchanged(f"peaks/{index}", peaks.pop(index)) for index in list(peaks)}
    counts = tuple(np.diff(bounds).tolist())
    return StoredInstances(part, own, own_peaks, everything[chosen], chosen.size, pinned, counts)


def _same_columns(
    processes: Processes, columns: Mapping[str, OrderedRows]
) -> tuple[dict[str, OrderedRows], dict[str, int]]:
    """Makes all processes have the same columns in the same order; a process that had no data gets empty ones.

    Returns:
        The columns, and the bytes of a row of each, the same in all processes.
    """
    empty = b"".join(serialize({name: values.take(np.arange(0)) for name, values in columns.items()}))
    known: dict[str, np.ndarray] = {}
    row_bytes: Counter[str] = Counter()
    for data in processes.all_gather(empty):
        for name, values in deserialize(data).items():
            known.setdefault(name, values)
            size = _OBJECT_BYTES if values.dtype == object else values.dtype.itemsize * math.prod(values.shape[1:])
            row_bytes[name] = max(row_bytes[name], size)
    same = {name: columns[name] if name in columns else OrderedRows.of(values) for name, values in known.items()}
    return same, row_bytes


def _exchange(
    processes: Processes, values: OrderedRows, positions: Sequence[np.ndarray], bounds: Sequence[int], row_bytes: int
) -> np.ndarray:
    """The values [instances, ...] of this process's part: instances whose position is within its bounds, by position.

    They are sent in turns of a few megabytes, of which each process has as many.
    """
    rank, own = processes.rank, positions[processes.rank]
    turns = max(1, math.ceil(max(high - low for low, high in pairwise(bounds)) * row_bytes / _TURN))
    merged: np.ndarray | None = None
    for turn in range(turns):
        ranges = [
            (low + (high - low) * turn // turns, low + (high - low) * (turn + 1) // turns)
            for low, high in pairwise(bounds)
        ]
        parts = [serialize(values.take(np.flatnonzero((own >= low) & (own < high)))) for low, high in ranges]
        received = [deserialize(data) for data in processes.all_to_all(parts)]
        if merged is None:
            # The common dtype: one part may have integers and another floats, because values are missing.
            empty = np.concatenate([part[:0] for part in received])
            merged = np.empty((bounds[rank + 1] - bounds[rank], *empty.shape[1:]), empty.dtype)
        low, high = ranges[rank]
        for part, position in zip(received, positions, strict=True):
            merged[position[(position >= low) & (position < high)] - bounds[rank]] = part
    assert merged is not None
    return merged


def _lines(text: bytes) -> list[str]:
    return text.decode().splitlines()
