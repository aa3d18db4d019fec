"""Batch axis and neuron axis of layers' outputs, in whole models."""

import torch
from torch import nn

from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.layer_outputs import Recording
from tensorboard_activis.capture.torch.graph.tracer import record
from tensorboard_activis.capture.torch.model.evaluation_mode import evaluation_mode


def record_eval(model: nn.Module, *args: torch.Tensor, instances: int = 7) -> Recording:
    with evaluation_mode(model):
        return record(model, args, {}, instances)


def sizes(recording: Recording, key: str) -> tuple[int, ...]:
    return next(node.outputs[0].sizes for node in recording.graph.nodes if node.key == key)


def test_axes_of_neurons_are_followed() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 5, 1)
            self.norm = nn.LayerNorm(5)
            self.act = nn.GELU()
            self.time = nn.Conv1d(5, 6, 1)
            self.tanh = nn.Tanh()
            self.pool = nn.AdaptiveAvgPool1d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.act(self.norm(self.conv(x).permute(0, 2, 3, 1)))
            return self.pool(self.tanh(self.time(x.flatten(1, 2).transpose(1, 2))))

    recording = record_eval(Mixed(), torch.randn(7, 3, 4, 2))
    axis = {key: source.axes.neurons for key, source in recording.layer_outputs.items()}
    assert axis["conv"] == 1
    assert axis["norm"] == 3
    assert axis["act"] == 3
    assert axis["time"] == 1
    assert axis["tanh"] == 1
    assert axis["pool"] == 1


def test_axes_of_instances_are_followed() -> None:
    class TimeFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(3, 5)
            self.act = nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out, _ = self.lstm(x.transpose(0, 1))
            return self.act(out)

    recording = record_eval(TimeFirst(), torch.randn(7, 4, 3))
    assert recording.layer_outputs["act"].axes.batch == 1
    assert recording.layer_outputs["act"].shape == (4, 7, 5)
    assert sizes(recording, "act") == (4, -1, 5)


def test_tokens_of_all_instances_in_one_row() -> None:
    class Expert(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x.reshape(-1, 3)).relu().view(x.shape[0], -1, 5)

    recording = record_eval(Expert(), torch.randn(7, 4, 3))
    assert recording.layer_outputs["inner"].axes == Axes(0, 1, flattened=True)
    assert recording.layer_outputs["inner"].shape == (7, 4, 5)
    assert sizes(recording, "inner/relu") == (-1, 4, 5)
    assert recording.layer_outputs[""].axes == Axes(0, 2)


def test_axes_through_reshapes() -> None:
    class Shuffle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 6, 1)
            self.act = nn.ReLU()
            self.heads = nn.Linear(6, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x)
            x = self.act(x.view(7, 2, 3, 5, 4).transpose(1, 2).contiguous().view(7, 6, 5, 4))
            x = self.heads(x.flatten(2).transpose(1, 2)).view(7, 20, 2, 4).transpose(1, 2) + 1
            return x.transpose(1, 2).reshape(7, 20, 8) * 2

    recording = record_eval(Shuffle(), torch.randn(7, 3, 5, 4))
    all_axes = {key: source.axes for key, source in recording.layer_outputs.items()}
    assert all_axes["act"].neuron_axis(4) == 1
    assert all_axes["/add"].batch == 0
    assert all_axes["/mul"].neuron_axis(3) == 2


def test_axes_through_modules_that_only_permute() -> None:
    class Permute(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.permute(0, 3, 1, 2)

    model = nn.Sequential(Permute(), nn.LayerNorm(5), Permute(), nn.ReLU())
    recording = record_eval(model, torch.randn(7, 2, 5, 6))
    assert recording.layer_outputs["2"].axes == Axes(0, 1)
    assert recording.layer_outputs["3"].axes == Axes(0, 1)
