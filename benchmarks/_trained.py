"""Fresh networks of PyTorch, their data and their training: what benchmarks/findings_networks.py tries the search on."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_classification
from torch import nn
from torch.nn import functional

EPOCHS = 30


class Recurrent(nn.Module):
    """An LSTM of 32 units over the eight rows of a digit."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 32, batch_first=True)
        self.hidden = nn.Linear(32, 32)
        self.relu = nn.ReLU()
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[instances, 8, 8] -> [instances, 10]"""
        result: torch.Tensor = self.head(self.relu(self.hidden(self.lstm(x)[0][:, -1])))
        return result


class Attending(nn.Module):
    """A transformer of two blocks of width 32 over the eight rows of a digit; GELU, normalisation first."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 32)
        self.places = nn.Parameter(0.02 * torch.randn(8, 32))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(32)
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[instances, 8, 8] -> [instances, 10]"""
        x = self.embed(x) + self.places
        for block in self.blocks:
            x = block(x)
        result: torch.Tensor = self.head(self.norm(x).mean(1))
        return result


class Questions(nn.Module):
    """Vectors of words, windows of three, the largest value of each of 48 maps, and a hidden layer."""

    def __init__(self, words: int, classes: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, 32, padding_idx=0)
        with torch.no_grad():
            self.embed.weight *= 0.1
        self.windows = nn.Conv1d(32, 48, 3, padding=1)
        self.hidden = nn.Linear(48, 32)
        self.relu = nn.ReLU()
        self.head = nn.Linear(32, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[instances, words] -> [instances, classes]"""
        maps = torch.relu(self.windows(self.embed(x).transpose(1, 2)))
        result: torch.Tensor = self.head(self.relu(self.hidden(maps.amax(2))))
        return result


def perceptron(*sizes: int) -> nn.Sequential:
    """Linear layers of these sizes with ReLUs between them."""
    layers: list[nn.Module] = []
    for into, out in pairwise(sizes):
        layers += [nn.Linear(into, out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def normalised() -> nn.Sequential:
    """A perceptron of digits with batch normalisation before its ReLUs."""
    blocks = [[nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()] for a, b in ((64, 64), (64, 32))]
    return nn.Sequential(nn.Flatten(), *blocks[0], *blocks[1], nn.Linear(32, 10))


def smooth() -> nn.Sequential:
    """A perceptron of digits with GELUs."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 10))


def digits(random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Images [1,797, 8, 8] and labels in random order."""
    data = load_digits()
    order = random.permutation(len(data.target))
    return torch.from_numpy((data.images[order] / 16).astype(np.float32)), torch.from_numpy(data.target[order])


def questions(random: np.random.Generator, trec: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The training questions of TREC, in this directory, as word ids [5,452, 20] and their six coarse classes, in random order."""
    lines = Path(trec, "TREC.train").read_text(encoding="latin-1").splitlines()
    kinds = sorted({line.split(":", 1)[0] for line in lines})
    words: dict[str, int] = {}
    ids = np.zeros((len(lines), 20), np.int64)
    for row, line in enumerate(lines):
        for place, word in enumerate(line.split(" ", 1)[1].lower().split()[:20]):
            ids[row, place] = words.setdefault(word, len(words) + 1)
    order = random.permutation(len(lines))
    labels = np.array([kinds.index(line.split(":", 1)[0]) for line in lines])
    return torch.from_numpy(ids[order]), torch.from_numpy(labels[order])


def cancer(random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised columns [569, 30] and two classes, in random order."""
    data = load_breast_cancer()
    return _table(random, data.data, data.target)


def diabetes(random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised columns [442, 10] and thirds of the disease's progression, in random order: a model is often wrong."""
    data = load_diabetes()
    return _table(random, data.data, np.searchsorted(np.quantile(data.target, [1 / 3, 2 / 3]), data.target))


def pixels(random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Digits as a table: [1,797, 64] and ten classes, in random order."""
    images, labels = digits(random)
    return images.reshape(len(images), 64), labels


def made_up(random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns [2,000, 12], of which six say something about four classes, and one label in ten at random."""
    data, labels = make_classification(
        2_000,
        12,
        n_informative=6,
        n_redundant=2,
        n_classes=4,
        flip_y=0.1,
        random_state=int(random.integers(2**31)),
    )
    return _table(random, data, labels)


def _table(random: np.random.Generator, data: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    order = random.permutation(len(labels))
    values = (data - data.mean(axis=0)) / data.std(axis=0)
    return torch.from_numpy(values[order].astype(np.float32)), torch.from_numpy(labels[order].astype(np.int64))


def trained(
    seed: int,
    make: Callable[[], nn.Module],
    inputs: torch.Tensor,
    targets: torch.Tensor,
    *,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = functional.cross_entropy,
    epochs: int = EPOCHS,
    rate: float = 2e-3,
    spike: int | None = None,
    each: Callable[[nn.Module, int], object] = lambda model, epoch: None,
) -> nn.Module:
    """A fresh network, trained with Adam in batches of 64; in the epoch `spike` at 30 times the rate. `each`: called after each."""
    torch.manual_seed(seed)
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for epoch in range(1, epochs + 1):
        optimizer.param_groups[0]["lr"] = rate * (30 if epoch == spike else 1)
        model.train()
        for batch in torch.randperm(len(inputs)).split(64):
            optimizer.zero_grad()
            loss(model(inputs[batch]), targets[batch]).backward()
            optimizer.step()
        each(model.eval(), epoch)
    return model
