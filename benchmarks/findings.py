"""How often findings name a planted cause first, and how often they name one where nothing is planted.

Every trial trains a fresh network (64-64-32-10, on scikit-learn's digits) with its own split, columns and plant. Two nulls: the
errors shuffled within the label ("shuffled": nothing can be found but by chance), and the plain network ("natural": what is
found may be a true structure of its errors). Seeds 0 to 9,999 are for development; `--sealed` takes others, which no method was
chosen by: run it once, and report what it says.

Usage: python benchmarks/findings.py [PART ...] [--trials N] [--sealed]
Parts: slice slice20 pair pair20 word shortcut region neighbours label died spike decodable speed (all without any)
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.query.findings.dead import dead
from tensorboard_activis.query.findings.decodable import decodable
from tensorboard_activis.query.findings.finding import Finding, ranked
from tensorboard_activis.query.findings.regions import regions
from tensorboard_activis.query.findings.search import search
from tensorboard_activis.query.findings.shortcuts import shortcuts
from tensorboard_activis.query.findings.slices import slices
from tensorboard_activis.query.findings.spikes import spikes
from tensorboard_activis.query.findings.suspects import suspects
from tensorboard_activis.query.run import Run, open_run
from tensorboard_activis.read.snapshot import SnapshotReader

SEALED = 10_000
CLASSES = 10
EPOCHS = 30


@dataclass
class Trial:
    """One fresh network over its evaluation data.

    Attributes:
        random: the generator of this trial.
        images: float32 [instances, pixels]; labels: int [instances].
        steps: by step, the activations of each layer [instances, neurons]; the last layer holds the logits.
        columns: user columns by name.
        texts: of the instances, where there are any.
        hidden: which evaluation images are smudged, bool [instances].
    """

    random: np.random.Generator
    images: np.ndarray
    labels: np.ndarray
    steps: dict[int, dict[str, np.ndarray]]
    columns: dict[str, list[Any]]
    texts: list[str] | None = None
    hidden: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def logits(self) -> np.ndarray:
        """Of the last step, [instances, classes]."""
        return self.steps[max(self.steps)]["fc3"]

    @property
    def wrong(self) -> np.ndarray:
        """Which predictions are wrong, bool [instances]."""
        return np.asarray(self.logits.argmax(axis=1) != self.labels)


def trial(
    seed: int,
    *,
    marked: bool = False,
    every: int = 0,
    dies: int | None = None,
    spike: int | None = None,
    tint: float = 0.0,
    smudge: float = 0.0,
) -> Trial:
    """Trains a network and evaluates it at the end, or also every so many epochs.

    Arguments:
        marked: the training images of class 9 have a pixel that the others rarely have.
        dies: the epoch after which some neurons of fc1 get a large negative bias.
        spike: the epoch with 30 times the learning rate.
        tint: what is added to 16 pixels of the evaluation images where the column device is x.
        smudge: what is added to 16 pixels of 8 % of the evaluation images, `hidden`, which no column names.
    """
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    digits = load_digits()
    order = random.permutation(len(digits.target))
    images, labels = (digits.data[order] / 16).astype(np.float32), digits.target[order].astype(np.int64)
    mark = random.random(len(labels)) < 0.15
    half = len(labels) // 2
    if marked:
        mark[:half] = np.where(labels[:half] == 9, random.random(half) < 0.95, random.random(half) < 0.02)
        images = np.concatenate([images, 4 * mark[:, None].astype(np.float32)], axis=1)
    layers = [torch.nn.Linear(a, b) for a, b in ((images.shape[1], 64), (64, 32), (32, CLASSES))]
    optimizer = torch.optim.Adam([weight for layer in layers for weight in layer.parameters()], 2e-3)
    inputs, targets = torch.from_numpy(images[:half]), torch.from_numpy(labels[:half])

    def forward(values: torch.Tensor) -> dict[str, torch.Tensor]:
        one = torch.relu(layers[0](values))
        two = torch.relu(layers[1](one))
        return {"fc1/relu": one, "fc2/relu": two, "fc3": layers[2](two)}

    steps: dict[int, dict[str, np.ndarray]] = {}
    killed = torch.from_numpy(random.choice(64, 6, replace=False))
    device = random.choice(["x", "y", "z"], len(labels) - half)
    images[half:, :16] += tint * (device == "x")[:, None]
    hidden = np.zeros(len(labels) - half, bool)
    if smudge:
        hidden = random.random(len(labels) - half) < 0.08
        images[half:, 24:40] += smudge * hidden[:, None]
    for epoch in range(1, EPOCHS + 1):
        optimizer.param_groups[0]["lr"] = 2e-3 * (30 if epoch == spike else 1)
        for batch in torch.randperm(half).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(forward(inputs[batch])["fc3"], targets[batch]).backward()
            optimizer.step()
        if dies is not None and epoch >= dies:
            with torch.no_grad():
                layers[0].bias[killed] = -100.0
        if epoch == EPOCHS or (every and epoch % every == 0):
            with torch.no_grad():
                steps[epoch] = {name: one.numpy() for name, one in forward(torch.from_numpy(images[half:])).items()}
    n, shown = len(labels) - half, images[half:, :64]
    columns: dict[str, list[Any]] = {
        "site": random.choice(list("ABCDEF"), n).tolist(),
        "device": device.tolist(),
        "batch": random.choice(list("KLMNOPQRST"), n).tolist(),
        "flag": (random.random(n) < 0.3).tolist(),
        "age": random.normal(size=n).tolist(),
        "gain": random.normal(size=n).tolist(),
        "ink": shown.mean(axis=1).tolist(),
        "contrast": shown.std(axis=1).tolist(),
    }
    if marked:
        columns["mark"] = mark[half:].tolist()
    made = Trial(random, shown, labels[half:], steps, columns)
    made.columns["killed"] = killed.tolist()
    made.hidden = hidden
    return made


def logged(one: Trial, directory: Path) -> Run:
    """Logs a trial with the recorder of the callbacks."""
    first = one.steps[min(one.steps)]
    infos = tuple(
        schema.LayerInfo(name, values.shape[1], "none", 0, schema.Shape((-1, values.shape[1])))
        for name, values in first.items()
    )
    nodes = (schema.Node("", None, "module", "Net", "Net"), *(schema.Node(n, "", "module", n, "Linear") for n in first))
    graph = schema.Graph("torch", "Net", nodes, ())
    recorder = Recorder(directory, graph, infos, class_names=[f"{c}" for c in range(CLASSES)], sample=None, strict=True)
    for step, layers in one.steps.items():
        with recorder.snapshot(step) as evaluation:
            evaluation.add(
                BatchRecord(
                    layers,
                    labels=one.labels,
                    outputs=layers["fc3"],
                    ids=list(range(len(one.labels))),
                    texts=one.texts,
                    columns={name: values for name, values in one.columns.items() if name != "killed"},
                )
            )
    recorder.close()
    return open_run(directory)


def found_in(one: Trial, look: Callable[[Sequence[SnapshotReader]], list[Finding]]) -> list[Finding]:
    """What a search finds in a trial, strongest first."""
    with tempfile.TemporaryDirectory() as directory:
        run = logged(one, Path(directory))
        found = look([run.snapshot(step) for step in run.steps])
    return sorted(found, key=lambda finding: -finding.strength)


def relabelled(one: Trial, inside: np.ndarray, rate: float) -> None:
    """Replaces a share of the labels of a slice by others."""
    chosen = inside & (one.random.random(inside.size) < rate)
    others = (one.labels + one.random.integers(1, CLASSES, inside.size)) % CLASSES
    one.labels = np.where(chosen, others, one.labels)


def shuffled(one: Trial) -> None:
    """Shuffles all that the network makes of the instances within each label."""
    for c in range(CLASSES):
        here = np.flatnonzero(one.labels == c)
        there = one.random.permutation(here)
        for layers in one.steps.values():
            for name in layers:
                layers[name] = layers[name].copy()
                layers[name][here] = layers[name][there]


def scattered(one: Trial) -> None:
    """Shuffles which predictions are wrong among ten groups of like scores of the predicted class."""
    shares = np.exp(one.logits - one.logits.max(axis=1, keepdims=True))
    ranks = np.argsort(np.argsort((shares / shares.sum(axis=1, keepdims=True)).max(axis=1)))
    predicted, wrong = one.logits.argmax(axis=1), one.wrong
    for group in range(10):
        here = np.flatnonzero(ranks * 10 // len(ranks) == group)
        wrong[here] = wrong[one.random.permutation(here)]
    one.labels = np.where(wrong, (predicted + one.random.integers(1, CLASSES, wrong.size)) % CLASSES, predicted)


def columns_slice(rate: float, pair: bool) -> Callable[[int], Mapping[str, float]]:
    """One column's value, or those of two, with a share of wrong labels; and both nulls."""

    def measure(seed: int) -> Mapping[str, float]:
        one = trial(seed)
        inside = np.array(one.columns["site"]) == "D"
        expected = 'site == "D"'
        if pair:
            inside &= np.array(one.columns["device"]) == "x"
            expected = 'device == "x" and site == "D"'
        plain = found_in(one, slices)
        relabelled(one, inside, rate)
        found = found_in(one, slices)
        shuffled(one)
        return {
            "first": bool(found) and found[0].subset == expected,
            "listed": any(each.subset == expected for each in found),
            "shuffled": bool(found_in(one, slices)),
            "natural": bool(plain),
        }

    return measure


def word(seed: int) -> Mapping[str, float]:
    """A word that is in 5 to 15 % of the texts, of a vocabulary of 5,000 whose frequencies fall as 1/rank."""
    one = trial(seed)
    n = len(one.labels)
    share = 1 / np.arange(1, 5_001)
    drawn = one.random.choice(5_000, (n, 20), p=share / share.sum())
    one.texts = [" ".join(f"w{index}" for index in row) for row in drawn]
    present = np.array([np.count_nonzero((drawn == index).any(axis=1)) / n for index in range(400)])
    planted = int(one.random.choice(np.flatnonzero((present >= 0.05) & (present <= 0.15))))
    relabelled(one, (drawn == planted).any(axis=1), 0.35)
    found = found_in(one, slices)
    shuffled(one)
    right = bool(found) and found[0].title == f"text has the word w{planted} fails"
    return {"first": right, "shuffled": bool(found_in(one, slices))}


def shortcut(seed: int) -> Mapping[str, float]:
    """A pixel that nearly all training images of class 9 have; and a network that never saw it."""
    found = found_in(trial(seed, marked=True), shortcuts)
    plain = trial(seed)
    natural = bool(found_in(plain, shortcuts))
    shuffled(plain)
    right = bool(found) and found[0].title == "mark is taken for 9"
    return {"first": right, "shuffled": bool(found_in(plain, shortcuts)), "natural": natural}


def gathered(nearest: bool) -> Callable[[int], Mapping[str, float]]:
    """60 % wrong labels in what no column names: smudged images, or the 40 images nearest to one; and both nulls."""

    def measure(seed: int) -> Mapping[str, float]:
        plain = found_in(trial(seed), regions)
        one = trial(seed, smudge=0.0 if nearest else 0.5)
        inside = one.hidden
        if nearest:
            centre = one.images[int(one.random.integers(len(one.labels)))]
            inside[np.argsort(((one.images - centre) ** 2).sum(axis=1))[:40]] = True
        relabelled(one, inside, 0.6)
        with tempfile.TemporaryDirectory() as directory:
            run = logged(one, Path(directory))
            found = ranked(regions([run.latest]))
            ids = run.latest.instances.column("id").to_numpy()
        listed = ids[list(found[0].instances)] if found else np.zeros(0, int)
        precision = float(inside[listed].mean()) if found else 0.0
        recall = float(inside[listed].sum() / inside.sum())
        scattered(one)
        return {
            "first": precision >= 0.5 and recall >= 0.5,
            "precision": precision,
            "recall": recall,
            "shuffled": bool(found_in(one, regions)),
            "natural": bool(plain),
            "natural strength": plain[0].strength if plain else 0.0,
            "strength": found[0].strength if found else 0.0,
        }

    return measure


def label(seed: int) -> Mapping[str, float]:
    """3 % of the labels are wrong."""
    one = trial(seed)
    clean = found_in(one, suspects)
    before = one.labels
    relabelled(one, np.ones(before.size, bool), 0.03)
    wrong = one.labels != before
    with tempfile.TemporaryDirectory() as directory:
        run = logged(one, Path(directory))
        found = suspects([run.latest])
        ids = run.latest.instances.column("id").to_numpy()
    flagged = ids[list(found[0].instances)] if found else np.zeros(0, int)
    return {
        "first": bool(flagged.size) and bool(wrong[flagged[0]]),
        "precision": float(wrong[flagged].mean()) if flagged.size else 0.0,
        "recall": float(wrong[flagged].sum() / wrong.sum()),
        "flagged without": float(len(clean[0].instances)) if clean else 0.0,
    }


def died(seed: int) -> Mapping[str, float]:
    """Six neurons of the first layer are killed after a random epoch; a plain network beside."""
    epoch = int(np.random.default_rng(seed).integers(8, 28))
    one = trial(seed, every=2, dies=epoch)
    first = next(step for step in one.steps if step >= epoch)
    killed = set(one.columns["killed"])
    late = [each for each in found_in(one, dead) if each.step == first]
    # A killed neuron that was dead before died then.
    before = set(np.flatnonzero(np.ptp(one.steps[first - 2]["fc1/relu"], axis=0) == 0).tolist())
    exact = len(late) == 1 and set(late[0].neurons) >= killed - before and late[0].layer == "fc1/relu"
    plain = found_in(trial(seed, every=2), dead)
    return {"step and set": exact, "died without": any(each.step > 2 for each in plain)}


def spike(seed: int) -> Mapping[str, float]:
    """The learning rate is 30 times as high for one epoch, 10 to 24; a plain network beside. A snapshot per epoch."""
    epoch = int(np.random.default_rng(seed).integers(10, 25))
    found = found_in(trial(seed, every=1, spike=epoch), spikes)
    return {"first": bool(found) and found[0].step == epoch, "without": bool(found_in(trial(seed, every=1), spikes))}


def knows(seed: int) -> Mapping[str, float]:
    """A column that tints the images of the evaluation data, 16 pixels by .25; and the same column without that."""
    found = found_in(trial(seed, tint=0.25), decodable)
    plain = trial(seed)
    without = found_in(plain, decodable)
    return {"first": bool(found) and found[0].title.endswith("knows device"), "without": bool(without)}


def speed(seed: int) -> Mapping[str, float]:
    """Seconds for all findings of 1,000 and of 100,000 instances, 10 layers of 512 neurons, 8 columns."""
    seconds: dict[str, float] = {}
    for n in (1_000, 100_000):
        random = np.random.default_rng(seed)
        labels = random.integers(0, CLASSES, n)
        predicted = np.where(random.random(n) < 0.08, random.integers(0, CLASSES, n), labels)
        logits = (5 * np.eye(CLASSES)[predicted] + random.normal(size=(n, CLASSES))).astype(np.float32)
        centres = random.normal(size=(CLASSES, 512)).astype(np.float32)
        layers = {f"l{i}": centres[labels] + random.standard_normal((n, 512), np.float32) for i in range(10)}
        columns: dict[str, list[Any]] = {f"c{i}": random.choice(list("ABCDEF"), n).tolist() for i in range(5)}
        columns |= {f"x{i}": random.normal(size=n).tolist() for i in range(3)}
        one = Trial(random, np.zeros((n, 1)), labels, {1: layers | {"fc3": logits}}, columns)
        with tempfile.TemporaryDirectory() as directory:
            run = logged(one, Path(directory))
            start = time.perf_counter()
            search([run.latest])
            seconds[f"{n:,} instances"] = time.perf_counter() - start
    return seconds


PARTS: dict[str, Callable[[int], Mapping[str, float]]] = {
    "slice": columns_slice(0.35, pair=False),
    "slice20": columns_slice(0.20, pair=False),
    "pair": columns_slice(0.35, pair=True),
    "pair20": columns_slice(0.20, pair=True),
    "word": word,
    "shortcut": shortcut,
    "region": gathered(nearest=False),
    "neighbours": gathered(nearest=True),
    "label": label,
    "died": died,
    "spike": spike,
    "decodable": knows,
    "speed": speed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--sealed", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for part in options.parts or PARTS:
        start = SEALED if options.sealed else 0
        trials = 1 if part == "speed" else options.trials
        results = [PARTS[part](seed) for seed in range(start, start + trials)]
        shown = ", ".join(f"{name} {mean(float(one[name]) for one in results):.3g}" for name in results[0])
        print(f"{part}, {trials} trials: {shown}", flush=True)


if __name__ == "__main__":
    main()
