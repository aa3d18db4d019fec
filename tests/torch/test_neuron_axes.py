"""The neurons are where the operators put them, whatever a module's class is called and whichever sizes coincide. By id."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger

#: Instances, batch size, positions, width: all different, or as many as others.
SIZES = [(26, 13, 7, 10), (24, 8, 8, 8), (12, 12, 12, 12), (19, 9, 9, 4)]


class ConvTokens(nn.Module):
    """Called a convolution, but a dense layer over tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.dense(x)
        return y


class NormOfMaps(nn.LayerNorm):
    """A norm of the last axis by its class, of the first by what it does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class NormOfTokens(nn.BatchNorm1d):
    """A norm of the first axis by its class, of the last by what it does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class StrongestToken(nn.Module):
    """Gathers one token of each instance by an index that depends on the data."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        index = x.square().sum(-1).argmax(1)
        return x.gather(1, index[:, None, None].expand(-1, 1, x.shape[-1]))[:, 0]


class SortedTokens(nn.Module):
    """The positions of each neuron by strength."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.take_along_dim(x, x.argsort(1), 1)


class SmallestNeurons(nn.Module):
    """Gathers other neurons at each position."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.gather(2, x.argsort(2)[:, :, :3])


class Heads(nn.Module):
    """Attention written out, merged into one width again."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        instances, positions, width = x.shape
        heads = x.reshape(instances, positions, 2, width // 2).transpose(1, 2)
        mixed = (heads @ heads.transpose(-1, -2)).softmax(-1) @ heads
        return mixed.transpose(1, 2).reshape(instances, positions, width)


class WeightsOnTheLeft(nn.Module):
    """A matrix of weights times maps."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 1)
        self.weights = nn.Parameter(torch.randn(6, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weights @ self.conv(x)


class MixedPositions(nn.Module):
    """Weights that mix positions and leave the neurons."""

    def __init__(self, positions: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.weights = nn.Parameter(torch.randn(5, positions))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ntc,st->nsc", self.dense(x), self.weights)


class TransposingProduct(nn.Module):
    """An einsum that puts its neurons first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(width, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ntc,cd->ndt", x, self.weights)


class Network(nn.Module):
    """A module under test, and an activation that has no axis of its own."""

    def __init__(self, module: nn.Module, *, maps: bool) -> None:
        super().__init__()
        self.maps = maps
        self.module = module
        self.act = nn.GELU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.act(self.module(x.transpose(1, 2) if self.maps else x))
        return y


#: By name: makes the module for positions and a width; the axis of its neurons; whether it takes maps [N, width, positions].
MODULES: dict[str, tuple[Callable[[int, int], nn.Module], int, bool]] = {
    "called a convolution": (lambda positions, width: ConvTokens(width), -1, False),
    "norm of maps": (lambda positions, width: NormOfMaps(width), 1, True),
    "norm of tokens": (lambda positions, width: NormOfTokens(width), -1, False),
    "strongest token": (lambda positions, width: StrongestToken(), -1, False),
    "sorted tokens": (lambda positions, width: SortedTokens(), -1, False),
    "smallest neurons": (lambda positions, width: SmallestNeurons(), -1, False),
    "heads": (lambda positions, width: Heads(), -1, False),
    "weights on the left": (lambda positions, width: WeightsOnTheLeft(width), 1, True),
    "mixed positions": (MixedPositions, -1, False),
    "transposing product": (lambda positions, width: TransposingProduct(width), 1, False),
}


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", list(MODULES))
def test_neurons_are_where_the_operators_put_them(tmp_path: Path, name: str, sizes: tuple[int, int, int, int]) -> None:
    instances, batch, positions, width = sizes
    torch.manual_seed(0)
    make, axis, maps = MODULES[name]
    model = Network(make(positions, width), maps=maps).eval()
    x = torch.randn(instances, positions, width)
    with ActiVisLogger(
        tmp_path, model, list(x.split(batch)), layers=["module", "act"], task="none", strict=True
    ) as log:
        log.log(0)
    with torch.no_grad():
        output = model.module(x.transpose(1, 2) if maps else x)
    snapshot = open_run(tmp_path).latest
    ids = np.asarray(snapshot.instances["id"])
    for layer, raw in (("module", output), ("act", nn.functional.gelu(output))):
        others = [each for each in range(1, raw.dim()) if each != axis % raw.dim()]
        expected = (raw.mean(others) if others else raw).numpy()
        activations = snapshot.activations(layer)
        assert activations.shape == expected.shape, layer
        np.testing.assert_allclose(activations, expected[ids], rtol=2e-3, atol=2e-3, err_msg=layer)


@pytest.mark.parametrize("size", [5, 8])
def test_a_module_that_squeezes_its_only_channel(tmp_path: Path, size: int) -> None:
    """A mask for each instance, whose columns are then its neurons; it costs no other layer."""

    class Mask(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.conv(x).squeeze(1)
            return y

    torch.manual_seed(0)
    model = nn.Sequential(Mask(), nn.Flatten(), nn.Linear(size * size, 3))
    x = torch.randn(20, 3, size, size)
    with ActiVisLogger(tmp_path, model, list(x.split(8)), layers=["0", "0.conv", "2"], task="none", strict=True) as log:
        log.log(0)
    snapshot = open_run(tmp_path).latest
    ids = np.asarray(snapshot.instances["id"])
    with torch.no_grad():
        mask, logits = model[0](x).numpy(), model(x).numpy()
    np.testing.assert_allclose(snapshot.activations("0"), mask.mean(1)[ids], rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(snapshot.activations("0.conv"), mask.mean((1, 2))[ids, None], rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(snapshot.activations("2"), logits[ids], rtol=2e-3, atol=1e-3)
