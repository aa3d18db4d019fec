"""Indices that a data loader gives, noted while it is iterated."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, TensorDataset

from tensorboard_activis.capture.torch.data.noted_indices import forget_indices, note_indices, noted_indices
from tensorboard_activis.errors import ActiVisError

DATA = TensorDataset(torch.arange(11))


class Words:
    """A sampler of what are no integers."""

    def __iter__(self) -> Iterator[str]:
        return iter("abc")

    def __len__(self) -> int:
        return 3


class Stream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(3))


@pytest.mark.parametrize("options", [{"batch_size": 4}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}])
@pytest.mark.parametrize("workers", [0, 1])
def test_indices_of_a_shuffled_pass(options: dict[str, Any], workers: int) -> None:
    loader: Any = DataLoader(DATA, sampler=RandomSampler(DATA), num_workers=workers, **options)
    before = (loader.batch_sampler, loader.sampler, len(loader))
    for _ in range(2):
        note_indices(loader)
        note_indices(loader)
        values = [value for (batch,) in loader for value in batch.reshape(-1).tolist()]
        notes = noted_indices(loader)
        assert notes is not None
        indices = notes.noted()
        assert indices.tolist()[: len(values)] == values
        assert len(loader) == before[2]
        forget_indices(loader)
        assert noted_indices(loader) is None
        assert (loader.batch_sampler, loader.sampler) == before[:2]


def test_persistent_workers_keep_what_notes(tmp_path: Any) -> None:
    loader: Any = DataLoader(DATA, 4, shuffle=True, num_workers=1, persistent_workers=True)
    for _ in range(2):
        note_indices(loader)
        values = [value for (batch,) in loader for value in batch.tolist()]
        notes = noted_indices(loader)
        assert notes is not None
        indices = notes.noted()
        assert indices.tolist() == values
        forget_indices(loader)
    loader._iterator._shutdown_workers()


def test_what_has_no_indices() -> None:
    note_indices([1, 2])
    assert noted_indices([1, 2]) is None
    stream: Any = DataLoader(Stream(), 2)
    note_indices(stream)
    assert noted_indices(stream) is None
    loader: Any = DataLoader(np.arange(9), sampler=Words(), batch_size=2, collate_fn=list)  # type: ignore[arg-type]
    note_indices(loader)
    iterator = iter(loader)
    with pytest.raises(IndexError):
        next(iterator)
    notes = noted_indices(loader)
    assert notes is not None
    with pytest.raises(ActiVisError, match="gives no integers"):
        notes.noted()
    assert copy.deepcopy(loader).batch_sampler.batch_size == 2
