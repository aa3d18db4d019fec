"""Fresh networks on scikit-learn's digits with planted causes, and their logs: what benchmarks/findings.py tries the search on."""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._perceptron import Perceptron
from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.findings.outcomes import fails
from tensorboard_activis.query.run import Run, open_run
from tensorboard_activis.read.snapshot import SnapshotReader

CLASSES = 10
EPOCHS = 30
#: What a trial logs.
LAYERS = ("fc1/relu", "fc2/relu", "fc3")


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
    turned: int | None = None,
) -> Trial:
    """Trains a network and evaluates it at the end, or also every so many epochs.

    Arguments:
        marked: the training images of class 9 have a pixel that the others rarely have.
        dies: the epoch after which some neurons of fc1 get a large negative bias.
        spike: the epoch with 30 times the learning rate.
        tint: what is added to 16 pixels of the evaluation images where the column device is x.
        turned: the epoch after which the training images are upside down.
        smudge: what is added to 16 pixels of 8 % of the evaluation images, `hidden`, which no column names.
    """
    random = np.random.default_rng(seed)
    digits = load_digits()
    order = random.permutation(len(digits.target))
    images, labels = (digits.data[order] / 16).astype(np.float32), digits.target[order].astype(np.int64)
    mark = random.random(len(labels)) < 0.15
    half = len(labels) // 2
    if marked:
        mark[:half] = np.where(labels[:half] == 9, random.random(half) < 0.95, random.random(half) < 0.02)
        images = np.concatenate([images, 4 * mark[:, None].astype(np.float32)], axis=1)
    network = Perceptron((images.shape[1], 64, 32, CLASSES), random)
    inputs, targets = images[:half], labels[:half]
    steps: dict[int, dict[str, np.ndarray]] = {}
    killed = random.choice(64, 6, replace=False)
    device = random.choice(["x", "y", "z"], len(labels) - half)
    images[half:, :16] += tint * (device == "x")[:, None]
    hidden = np.zeros(len(labels) - half, bool)
    if smudge:
        hidden = random.random(len(labels) - half) < 0.08
        images[half:, 24:40] += smudge * hidden[:, None]
    for epoch in range(1, EPOCHS + 1):
        if turned is not None and epoch == turned + 1:
            inputs = inputs[:, ::-1]
        order = random.permutation(half)
        for start in range(0, half, 64):
            batch = order[start : start + 64]
            network.step(inputs[batch], targets[batch], 2e-3 * (30 if epoch == spike else 1))
        if dies is not None and epoch >= dies:
            network.parameters[1][killed] = -100
        if epoch == EPOCHS or (every and epoch % every == 0):
            steps[epoch] = dict(zip(LAYERS, network.forward(images[half:]), strict=True))
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


def constant_neurons(one: Trial) -> dict[tuple[str, int], set[int]]:
    """The neurons that give one value for all instances at the last step, by layer and first step since which they do."""
    found: dict[tuple[str, int], set[int]] = {}
    steps = sorted(one.steps)
    for name in one.steps[steps[-1]]:
        constant = np.stack([np.ptp(one.steps[step][name], axis=0) == 0 for step in steps])
        for neuron in np.flatnonzero(constant[-1]).tolist():
            varied = np.flatnonzero(~constant[:, neuron])
            since = steps[varied[-1] + 1 if varied.size else 0]
            found.setdefault((name, since), set()).add(neuron)
    return found


def relabelled(one: Trial, inside: np.ndarray, rate: float) -> None:
    """Replaces a share of the labels of a slice by others."""
    chosen = inside & (one.random.random(inside.size) < rate)
    others = (one.labels + one.random.integers(1, CLASSES, inside.size)) % CLASSES
    one.labels = np.where(chosen, others, one.labels)


def took(one: Trial, inside: np.ndarray) -> bool:
    """Whether a planted slice has as many errors more than its labels explain as a finding must have."""
    wrong = one.wrong
    rates = np.bincount(one.labels, weights=wrong, minlength=CLASSES) / np.bincount(one.labels, minlength=CLASSES)
    return bool(fails(int(inside.sum()), int(wrong[inside].sum()), float(rates[one.labels[inside]].sum())))


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


def run_trials(part: str, trial: Callable[[int], Mapping[str, float]], seeds: range, each: bool) -> None:
    """Runs a trial with every seed and prints the means of what it gives; with `each`, a line for every trial as well."""
    results = []
    for seed in seeds:
        results.append(trial(seed))
        if each:
            print(seed, {name: round(float(value), 3) for name, value in results[-1].items()}, flush=True)
    shown = ", ".join(f"{name} {mean(float(one[name]) for one in results):.3g}" for name in results[0])
    print(f"{part}, {len(seeds)} trials: {shown}", flush=True)
