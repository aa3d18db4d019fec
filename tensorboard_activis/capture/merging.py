"""Merges statistics, metrics and samples over processes, as if one process had seen all data."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.distributed.serialization import deserialize, serialize
from tensorboard_activis.capture.instances.pinned import with_pinned
from tensorboard_activis.capture.publication import Collected, StoredInstances


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
    collected.moments.combine(processes.sum, processes.min, processes.max)


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

    arrays = _same_columns(processes, collected.sample.result())
    own_pinned = sum(len(next(iter(batch.values()))) for batch in collected.pinned) if processes.rank == 0 else 0
    pinned = int(processes.sum(np.array([own_pinned]))[0])
    if processes.rank == 0:
        arrays = with_pinned(arrays, collected.pinned, all_hashes[0].size, pinned)
    elif pinned:
        arrays["pinned"] = np.zeros(all_hashes[processes.rank].size, bool)
    positions[0] = np.append(positions[0], chosen.size + np.arange(pinned))
    total = chosen.size + pinned
    bounds = [total * rank // processes.size for rank in range(processes.size + 1)]
    part = {name: _exchange(processes, values, positions, bounds) for name, values in arrays.items()}
    return StoredInstances(part, chosen.size, pinned, tuple(np.diff(bounds).tolist()))


def _same_columns(processes: Processes, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Makes all processes have the same columns in the same order; a process that had no data gets empty ones."""
    empty = b"".join(serialize({name: values[:0] for name, values in arrays.items()}))
    known: dict[str, np.ndarray] = {}
    for data in processes.all_gather(empty):
        for name, values in deserialize(data).items():
            known.setdefault(name, values)
    return {name: arrays.get(name, values) for name, values in known.items()}


def _exchange(
    processes: Processes, values: np.ndarray, positions: Sequence[np.ndarray], bounds: Sequence[int]
) -> np.ndarray:
    """The values [instances, ...] of this process's part: instances whose position is within its bounds, by position."""
    own = positions[processes.rank]
    parts = [serialize(values[(own >= low) & (own < high)]) for low, high in pairwise(bounds)]
    received = [deserialize(data) for data in processes.all_to_all(parts)]
    low, high = bounds[processes.rank], bounds[processes.rank + 1]
    # The common dtype: one part may have integers and another floats, because values are missing.
    empty = np.concatenate([part[:0] for part in received])
    merged = np.empty((high - low, *empty.shape[1:]), empty.dtype)
    for part, position in zip(received, positions, strict=True):
        merged[position[(position >= low) & (position < high)] - low] = part
    return merged


def _lines(text: bytes) -> list[str]:
    return text.decode().splitlines()
