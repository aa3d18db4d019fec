"""Identifies the instances of a data loader by their index in the data set, whatever order and whichever process they come in."""

import copy
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, IterableDataset, SequentialSampler, Subset

from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.torch.data.batch import Batch
from tensorboard_activis.capture.torch.data.batches import Batches
from tensorboard_activis.capture.torch.data.content_ids import ContentIds
from tensorboard_activis.capture.torch.data.noted_indices import NotedIndices, note_indices, noted_indices
from tensorboard_activis.errors import ActiVisError


def dataset_indices(source: Any) -> np.ndarray | None:
    """Indices in the data set, in the order in which a data loader will give the instances, int64 [instances].

    None where they are not known beforehand: random samplers, iterable data sets, the user's own samplers. A distributed sampler
    gives the indices of this process.
    """
    if not isinstance(source, DataLoader) or isinstance(source.dataset, IterableDataset):
        return None
    batches = source.batch_sampler
    if batches is None:
        order: Iterable[int] | None = source.sampler if _is_known(source.sampler) else None
    elif type(batches) is BatchSampler:
        order = batches.sampler if _is_known(batches.sampler) else None
    else:
        # accelerate's: distributes the batches of an inner batch sampler.
        inner = getattr(batches, "batch_sampler", None)
        is_known = (
            type(batches).__name__ == "BatchSamplerShard" and type(inner) is BatchSampler and _is_known(inner.sampler)
        )
        order = chain.from_iterable(batches) if is_known else None
    return None if order is None else np.fromiter(order, np.int64)


def with_indices(data: Any) -> Any:
    """The evaluation data; for a loader that shuffles a data set, one like it that notes the indices as it goes."""
    if not isinstance(data, DataLoader) or hasattr(data, "base_dataloader") or dataset_indices(data) is not None:
        return data
    if data.persistent_workers:  # they go on with the sampler that they began with
        return data
    noting = copy.copy(data)
    note_indices(noting)
    return noting


def is_distributed(source: Any) -> bool:
    """Whether a data loader gives this process its part of a data set, by a distributed sampler."""
    batches = getattr(source, "batch_sampler", None)
    samplers = (getattr(source, "sampler", None), getattr(batches, "sampler", None))
    return type(batches).__name__ == "BatchSamplerShard" or any(isinstance(one, DistributedSampler) for one in samplers)


def indices_in_base(source: Any, indices: np.ndarray) -> np.ndarray | None:
    """Maps indices in a `Subset` to indices in the data set that it is a subset of; None if the data set is no `Subset`."""
    dataset = getattr(source, "dataset", None)
    if not isinstance(dataset, Subset):
        return None
    while isinstance(dataset, Subset):
        indices, dataset = np.asarray(dataset.indices, np.int64)[indices], dataset.dataset
    return indices


def _is_known(sampler: Any) -> bool:
    """Whether iterating the sampler has no side effects and gives the indices of the next pass."""
    distributed = isinstance(sampler, DistributedSampler) and type(sampler).__iter__ is DistributedSampler.__iter__
    return isinstance(sampler, SequentialSampler) or distributed


class InstanceOrder:
    """Decides how the instances of the evaluation data are identified, and which batches this process evaluates.

    Instances are identified by their index in the data set where the loader's order is known, else by their content. With several
    processes, either each has its part of the data, or each has all data in the same order and evaluates a share of the batches.

    Arguments:
        data: the evaluation data; None if somebody else iterates them, in an order that is taken to be fixed.
        first: its first batch, None if there is none.
        processes: that log together.

    Attributes:
        share: (rank, number of processes) if every process has all data: it evaluates every batch whose number modulo the number of
            processes is the rank. (0, 1) otherwise.
        by_content: whether instance ids are a hash of the content.
        fixed: whether the index of each instance is known, so that users may give ids and columns by it.
        instances: how many indices there are, None if unknown.
    """

    def __init__(self, data: Batches | None, first: Batch | None, processes: Processes) -> None:
        self._distributed = self._by_base_index = False
        self._several_processes = processes.size > 1
        self.share = (0, 1)
        self.by_content, self.fixed = self._several_processes, True
        self.instances: int | None = None
        self._source: Any = None if data is None else data.source
        self._notes = noted_indices(self._source)
        if data is not None:
            self._decide(data, first, processes)

    def _decide(self, data: Batches, first: Batch | None, processes: Processes) -> None:
        indices = dataset_indices(self._source)
        distributed = is_distributed(self._source)
        if self._notes is not None and first is not None and first.instances != self._notes.first_size:
            self._notes = None
        if (
            indices is not None
            and first is not None
            and first.instances != min(indices.size, _batch_size(self._source))
        ):
            indices = None  # the collate function makes more or fewer instances than it gets
        self._distributed = (distributed and indices is not None) or self._notes is not None
        all_fixed = data.fixed_order
        if self._several_processes:
            all_distributed = _all_true(processes, self._distributed)
            fixed = data.fixed_order and not self._distributed
            self._distributed = all_distributed
            all_fixed = _all_true(processes, fixed) and _have_same_data(processes, data, first)
            if all_fixed:
                self.share = (processes.rank, processes.size)
            self._by_base_index = not (all_fixed or all_distributed) and _all_true(
                processes, indices is not None and indices_in_base(self._source, indices) is not None
            )
        self.by_content = not (self._distributed or all_fixed or self._by_base_index)
        self.fixed = data.fixed_order or self._distributed
        self.instances = len(getattr(data.source, "dataset", ())) if self._distributed else data.instances

    @property
    def ids_by_position(self) -> bool:
        """Whether instances have the ids that the user gave by position, or else their position as id."""
        return not (self.by_content or self._distributed or self._by_base_index)

    def begin(self) -> "InstanceIndices":
        """The indices of the instances of one pass."""
        if not (self._distributed or self._by_base_index):
            return InstanceIndices(None, for_user_data=False, are_ids=self._several_processes and not self.by_content)
        if self._notes is not None:
            return InstanceIndices(self._notes, for_user_data=self._distributed, are_ids=self._distributed)
        indices = dataset_indices(self._source)
        assert indices is not None
        base_indices = indices_in_base(self._source, indices) if self._by_base_index else None
        return InstanceIndices(
            indices if base_indices is None else base_indices, for_user_data=self._distributed, are_ids=True
        )


class InstanceIndices:
    """Indices of the instances of one pass, batch by batch.

    Arguments:
        order: all indices, int64 [instances], or what notes them during the pass; None: 0, 1, 2, …
        for_user_data: whether the ids and columns that users give go by these indices, not by the position in the pass.
        are_ids: whether the indices are the instance ids.
    """

    def __init__(self, order: np.ndarray | NotedIndices | None, *, for_user_data: bool, are_ids: bool) -> None:
        self._order, self._for_user_data, self._are_ids = order, for_user_data, are_ids

    def for_user_data(self, start: int, count: int) -> np.ndarray | None:
        """Indices into the ids and columns that the user gave, int64 [count]; None if these go by the position in the pass."""
        return self._slice(start, count) if self._for_user_data else None

    def ids(self, start: int, count: int) -> list[int] | None:
        """Instance ids of the next `count` instances; None where the position in the pass is the id."""
        indices: list[int] = self._slice(start, count).tolist()
        return indices if self._are_ids else None

    def _slice(self, start: int, count: int) -> np.ndarray:
        if self._order is None:
            return np.arange(start, start + count)
        order = self._order.noted() if isinstance(self._order, NotedIndices) else self._order
        if start + count > order.size:
            raise ActiVisError(
                f"The data gave more instances than the sampler gave indices ({order.size}), so it is unknown which instance is "
                "which. Give id=, a function of a batch."
            )
        return order[start : start + count]


def _batch_size(source: Any) -> int:
    return 1 if source.batch_sampler is None else int(getattr(source.batch_sampler, "batch_size", None) or 1)


def _all_true(processes: Processes, flag: bool) -> bool:
    return not processes.any(not flag)


def _have_same_data(processes: Processes, data: Batches, first: Batch | None) -> bool:
    """Whether all processes have the same data, judged by the number of instances and batches and by the first batch."""
    summary = None if first is None else [data.instances, len(data), ContentIds().for_batch(first)]
    summaries = processes.all_gather(repr(summary).encode())
    return first is not None and len(set(summaries)) == 1
