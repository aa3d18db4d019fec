"""The instance axis is the one that changes with the number of instances, by id against plain hooks, also where sizes coincide."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.changing_axes import instance_axes
from tensorboard_activis.torch import ActiVisLogger


@pytest.mark.parametrize(
    ("axes", "shape", "other", "expected"),
    [
        (Axes(0, 2), (11, 11, 16), (11, 7, 16), Axes(1, 2)),  # sequence first, as many tokens as instances
        (Axes(0, 2), (11, 11, 16), (7, 11, 16), Axes(0, 2)),
        (Axes(0, 1), (11, 11), (7, 7), Axes(None, 1)),  # similarities of all with all
        (Axes(0, 1), (1, 11), (1, 11), Axes(None, 1)),  # the same whatever the batch
        (Axes(0, 1, flattened=True), (44, 5), (28, 5), Axes(0, 1, flattened=True)),
        (Axes(0, 1), (11, 9), (7, 8), Axes(None, 1)),  # the width depends on the batch
        (Axes(None, 1, gathered=True), (11, 4), (7, 4), Axes(None, 1, gathered=True)),
        (Axes(1, 0), (16, 11), (16, 7), Axes(1, 0)),
        (Axes(0, None), (11, 3, 4, 5), (7, 3, 4, 5), Axes(0, None)),
    ],
)
def test_axes_of_two_shapes(axes: Axes, shape: Any, other: Any, expected: Axes) -> None:
    assert instance_axes(axes, shape, other, 11, 7) == expected


class SequenceFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.lstm, self.head = nn.Embedding(50, 16), nn.LSTM(16, 12), nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.lstm(self.embed(x.t()))[0][-1])
        return out


class NormOfMaps(nn.LayerNorm):
    """Takes and gives [instances, channels, height, width]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def activations(directory: Path, model: nn.Module, x: torch.Tensor, batch: int, layer: str) -> np.ndarray:
    """The activations of a layer in the order of the data."""
    with ActiVisLogger(directory, model, DataLoader(TensorDataset(x), batch), layers=[layer], strict=True) as logger:
        logger.log(0)
    snapshot = open_run(directory).latest
    values = np.empty((len(x), snapshot.layers[layer].info.neurons), np.float32)
    values[np.asarray(snapshot.instances["id"])] = snapshot.activations(layer)
    return values


@pytest.mark.parametrize(("length", "batch"), [(8, 8), (11, 32), (7, 9), (16, 16), (12, 12), (5, 1)])
def test_sequence_first(tmp_path: Path, length: int, batch: int) -> None:
    torch.manual_seed(0)
    model, x = SequenceFirst().eval(), torch.randint(0, 50, (2 * batch + 1, length))
    with torch.no_grad():
        want = model.embed(x).mean(1).numpy()
    np.testing.assert_allclose(activations(tmp_path, model, x, batch, "embed"), want, atol=5e-3)


@pytest.mark.parametrize("channels", [11, 4])
def test_a_norm_that_permutes_inside(tmp_path: Path, channels: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, channels, 3), NormOfMaps(channels), nn.ReLU()).eval()
    x = torch.randn(14, 1, 9, 8)
    with torch.no_grad():
        want = model(x).mean((2, 3)).numpy()
    np.testing.assert_allclose(activations(tmp_path, model, x, 6, "2"), want, atol=5e-3)


def test_batches_of_different_sizes_give_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = SequenceFirst().eval(), torch.randint(0, 50, (22, 11))
    one = activations(tmp_path / "one", model, x, 11, "embed")
    other = activations(tmp_path / "other", model, x, 5, "embed")
    np.testing.assert_allclose(one, other, atol=1e-3)
