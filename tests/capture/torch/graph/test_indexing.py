"""The batch axis through indexing, gather and scatter, in whole models that do so."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

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
