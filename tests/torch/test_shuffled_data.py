"""Loaders that shuffle and augment a data set: instances have their index as id, the same at every step."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, Subset

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger


class Augmented(Dataset[Any]):
    """Instance i has the value i, with noise that is another one each time."""

    def __len__(self) -> int:
        return 31

    def __getitem__(self, index: int) -> Any:
        return torch.full((5,), float(index)) + 0.1 * torch.rand(5), index % 3


class Mean(nn.Module):
    """Gives the mean, which tells which instance it is."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(5, 1, bias=False), nn.Linear(1, 3)
        nn.init.constant_(self.inner.weight, 0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.inner(x))
        return result


def doubled(examples: list[Any]) -> Any:
    """Makes two instances of each example."""
    inputs = torch.stack([example[0] for example in examples])
    return torch.cat([inputs, inputs]), torch.tensor([example[1] for example in examples] * 2)


LOADERS = {
    "shuffled": lambda: DataLoader(Augmented(), 6, shuffle=True),
    "one last instance": lambda: DataLoader(Augmented(), 5, shuffle=True),
    "own generator": lambda: DataLoader(Augmented(), 6, shuffle=True, generator=torch.Generator().manual_seed(3)),
    "workers": lambda: DataLoader(Augmented(), 6, shuffle=True, num_workers=1),
    "batch sampler": lambda: DataLoader(Augmented(), batch_sampler=BatchSampler(RandomSampler(Augmented()), 7, False)),
    "subset": lambda: DataLoader(Subset(Augmented(), range(31)), 6, shuffle=True),
}


@pytest.mark.parametrize("name", LOADERS)
def test_ids_are_indices_at_every_step(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    loader = LOADERS[name]()
    before = dict(vars(loader))
    with ActiVisLogger(tmp_path, Mean(), loader, layers=["inner"], sample=20, strict=True) as logger:
        for step in range(3):
            torch.manual_seed(step)
            list(loader)  # training goes on
            logger.log(step)
    assert vars(loader) == before
    run = open_run(tmp_path)
    ids = [run.snapshot(step).instances["id"].to_pylist() for step in range(3)]
    assert ids[0] == ids[1] == ids[2]
    values = []
    for step in range(3):
        snapshot = run.snapshot(step)
        values.append(snapshot.activations("inner")[:, 0])
        assert np.floor(values[-1] + 1e-2).tolist() == ids[step]
        assert [int(label) for label in snapshot.instances["label"].to_pylist()] == [index % 3 for index in ids[step]]
        assert snapshot.record.seen == 31
    assert not np.array_equal(values[0], values[1])  # augmented anew


def test_where_a_batch_has_more_instances_than_indices_the_content_identifies_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    loader = DataLoader(Augmented(), 6, shuffle=True, collate_fn=doubled)
    with ActiVisLogger(tmp_path, Mean(), loader, layers=["inner"], strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    assert snapshot.record.seen == 62
    assert all(isinstance(name, str) for name in snapshot.instances["id"].to_pylist())
