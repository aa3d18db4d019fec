"""The batch axis through indexing, gather and scatter, in whole models that do so."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.tracer import record
from tensorboard_activis.capture.torch.model.evaluation_mode import evaluation_mode


class Steps(nn.Module):
    """Two layers with something between and something after."""

    def __init__(self, between: Callable[..., torch.Tensor], after: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.between, self.after = between, after
        self.inner, self.head = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.after(x, self.inner(self.between(x))))
        return result


ALL = torch.arange(7)


def order(x: torch.Tensor) -> torch.Tensor:
    return x[..., 0].argsort(0)


@pytest.mark.parametrize(
    ("between", "after", "inner", "head"),
    [
        # All seven are positive, so there are as many rows as instances, but they are gathered all the same.
        (lambda x: x[x[:, 0] > 0], lambda x, y: y, None, None),
        (lambda x: x[torch.nonzero(x[:, 0])[:, 0]], lambda x, y: y, None, None),
        (lambda x: torch.index_select(x, 0, order(x)), lambda x, y: y, None, None),
        # Ordered by their values, and then put back.
        (lambda x: x[order(x)], lambda x, y: y[order(x).argsort()], None, 0),
        (lambda x: x[order(x)], lambda x, y: torch.zeros_like(x).index_copy(0, order(x), y), None, 0),
        (lambda x: x[order(x)], lambda x, y: torch.zeros(7, 3).index_add(0, order(x), y), None, 0),
        # Ordered by a sort, once or twice, and put back or not.
        (lambda x: x.sort(0).values, lambda x, y: y, None, None),
        (lambda x: x.flip(0), lambda x, y: y, None, None),
        (lambda x: x.roll(1, 0), lambda x, y: y, None, None),
        (lambda x: x.roll(1, 1), lambda x, y: y, 0, 0),
        (lambda x: x[order(x)], lambda x, y: y[order(-x)], None, None),
        # Each twice, in another order, and put back as two positions of each.
        (
            lambda x: x[torch.cat([order(x), order(x)])],
            lambda x, y: y[torch.cat([order(x), order(x)]).argsort(stable=True)].view(7, 2, 3).sum(1),
            None,
            0,
        ),
        # One row after the other is no choice, nor is one of the neurons or positions.
        (lambda x: x[ALL], lambda x, y: y, 0, 0),
        (lambda x: x[:, torch.tensor([2, 0, 1])], lambda x, y: y.index_select(1, torch.tensor([1, 1, 0])), 0, 0),
        (lambda x: x.gather(1, x.argsort(1)), lambda x, y: y[:7], 0, 0),
    ],
)
def test_rows(
    between: Callable[..., torch.Tensor], after: Callable[..., torch.Tensor], inner: int | None, head: int | None
) -> None:
    model = Steps(between, after)
    with evaluation_mode(model):
        recording = record(model, (torch.rand(7, 3) + 0.1,), {}, 7)
    batches = {key: source.axes.batch for key, source in recording.layer_outputs.items()}
    assert batches.get("inner") == inner
    assert batches.get("head") == head


def test_one_position_per_instance() -> None:
    """The last real token: `states[torch.arange(n), last]`."""

    class Last(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[ALL, x[..., 0].argmax(1)] * 2

    with evaluation_mode(model := nn.Sequential(Last())):
        recording = record(model, (torch.rand(7, 5, 3),), {}, 7)
    assert recording.layer_outputs["0/mul"].axes.batch == 0
    assert recording.layer_outputs["0/mul"].axes.neuron_axis(2) == 1
    assert recording.layer_outputs["0/mul"].shape == (7, 3)


@pytest.mark.parametrize(("marked", "batch"), [(lambda x: x.argmax(1), 0), (lambda x: x.argmax(1).clamp(max=2), None)])
def test_one_marked_position_per_instance(marked: Callable[..., torch.Tensor], batch: int | None) -> None:
    """The end of each text: `states[ids == end]`, which is no choice of instances while each has one."""

    class Marked(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            mask = functional.one_hot(marked(x[..., 0]), 5).bool()
            if batch is None:
                mask[0], mask[1, :] = False, torch.tensor([True, True, False, False, False])
            return x[mask].view(7, 3) * 2

    with evaluation_mode(model := nn.Sequential(Marked())):
        recording = record(model, (torch.rand(7, 5, 3),), {}, 7)
    assert recording.outputs["0/mul"].axes.batch == batch


@pytest.mark.parametrize("sort", [True, False])
def test_packed_sequences_come_back_in_order(sort: bool) -> None:
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            lengths = torch.tensor([2, 4, 1, 3, 4, 4, 2])
            if sort:
                lengths = lengths.sort(descending=True).values
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=sort)
            result: torch.Tensor = self.head(nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], True)[0])
            return result

    with evaluation_mode(model := Packed()):
        recording = record(model, (torch.rand(7, 4, 3),), {}, 7)
    assert recording.layer_outputs["lstm[0]"].shape == (7, 4, 5)
    assert recording.layer_outputs["head"].axes == Axes(0, 2)


def test_sequences_that_the_user_sorts_are_put_back_by_the_user() -> None:
    class Sorted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            lengths = 2 + (x[:, 0, 0] > 0.5).long()
            by_length = lengths.argsort(descending=True)
            packed = nn.utils.rnn.pack_padded_sequence(x[by_length], lengths[by_length], True)
            states = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], True)[0]
            result: torch.Tensor = self.head(states[by_length.argsort()])
            return result

    with evaluation_mode(model := Sorted()):
        recording = record(model, (torch.rand(7, 4, 3),), {}, 7)
    assert "lstm[0]" not in recording.layer_outputs
    assert recording.layer_outputs["head"].axes == Axes(0, 2)


def test_heads_that_are_folded_into_the_instances_and_moved_about() -> None:
    """[instances * windows, 4, 6] becomes [3, instances * windows, 4, 2] and its first axis is taken apart."""

    class Folded(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            parts = x.reshape(14, 4, 6).reshape(14, 4, 3, 2).permute(2, 0, 1, 3)
            first, _, last = parts.unbind(0)
            return (first * last).tanh()

    with evaluation_mode(model := nn.Sequential(Folded())):
        recording = record(model, (torch.rand(7, 8, 6),), {}, 7)
    tanh = recording.layer_outputs["0/tanh"]
    assert tanh.axes.batch == 0
    assert tanh.axes.flattened
    assert tanh.shape == (7, 2, 4, 2)
