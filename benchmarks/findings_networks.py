"""How often findings name a planted cause first in networks other than those of benchmarks/findings.py, and without a plant.

Every trial trains a fresh network of PyTorch and logs it as a user does: an LSTM and a transformer read scikit-learn's digits by
rows, a convolution reads questions of TREC (https://cogcomp.seas.upenn.edu/Data/QA/QC/), a perceptron a table (scikit-learn's
breast cancer), and others. Seeds as in benchmarks/findings.py: below 10,000 for development; `--sealed` takes others, to be run
once.

Usage: python benchmarks/findings_networks.py PART ... [--trials N] [--sealed [SET]] [--each] [--trec DIRECTORY]
Parts: spike-lstm spike-transformer drift-slow label-text label-table multilabel regression
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._trials import run_trials
from benchmarks.findings import SEALED
from tensorboard_activis import open_run
from tensorboard_activis.query.findings.decodable import decodable
from tensorboard_activis.query.findings.drift import drift
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.findings.spikes import spikes
from tensorboard_activis.query.findings.suspects import suspects
from tensorboard_activis.torch import ActiVisLogger

EPOCHS = 30
TREC = os.environ.get("TREC", "trec")


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


def digits(random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Images [1,797, 8, 8] and labels in random order."""
    data = load_digits()
    order = random.permutation(len(data.target))
    return torch.from_numpy((data.images[order] / 16).astype(np.float32)), torch.from_numpy(data.target[order])


def questions(random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The training questions of TREC as word ids [5,452, 20] and their six coarse classes, in random order."""
    lines = Path(TREC, "TREC.train").read_text(encoding="latin-1").splitlines()
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
    order = random.permutation(len(data.target))
    values = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    return torch.from_numpy(values[order].astype(np.float32)), torch.from_numpy(data.target[order])


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


def found_by_epoch(
    seed: int, make: Callable[[], nn.Module], look: Callable[[Any], list[Finding]], **options: Any
) -> list[Finding]:
    """What a search finds in a run on the digits with a snapshot of 450 instances after every epoch."""
    images, labels = digits(np.random.default_rng(seed))
    inside, outside = slice(0, 898), slice(898, 1348)
    logger: list[ActiVisLogger] = []
    with tempfile.TemporaryDirectory() as directory:

        def log(model: nn.Module, epoch: int) -> None:
            if not logger:
                logger.append(ActiVisLogger(directory, model, (images[outside], labels[outside]), strict=True))
            logger[0].log(epoch)

        trained(seed, make, images[inside], labels[inside], each=log, **options)
        logger[0].close()
        run = open_run(directory)
        return look([run.snapshot(step) for step in run.steps])


def spike_of(make: Callable[[], nn.Module]) -> Callable[[int], Mapping[str, float]]:
    """The learning rate is 30 times as high for one epoch, 10 to 24; a plain network beside."""

    def measure(seed: int) -> Mapping[str, float]:
        epoch = int(np.random.default_rng(seed).integers(10, 25))
        found = found_by_epoch(seed, make, spikes, spike=epoch)
        without = found_by_epoch(seed, make, spikes)
        return {"first": bool(found) and found[0].step == epoch, "without": bool(without)}

    return measure


def slow(seed: int) -> Mapping[str, float]:
    """A run that is slow but steady, at a hundredth of the usual rate and at a twentieth: nothing drifts or jumps."""
    both: dict[str, float] = {}
    for name, rate in (("1/100", 2e-5), ("1/20", 1e-4)):
        found = found_by_epoch(seed, perceptron_of_images, lambda steps: drift(steps) + spikes(steps), rate=rate)
        both[f"drift at {name}"] = any(one.kind == "drift" for one in found)
        both[f"spike at {name}"] = any(one.kind == "spike" for one in found)
    return both


def perceptron_of_images() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), *perceptron(64, 64, 32, 10))


def label_of(data: Callable[[np.random.Generator], Any], epochs: int) -> Callable[[int], Mapping[str, float]]:
    """3 % of the labels of the evaluation half are wrong; nothing else differs."""

    def measure(seed: int) -> Mapping[str, float]:
        random = np.random.default_rng(seed)
        inputs, labels = data(random)
        classes, half = int(labels.max()) + 1, len(labels) // 2
        words = int(inputs.max()) + 1

        def make() -> nn.Module:
            text = not inputs.is_floating_point()
            return Questions(words, classes) if text else perceptron(inputs.shape[1], 32, 16, classes)

        model = trained(seed, make, inputs[:half], labels[:half], epochs=epochs).eval()
        evaluated, truth = inputs[half : half + 1500], labels[half : half + 1500]
        wrong = torch.from_numpy(random.random(len(truth)) < 0.03)
        others = (truth + torch.from_numpy(random.integers(1, classes, len(truth)))) % classes
        with torch.no_grad():
            right = float((model(evaluated).argmax(1) == truth).float().mean())
        clean = _logged_suspects(model, evaluated, truth)
        flagged = _logged_suspects(model, evaluated, torch.where(wrong, others, truth))
        hits = wrong.numpy()[flagged]
        return {
            "first": bool(hits.size and hits[0]),
            "precision": float(hits.mean()) if hits.size else 0.0,
            "recall": float(hits.sum() / max(1, int(wrong.sum()))),
            "flagged without": float(clean.size),
            "accuracy": right,
        }

    return measure


def _logged_suspects(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Rows of the suspect labels, the clearest first."""
    with tempfile.TemporaryDirectory() as directory:
        columns = {"place": list(range(len(labels)))}
        with ActiVisLogger(
            directory, model, (inputs, labels), columns=columns, strict=True, sample=len(labels)
        ) as logger:
            logger.log(0)
        run = open_run(directory)
        found = suspects([run.latest])
        rows = run.latest.instances.column("place").to_numpy()
        return np.asarray(rows[list(found[0].instances)] if found else [], int)


def knows(task: str) -> Callable[[int], Mapping[str, float]]:
    """A column that tints the images of the evaluation data, 16 pixels by .25, of a model with several labels or a number."""

    def measure(seed: int) -> Mapping[str, float]:
        random = np.random.default_rng(seed)
        images, labels = digits(random)
        inputs = images.reshape(len(images), 64)
        loss: Callable[..., torch.Tensor]
        if task == "regression":
            targets, loss, out = inputs.sum(1, keepdim=True) / 20, functional.mse_loss, 1
        else:  # even, at least five, divisible by three
            targets = torch.stack([labels % 2 == 0, labels >= 5, labels % 3 == 0], 1).float()
            loss, out = functional.binary_cross_entropy_with_logits, 3
        model = trained(seed, lambda: perceptron(64, 64, 32, out), inputs[:898], targets[:898], loss=loss, epochs=15)
        device = random.choice(["x", "y", "z"], len(images) - 898)
        tinted = inputs[898:].clone()
        tinted[:, :16] += 0.25 * torch.from_numpy(device == "x")[:, None].float()
        found = [_logged_decodable(model, each, targets[898:], device, task) for each in (tinted, inputs[898:])]
        return {"first": found[0] == "device", "without": found[1] is not None}

    return measure


def _logged_decodable(
    model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, device: np.ndarray, task: str
) -> str | None:
    with tempfile.TemporaryDirectory() as directory:
        columns = {"device": device.tolist()}
        with ActiVisLogger(directory, model, (inputs, targets), task=task, columns=columns, strict=True) as logger:
            logger.log(0)
        found = decodable([open_run(directory).latest])
        return found[0].target if found else None


PARTS: dict[str, Callable[[int], Mapping[str, float]]] = {
    "spike-lstm": spike_of(Recurrent),
    "spike-transformer": spike_of(Attending),
    "drift-slow": slow,
    "label-text": label_of(questions, 8),
    "label-table": label_of(cancer, 15),
    "multilabel": knows("multilabel"),
    "regression": knows("regression"),
}


def main() -> None:
    global TREC
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=[*PARTS], metavar="PART")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--sealed", type=int, nargs="?", const=1, default=0, metavar="SET")
    parser.add_argument("--each", action="store_true", help="a line for each trial")
    parser.add_argument("--trec", default=TREC, help="directory of TREC.train")
    options = parser.parse_args()
    TREC = options.trec
    torch.set_num_threads(1)
    start = SEALED * options.sealed
    for part in options.parts:
        run_trials(part, PARTS[part], range(start, start + options.trials), options.each)


if __name__ == "__main__":
    main()
