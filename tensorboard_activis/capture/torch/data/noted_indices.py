"""Notes which instances a data loader gives while somebody else iterates it, where that cannot be known beforehand."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, IterableDataset

from tensorboard_activis.errors import ActiVisError


class NotedIndices:
    """Stands in a data loader in place of its sampler, and notes the indices in the data set that the sampler gives.

    Arguments:
        sampler: gives lists of indices, or single ones.

    Attributes:
        first_size: number of indices of the first batch; 0 before it.
    """

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler
        self._indices: list[Any] = []
        self.first_size = 0

    def __iter__(self) -> Iterator[Any]:
        self._indices, self.first_size = [], 0
        for batch in self._sampler:
            self._indices.extend(batch if isinstance(batch, (list, tuple)) else [batch])
            self.first_size = self.first_size or len(self._indices)
            yield batch

    def __len__(self) -> int:
        return len(self._sampler)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_sampler":  # while it is copied
            raise AttributeError(name)
        return getattr(self._sampler, name)

    def noted(self) -> np.ndarray:
        """The indices of the latest pass so far, int64 [instances].

        Raises:
            ActiVisError: they are no integers.
        """
        indices = np.array(self._indices)
        if indices.dtype.kind not in "iu" or indices.ndim != 1:
            raise ActiVisError(
                "The loader's sampler gives no integers, so instances have no index. Give id=, a function of a batch."
            )
        return indices.astype(np.int64)


def note_indices(loader: Any) -> None:
    """Has the loader's indices noted from its next pass on, until `forget_indices`; does nothing where there are none.

    The batches must come in the order in which their indices are given.
    """
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return
    if not getattr(loader, "in_order", True) or noted_indices(loader) is not None:
        return
    base, name = _place(loader)
    # A loader lets nobody set its sampler after it was made.
    vars(base)[name] = NotedIndices(getattr(base, name))


def forget_indices(loader: Any) -> None:
    """Gives the loader its sampler back; one with persistent workers keeps using the one that it began with."""
    if noted_indices(loader) is not None and not loader.persistent_workers:
        base, name = _place(loader)
        vars(base)[name] = vars(base)[name]._sampler


def noted_indices(loader: Any) -> NotedIndices | None:
    """What notes the loader's indices; None if nothing does."""
    if not isinstance(loader, DataLoader):
        return None
    base, name = _place(loader)
    sampler = vars(base).get(name)
    return sampler if isinstance(sampler, NotedIndices) else None


def _place(loader: Any) -> tuple[Any, str]:
    """The loader that is iterated, which accelerate wraps into its own, and the name of its sampler."""
    base = getattr(loader, "base_dataloader", loader)
    return base, "sampler" if base.batch_sampler is None else "batch_sampler"
