"""Where in its data set the instances of a loader are: their identity, whatever order and whichever process they come in."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, IterableDataset, SequentialSampler, Subset

from tensorboard_activis.capture.processes import Processes
from tensorboard_activis.capture.torch.batch import Batch
from tensorboard_activis.capture.torch.batches import Batches
from tensorboard_activis.capture.torch.content_ids import ContentIds
from tensorboard_activis.errors import ActiVisError


def places(source: Any) -> np.ndarray | None:
    """Positions in the data set in the order in which a loader will give them next, int64 [instances].

    None where they are not known before: random samplers, streams, samplers of the user's own. A sampler that deals the data
    out to several processes gives those of this process.
    """
    if not isinstance(source, DataLoader) or isinstance(source.dataset, IterableDataset):
        return None
    batches = source.batch_sampler
    if batches is None:
        order: Iterable[int] | None = source.sampler if _is_known(source.sampler) else None
    elif type(batches) is BatchSampler:
        order = batches.sampler if _is_known(batches.sampler) else None
    else:
        # Of accelerate: deals out the batches of another.
        inner = getattr(batches, "batch_sampler", None)
        known = (
            type(batches).__name__ == "BatchSamplerShard" and type(inner) is BatchSampler and _is_known(inner.sampler)
        )
        order = chain.from_iterable(batches) if known else None
    return None if order is None else np.fromiter(order, np.int64)


def is_dealt(source: Any) -> bool:
    """Whether a loader gives this process its part of a data set that all processes have."""
    batches = getattr(source, "batch_sampler", None)
    samplers = (getattr(source, "sampler", None), getattr(batches, "sampler", None))
    return type(batches).__name__ == "BatchSamplerShard" or any(isinstance(one, DistributedSampler) for one in samplers)


def in_base(source: Any, found: np.ndarray) -> np.ndarray | None:
    """Positions in the data set of which the loader's data set is a `Subset`; None if it is none."""
    dataset = getattr(source, "dataset", None)
    if not isinstance(dataset, Subset):
        return None
    while isinstance(dataset, Subset):
        found, dataset = np.asarray(dataset.indices, np.int64)[found], dataset.dataset
    return found


def _is_known(sampler: Any) -> bool:
    """Whether going through it changes nothing and gives what the next pass will give."""
    distributed = isinstance(sampler, DistributedSampler) and type(sampler).__iter__ is DistributedSampler.__iter__
    return isinstance(sampler, SequentialSampler) or distributed


class InstanceOrder:
    """What tells the instances of one loader apart, and which of its batches are this process's.

    The index in the data set where the loader's order is known, else the content. Several processes either have parts, or each
    has all data in the same order; then each takes its share of the batches.

    Arguments:
        data: what the loader gives. first: its first batch, None if there is none.

    Attributes:
        share: (this process, number of processes) when all have all data; (0, 1) otherwise.
        by_content: whether ids are to be made of the content.
        fixed: whether an index by which a user may describe instances is known.
        instances: how many such indices there are, None if that is not known.
    """

    def __init__(self, data: Batches, first: Batch | None, processes: Processes) -> None:
        self._source = data.source
        known = places(self._source)
        dealt = is_dealt(self._source)
        if known is not None and first is not None and first.instances != min(known.size, _batch_size(self._source)):
            known = None  # what collates the batches makes more or fewer instances than it is given
        self._dealt = dealt and known is not None
        self.share = (0, 1)
        self._several = processes.size > 1
        self._based = False
        agreed = data.fixed_order
        if self._several:
            dealt_all, agreed = _agreed(processes, self._dealt), data.fixed_order and not self._dealt
            self._dealt = dealt_all
            agreed = _agreed(processes, agreed) and _alike(processes, data, first)
            if agreed:
                self.share = (processes.rank, processes.size)
            self._based = not (agreed or dealt_all) and _agreed(
                processes, known is not None and in_base(self._source, known) is not None
            )
        self.by_content = not (self._dealt or agreed or self._based)
        self.fixed = data.fixed_order or self._dealt
        self.instances = len(getattr(data.source, "dataset", ())) if self._dealt else data.instances

    def begin(self) -> "Positions":
        """The positions of one pass."""
        if not (self._dealt or self._based):
            return Positions(None, described=False, named=self._several and not self.by_content)
        found = places(self._source)
        assert found is not None
        base = in_base(self._source, found) if self._based else None
        return Positions(found if base is None else base, described=self._dealt, named=True)


class Positions:
    """Indices of the instances of one pass, batch by batch.

    Arguments:
        order: all of them; None: counted from 0.
        described: whether users describe instances by these indices, and not by counting.
        named: whether they are the ids.
    """

    def __init__(self, order: np.ndarray | None, *, described: bool, named: bool) -> None:
        self._order, self._described, self._named = order, described, named

    def described(self, start: int, count: int) -> np.ndarray | None:
        """Where what the user says of the next instances is to be found; None: by counting."""
        return self._some(start, count) if self._described else None

    def ids(self, start: int, count: int) -> list[int] | None:
        """Their identities; None where counting is enough."""
        found: list[int] = self._some(start, count).tolist()
        return found if self._named else None

    def _some(self, start: int, count: int) -> np.ndarray:
        if self._order is None:
            return np.arange(start, start + count)
        if start + count > self._order.size:
            raise ActiVisError(
                f"The data gave more instances than the {self._order.size} of which the sampler gave indices, so nobody knows "
                "which is which. Give id=, a function of a batch."
            )
        return self._order[start : start + count]


def _batch_size(source: Any) -> int:
    return 1 if source.batch_sampler is None else int(getattr(source.batch_sampler, "batch_size", None) or 1)


def _agreed(processes: Processes, flag: bool) -> bool:
    return not processes.any(not flag)


def _alike(processes: Processes, data: Batches, first: Batch | None) -> bool:
    """Whether all have the same data, as far as their number and the first batch tell."""
    told = None if first is None else [data.instances, len(data), ContentIds().for_batch(first)]
    texts = processes.all_gather(repr(told).encode())
    return first is not None and len(set(texts)) == 1
