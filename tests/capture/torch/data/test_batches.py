"""Evaluation data of every form become batches of one form."""

from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, SequentialSampler, TensorDataset

from tensorboard_activis.capture.data.batch_forms import BATCH_SIZE
from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors, map_tensors
from tensorboard_activis.capture.torch.data.batches import Batches
from tensorboard_activis.errors import ConfigurationError

X, Y = torch.randn(7, 3, generator=torch.Generator().manual_seed(1)), torch.arange(7)


class One(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Two(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor | None = None) -> torch.Tensor:
        return a


class Anything(nn.Module):
    def forward(self, *args: Any, **kwargs: Any) -> None:
        pass


@dataclass
class Record:
    a: torch.Tensor
    target: torch.Tensor


Pair = namedtuple("Pair", ["a", "label"])


def only(data: Any, model: nn.Module | None = None, unpack: Any = None) -> Batch:
    batches = list(Batches(data, model or One(), unpack))
    assert len(batches) == 1
    return batches[0]


@pytest.mark.parametrize(
    ("raw", "model", "places", "names", "labelled"),
    [
        ((X, Y), One(), 1, set(), True),
        ([X, Y], One(), 1, set(), True),
        ([X], One(), 1, set(), False),
        (X, One(), 1, set(), False),
        ({"x": X, "labels": Y}, One(), 0, {"x"}, True),
        ({"x": X, "label": Y, "text": ["…"] * 7}, One(), 0, {"x"}, True),
        ({"x": X, "extra": X, "y": Y}, Anything(), 0, {"x", "extra"}, True),
        ({"other": X, "labels": Y}, One(), 1, set(), True),  # a dict as the one argument
        ((X, X, Y), Two(), 2, set(), True),
        (((X, X), Y), Two(), 2, set(), True),
        (({"a": X, "b": X}, Y), Two(), 0, {"a", "b"}, True),
        (Record(X, Y), Two(), 0, {"a"}, True),
        (Pair(X, Y), Two(), 0, {"a"}, True),
        (([X, X, X], Y), One(), 1, set(), True),  # a list as the one argument
    ],
)
def test_forms_of_a_batch(raw: Any, model: nn.Module, places: int, names: set[str], labelled: bool) -> None:
    batch = Batches([raw], model).batch(raw)
    assert (len(batch.args), set(batch.kwargs), batch.instances) == (places, names, 7)
    assert (batch.labels is not None) == labelled
    assert all(torch.equal(tensor, X) for tensor in all_tensors([batch.args, batch.kwargs]))


def test_numpy_becomes_tensors() -> None:
    batch = only((X.numpy(), Y.numpy()))
    assert torch.equal(batch.args[0], X)
    assert isinstance(batch.labels, np.ndarray)


def test_unpack() -> None:
    batch = only([{"deep": {"x": X, "y": Y}}], unpack=lambda raw: (raw["deep"]["x"], raw["deep"]["y"]))
    assert torch.equal(batch.args[0], X)
    assert torch.equal(batch.labels, Y)


def test_whole_tensors_are_cut() -> None:
    x, y = torch.randn(2 * BATCH_SIZE + 5, 3), list(range(2 * BATCH_SIZE + 5))
    batches = list(Batches((x, y), One()))
    assert [batch.instances for batch in batches] == [BATCH_SIZE, BATCH_SIZE, 5]
    assert torch.equal(torch.cat([batch.args[0] for batch in batches]), x)
    assert [label for batch in batches for label in batch.labels] == y
    assert len(Batches(((x, x), y), Two())) == 3
    assert [batch.instances for batch in Batches({"a": x, "labels": torch.tensor(y)}, Two())] == [
        BATCH_SIZE,
        BATCH_SIZE,
        5,
    ]


class Stream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(5))


ROWS = TensorDataset(X, Y)


@pytest.mark.parametrize(
    ("data", "fixed"),
    [
        ((X, Y), True),
        ([(X, Y)], True),
        (ROWS, True),
        (DataLoader(ROWS, 2), True),
        (DataLoader(ROWS, 2, shuffle=True), False),
        (DataLoader(ROWS, batch_sampler=BatchSampler(RandomSampler(ROWS), 2, False)), False),
        (DataLoader(ROWS, batch_sampler=BatchSampler(SequentialSampler(ROWS), 2, False)), True),
        (DataLoader(ROWS, None, sampler=RandomSampler(ROWS)), False),
        (DataLoader(Stream()), False),
        (Stream(), False),
        ({1: (X, Y)}.values(), False),
    ],
)
def test_whether_the_order_is_fixed(data: Any, fixed: bool) -> None:
    assert Batches(data, One()).fixed_order is fixed


def test_masks_are_found() -> None:
    mask = torch.tensor([[1, 0, 0]] * 7)
    padding_mask = only([{"x": X, "attention_mask": mask}], Anything()).mask
    assert padding_mask is not None
    assert torch.equal(padding_mask, mask.bool())
    assert only([{"x": X, "mask": torch.ones(7, 3, 3)}], Anything()).mask is None


def test_transform_keeps_the_form() -> None:
    value = {"a": [X, (X, "text")], "b": Record(X, Y), "c": Pair(X, None)}
    doubled = map_tensors(value, lambda tensor: tensor * 2)
    assert torch.equal(doubled["a"][1][0], X * 2)
    assert doubled["a"][1][1] == "text"
    assert isinstance(doubled["b"], Record)
    assert torch.equal(doubled["c"].a, X * 2)


def test_instances_by_labels_where_they_are_not_first() -> None:
    assert only([(torch.randn(4, 7, 3), Y)]).instances == 7


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([(X, X, Y)], r"a tuple of 3 \(a Tensor of shape \(7, 3\), .*unpack="),
        ([("a", "b")], "holds no tensor for the model; got a tuple of 2"),
        ([(X, Y[:5])], r"5 labels, but inputs of shape \(7, 3\)"),
        (iter([(X, Y)]), "can be read only once"),
        (3, "got a int"),
    ],
)
def test_other_forms_are_refused(data: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        list(Batches(data, One()))
