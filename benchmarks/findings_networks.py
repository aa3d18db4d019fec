"""How often findings name a planted cause first in networks other than those of benchmarks/findings.py, and without a plant.

Every trial trains a fresh network of PyTorch and logs it as a user does: an LSTM and a transformer read scikit-learn's digits by
rows, a convolution reads questions of TREC (https://cogcomp.seas.upenn.edu/Data/QA/QC/), a perceptron a table (scikit-learn's
breast cancer), and others. Seeds as in benchmarks/findings.py: below 10,000 for development; `--sealed` takes others, to be run
once.

Usage: python benchmarks/findings_networks.py PART ... [--trials N] [--sealed [SET]] [--each] [--trec DIRECTORY]
Parts: spike-lstm spike-transformer drift-slow dead-lstm dead-batchnorm dead-gelu label-text label-table shortcut-table
multilabel regression
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._trained import (
    EPOCHS,
    Attending,
    Questions,
    Recurrent,
    cancer,
    diabetes,
    digits,
    made_up,
    normalised,
    perceptron,
    pixels,
    questions,
    smooth,
    trained,
)
from benchmarks._trials import run_trials
from benchmarks.findings import SEALED
from tensorboard_activis import open_run
from tensorboard_activis.query.findings.dead import dead
from tensorboard_activis.query.findings.decodable import decodable
from tensorboard_activis.query.findings.drift import drift
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.findings.shortcuts import shortcuts
from tensorboard_activis.query.findings.spikes import spikes
from tensorboard_activis.query.findings.suspects import suspects
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.torch import ActiVisLogger

TREC = os.environ.get("TREC", "trec")


def found_by_epoch(
    seed: int,
    make: Callable[[], nn.Module],
    look: Callable[[Any], list[Finding]],
    *,
    every: int = 1,
    after: Callable[[nn.Module, int, torch.Tensor], object] = lambda model, epoch, images: None,
    **options: Any,
) -> list[Finding]:
    """What a search finds in a run on the digits with a snapshot of 450 instances after every so many epochs.

    `after`: called after each epoch, before its snapshot, with the evaluated images.
    """
    images, labels = digits(np.random.default_rng(seed))
    inside, outside = slice(0, 898), slice(898, 1348)
    logger: list[ActiVisLogger] = []
    with tempfile.TemporaryDirectory() as directory:

        def log(model: nn.Module, epoch: int) -> None:
            if not logger:
                logger.append(ActiVisLogger(directory, model, (images[outside], labels[outside]), strict=True))
            after(model, epoch, images[outside])
            if epoch % every == 0:
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


def close_gates(model: nn.Module, units: np.ndarray) -> None:
    """Three units of an LSTM whose output gate stays closed, and three whose gates and cell are saturated."""
    bias = dict(model.named_parameters())["lstm.bias_ih_l0"].view(4, -1)
    bias[3, units[:3]] = -100
    bias[:, units[3:]] = 12


def close_norms(model: nn.Module, units: np.ndarray) -> None:
    """Three units that normalisation moves far below 0 before a ReLU, and three that it scales by 0."""
    norm = model.get_submodule("2")
    assert isinstance(norm, nn.BatchNorm1d)
    norm.bias[units[:3]] = -100
    norm.weight[units[3:]], norm.bias[units[3:]] = 0, 0.5


def close_biases(model: nn.Module, units: np.ndarray) -> None:
    """Three units that a GELU makes exactly 0, and three that it brings near 0 on all images."""
    linear = model.get_submodule("1")
    assert isinstance(linear, nn.Linear)
    linear.bias[units[:3]], linear.bias[units[3:]] = -100, -10


def died(
    make: Callable[[], nn.Module], layer: str, kill: Callable[[nn.Module, np.ndarray], None]
) -> Callable[[int], Mapping[str, float]]:
    """Six neurons of a layer are killed after a random epoch; a plain network beside. All that is listed is looked up.

    By plain hooks: a neuron whose values are equal for all images, at every place, must be listed with the first snapshot since
    which they are; one may be whose values vary by at most a thousandth of what nine in ten of its layer vary by.
    """

    def measure(seed: int) -> Mapping[str, float]:
        random = np.random.default_rng(seed)
        epoch, every = int(random.integers(8, 28)), 2
        killed = random.choice(32, 6, replace=False)

        def compared(since: int) -> tuple[dict[tuple[str, int], set[int]], int, int]:
            seen: dict[int, dict[str, np.ndarray]] = {}
            layers: set[str] = set()

            def after(model: nn.Module, now: int, images: torch.Tensor) -> None:
                if now >= since:
                    with torch.no_grad():
                        kill(model, killed)
                if now % every == 0:
                    seen[now] = _ranges(model, images)

            def look(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
                layers.update(snapshots[-1].layers)
                return dead(snapshots)

            found = found_by_epoch(seed, make, look, every=every, after=after)
            listed = {(str(one.layer), one.step): set(one.neurons) for one in found}
            return listed, *_compared(listed, {step: {n: all_[n] for n in layers} for step, all_ in seen.items()})

        listed, missed, invented = compared(epoch)
        right = set(killed.tolist()) <= listed.get((layer, epoch + epoch % every), set())
        plain, plain_missed, plain_invented = compared(EPOCHS + 1)
        return {
            "killed": right,
            "step and set": right and not missed and not invented,
            "not true in plain": bool(plain_missed or plain_invented),
            "died in plain": any(step > every for _, step in plain),
            "listed in plain": float(sum(map(len, plain.values()))),
        }

    return measure


def _ranges(model: nn.Module, images: torch.Tensor) -> dict[str, np.ndarray]:
    """By how much each neuron of each module varies over the images, at the place where it varies most."""
    found: dict[str, np.ndarray] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object, output: Any) -> None:
            whole = isinstance(output, torch.Tensor)
            values = (output if whole else output[0]).numpy()
            found[name if whole else f"{name}[0]"] = np.ptp(values, axis=0).reshape(-1, values.shape[-1]).max(axis=0)

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in model.named_modules() if name]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return found


def _compared(
    listed: Mapping[tuple[str, int], set[int]], seen: Mapping[int, Mapping[str, np.ndarray]]
) -> tuple[int, int]:
    """How many neurons are not listed, or with another step, that must be, and how many are listed that may not be."""
    steps = sorted(seen)
    missed = invented = 0
    for name in seen[steps[-1]]:
        ranges = np.stack([seen[step][name] for step in steps])  # [steps, neurons]
        usual = np.quantile(ranges, 0.9, axis=1)[:, None]
        must, may = ranges == 0, ranges <= 1e-3 * usual
        steps_of = {neuron: step for (layer, step), neurons in listed.items() if layer == name for neuron in neurons}
        for neuron in range(ranges.shape[1]):
            exact, nearly = (_since(steps, constant[:, neuron]) for constant in (must, may))
            step = steps_of.get(neuron)
            missed += exact is not None and (step is None or step > exact)
            invented += step is not None and (nearly is None or step < nearly)
    return missed, invented


def _since(steps: list[int], constant: np.ndarray) -> int | None:
    """The first step of the stretch up to the last over which it is constant; None if it is not at the last."""
    varied = np.flatnonzero(~constant)
    first = int(varied[-1]) + 1 if varied.size else 0
    return steps[first] if first < len(steps) else None


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
        clean = _suspects(model, evaluated, truth)
        flagged = _suspects(model, evaluated, torch.where(wrong, others, truth))
        hits = wrong.numpy()[flagged]
        return {
            "first": bool(hits.size and hits[0]),
            "precision": float(hits.mean()) if hits.size else 0.0,
            "recall": float(hits.sum() / max(1, int(wrong.sum()))),
            "flagged without": float(clean.size),
            "accuracy": right,
        }

    return measure


def _suspects(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Rows of the suspect labels, the clearest first."""
    with _logged(model, inputs, labels, columns={"place": list(range(len(labels)))}) as snapshot:
        found = suspects([snapshot])
        rows = snapshot.instances.column("place").to_numpy()
        return np.asarray(rows[list(found[0].instances)] if found else [], int)


@contextmanager
def _logged(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, **options: Any) -> Iterator[SnapshotReader]:
    """The only snapshot of a log of all these instances."""
    with tempfile.TemporaryDirectory() as directory:
        with ActiVisLogger(directory, model, (inputs, targets), strict=True, sample=len(inputs), **options) as logger:
            logger.log(0)
        yield open_run(directory).latest


def shortcut_of_tables(seed: int) -> Mapping[str, float]:
    """Plain models of tables whose inputs are the columns; and with one more, which gives a class away in training.

    In training 95 % of the commonest class have it and 2 % of the others; in the evaluation 30 % of all.
    """
    both: dict[str, float] = {}
    for table in (cancer, diabetes, pixels, made_up):
        random = np.random.default_rng(seed)
        inputs, labels = table(random)
        classes, half = int(labels.max()) + 1, len(labels) // 2
        most = int(torch.bincount(labels).argmax())
        mark = random.random(len(labels)) < 0.3
        mark[:half] = random.random(half) < np.where(labels[:half].numpy() == most, 0.95, 0.02)
        marked = torch.cat([inputs, 4 * torch.from_numpy(mark)[:, None].float()], 1)
        for name, values in (("plain", inputs), ("planted", marked)):
            sizes = (values.shape[1], 32, 16, classes)
            model = trained(seed, partial(perceptron, *sizes), values[:half], labels[:half], epochs=15)
            columns = {"mark": mark[half:].tolist()} if name == "planted" else {}
            with _logged(model, values[half:], labels[half:], columns=columns) as snapshot:
                found = shortcuts([snapshot])
            shown = found[0].title.split(" is taken for ")[0].split(" ")[0] if found else ""
            right = shown in {"mark", f"x{inputs.shape[1]}"} and found[0].target == str(most)
            both[f"{table.__name__}, {name}"] = right if name == "planted" else bool(found)
    return both


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
        found = []
        for each in (tinted, inputs[898:]):
            with _logged(model, each, targets[898:], task=task, columns={"device": device.tolist()}) as snapshot:
                found.append(decodable([snapshot]))
        return {"first": bool(found[0]) and found[0][0].target == "device", "without": bool(found[1])}

    return measure


PARTS: dict[str, Callable[[int], Mapping[str, float]]] = {
    "spike-lstm": spike_of(Recurrent),
    "spike-transformer": spike_of(Attending),
    "drift-slow": slow,
    "dead-lstm": died(Recurrent, "lstm[0]", close_gates),
    "dead-batchnorm": died(normalised, "3", close_norms),
    "dead-gelu": died(smooth, "2", close_biases),
    "label-text": label_of(lambda random: questions(random, TREC), 8),
    "label-table": label_of(cancer, 15),
    "shortcut-table": shortcut_of_tables,
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
