"""How often findings name a planted cause first, and how often they name one where nothing is planted.

Every trial trains a fresh network (64-64-32-10, on scikit-learn's digits) with its own split, columns and plant. Two nulls: the
errors shuffled within the label ("shuffled": nothing can be found but by chance), and the plain network ("natural": what is
found may be a true structure of its errors). Seeds 0 to 9,999 are for development; `--sealed` takes others, which no method was
chosen by: run each once, and report what it says. A method that was changed after its sealed seeds had been run is tried on the
next set of them: `--sealed 2` begins at 20,000.

Usage: python benchmarks/findings.py [PART ...] [--trials N] [--sealed [SET]] [--each]
Parts: slice slice20 pair pair20 word shortcut region neighbours label died spike decodable duplicates
concept drift (all without any)
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._trials import (
    Trial,
    constant_neurons,
    found_in,
    logged,
    relabelled,
    run_trials,
    scattered,
    shuffled,
    took,
    trial,
)
from tensorboard_activis.capture.instances.training_data import TrainingData
from tensorboard_activis.query.findings.concepts import concepts
from tensorboard_activis.query.findings.dead import dead
from tensorboard_activis.query.findings.decodable import decodable
from tensorboard_activis.query.findings.drift import drift
from tensorboard_activis.query.findings.finding import Finding, ranked
from tensorboard_activis.query.findings.regions import regions
from tensorboard_activis.query.findings.shortcuts import shortcuts
from tensorboard_activis.query.findings.slices import slices
from tensorboard_activis.query.findings.spikes import spikes
from tensorboard_activis.query.findings.suspects import suspects

SEALED = 10_000


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
        found, enough = found_in(one, slices), took(one, inside)
        shuffled(one)
        return {
            "took": enough,
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
    inside = (drawn == planted).any(axis=1)
    relabelled(one, inside, 0.35)
    found, enough = found_in(one, slices), took(one, inside)
    shuffled(one)
    right = bool(found) and found[0].title == f'"w{planted}" in text fails'
    return {"took": enough, "first": right, "shuffled": bool(found_in(one, slices))}


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
    """Six neurons of the first layer are killed after a random epoch; a plain network beside. All that is listed is looked up."""
    epoch = int(np.random.default_rng(seed).integers(8, 28))
    one = trial(seed, every=2, dies=epoch)
    first = next(step for step in one.steps if step >= epoch)
    truth, listed = constant_neurons(one), _listed_as_dead(one)
    # A killed neuron that was dead before died then.
    before = set().union(*(neurons for (name, step), neurons in truth.items() if name == "fc1/relu" and step < first))
    killed = set(one.columns["killed"]) - before
    plain = trial(seed, every=2)
    truly, without = constant_neurons(plain), _listed_as_dead(plain)
    return {
        "step and set": listed == truth and killed <= listed.get(("fc1/relu", first), set()),
        "not true in plain": without != truly,
        "truly died in plain": any(step > min(plain.steps) for _, step in truly),
    }


def _listed_as_dead(one: Trial) -> dict[tuple[str, int], set[int]]:
    """The neurons of the findings, by layer and step."""
    return {(str(each.layer), each.step): set(each.neurons) for each in found_in(one, dead)}


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


def duplicated(seed: int) -> Mapping[str, float]:
    """60 training images are in the evaluation: 20 as they are, 20 with noise of .01, 20 of .02; and a plain split."""
    one = trial(seed)
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    train = (digits.data[order] / 16).astype(np.float32)[: len(digits.target) // 2]
    training = TrainingData([image] for image in train)
    plain = training.columns([image] for image in one.images)["in_training"]
    noises = {"same": 0.0, "noise .01": 0.01, "noise .02": 0.02}
    chosen = one.random.choice(len(one.images), (len(noises), 20), replace=False)
    rows = one.random.choice(len(train), chosen.shape, replace=False)
    noise = one.random.standard_normal((*chosen.shape, train.shape[1])).astype(np.float32)
    images = one.images.copy()
    images[chosen] = train[rows] + np.array([*noises.values()], np.float32)[:, None, None] * noise
    found = training.columns([image] for image in images)
    hits = np.array([kind != "no" for kind in found["in_training"]])
    right = np.array(found["training_row"], float)[chosen] == rows
    return {
        "precision": float(np.isin(np.flatnonzero(hits), chosen).mean()) if hits.any() else 0.0,
        "plain": sum(kind != "no" for kind in plain),
    } | {f"recall, {name}": float(each.mean()) for name, each in zip(noises, right, strict=True)}


def direction(seed: int) -> Mapping[str, float]:
    """The pixel of the shortcut, as a direction that moves class 9; and the same column in a network that never saw it."""
    one = trial(seed, marked=True)
    about = [Finding("shortcut", "mark is taken for 9", "", 1.0, subset="mark")]
    found = found_in(one, lambda snapshots: concepts(snapshots, about))
    plain = trial(seed)
    plain.columns["mark"] = (plain.random.random(len(plain.labels)) < 0.15).tolist()
    without = found_in(plain, lambda snapshots: concepts(snapshots, about))
    return {"first": bool(found) and found[0].target == "9", "without": bool(without)}


def drifts(seed: int) -> Mapping[str, float]:
    """From epoch 20 to 30 the network is trained on images turned upside down; a plain network beside. A snapshot per epoch."""
    found = found_in(trial(seed, every=1, turned=20), drift)
    return {
        "first": bool(found) and 18 <= found[0].step <= 24,
        "without": bool(found_in(trial(seed, every=1), drift)),
    }


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
    "duplicates": duplicated,
    "concept": direction,
    "drift": drifts,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--sealed", type=int, nargs="?", const=1, default=0, metavar="SET")
    parser.add_argument("--first", type=int, default=0, help="the first seed of the set that is run")
    parser.add_argument("--each", action="store_true", help="a line for each trial")
    options = parser.parse_args()
    for part in options.parts or PARTS:
        start = SEALED * options.sealed + options.first
        run_trials(part, PARTS[part], range(start, start + options.trials), options.each)


if __name__ == "__main__":
    main()
