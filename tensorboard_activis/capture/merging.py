"""What several processes have gathered, as if one had seen it all."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from tensorboard_activis.capture.pinned import with_pinned
from tensorboard_activis.capture.processes import Processes
from tensorboard_activis.capture.publication import Collected, StoredInstances
from tensorboard_activis.capture.serialization import deserialize, serialize


def merge(processes: Processes, gathered: Collected) -> None:
    """Makes everything in it that adds up the sum over all processes; the sample stays as it is, see `spread`."""
    assert gathered.subsets is not None
    metrics = sorted(
        {name for names in processes.all_gather("\n".join(gathered.totals).encode()) for name in _lines(names)}
    )
    for name in metrics:
        gathered.totals[name] = processes.sum(gathered.totals.get(name, np.zeros(2)))
    numbers = processes.sum(
        np.array(
            [gathered.seen, gathered.repeated, gathered.invalid_labels, gathered.nonfinite, *gathered.clipped], np.int64
        )
    ).tolist()
    gathered.seen, gathered.repeated, gathered.invalid_labels, gathered.nonfinite, *gathered.clipped = numbers
    gathered.subsets.counts = processes.sum(gathered.subsets.counts)
    for moments in gathered.moments:
        moments.combine(processes.sum, processes.min, processes.max)


def spread(processes: Processes, gathered: Collected, size: int | None) -> StoredInstances:
    """The sample of all processes, of whose rows in hash order each gets one part; the first one's pinned instances come last.

    Arguments:
        size: how many instances are kept; None: all.
    """
    orders = [np.frombuffer(data, np.uint64) for data in processes.all_gather(gathered.sample.order().tobytes())]
    everything = np.concatenate(orders)
    chosen = np.argsort(everything, kind="stable")[:size]
    place = np.full(everything.size, -1)
    place[chosen] = np.arange(chosen.size)
    # Of each process's own rows the place among all that are kept, -1 for those that are not.
    places = np.split(place, np.cumsum([order.size for order in orders])[:-1])

    kept = _alike(processes, gathered.sample.result())
    extra = sum(len(next(iter(batch.values()))) for batch in gathered.pinned) if processes.rank == 0 else 0
    pinned = int(processes.sum(np.array([extra]))[0])
    if processes.rank == 0:
        kept = with_pinned(kept, gathered.pinned, orders[0].size, pinned)
    elif pinned:
        kept["pinned"] = np.zeros(orders[processes.rank].size, bool)
    places[0] = np.append(places[0], chosen.size + np.arange(pinned))
    total = chosen.size + pinned
    bounds = [total * rank // processes.size for rank in range(processes.size + 1)]
    found = {name: _exchanged(processes, values, places, bounds) for name, values in kept.items()}
    return StoredInstances(found, chosen.size, pinned, tuple(np.diff(bounds).tolist()))


def _alike(processes: Processes, kept: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same columns in the same order on all: a process that had no data has them without rows."""
    empty = b"".join(serialize({name: values[:0] for name, values in kept.items()}))
    known: dict[str, np.ndarray] = {}
    for data in processes.all_gather(empty):
        for name, values in deserialize(data).items():
            known.setdefault(name, values)
    return {name: kept.get(name, values) for name, values in known.items()}


def _exchanged(
    processes: Processes, values: np.ndarray, places: Sequence[np.ndarray], bounds: Sequence[int]
) -> np.ndarray:
    """Rows [instances, ...] of this process's part: those whose places are within its bounds, in their order."""
    mine = places[processes.rank]
    parts = [serialize(values[(mine >= low) & (mine < high)]) for low, high in pairwise(bounds)]
    received = [deserialize(data) for data in processes.all_to_all(parts)]
    low, high = bounds[processes.rank], bounds[processes.rank + 1]
    # Of whole numbers in one part and some missing in another, say.
    like = np.concatenate([rows[:0] for rows in received])
    found = np.empty((high - low, *like.shape[1:]), like.dtype)
    for rows, place in zip(received, places, strict=True):
        found[place[(place >= low) & (place < high)] - low] = rows
    return found


def _lines(text: bytes) -> list[str]:
    return text.decode().splitlines()
