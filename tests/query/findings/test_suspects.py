"""Suspect labels: planted wrong ones, neighbours by scikit-learn, and confident learning by loops over all probabilities."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from tensorboard_activis.query.findings import suspects as module
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.findings.suspects import nearest
from tensorboard_activis.query.run import Run
from tests.query.findings.logged import log

N, CLASSES = 500, 5


def run_of(
    where: Path, noise: float, spread: float = 1.0, seed: int = 0
) -> tuple[Run, np.ndarray, np.ndarray, np.ndarray]:
    """A run of blobs whose scores are by the distance from the true centres; labels, true classes and logits."""
    random = np.random.default_rng(seed)
    centres = 3 * random.normal(size=(CLASSES, 8))
    truth = random.integers(0, CLASSES, N)
    points = (centres[truth] + spread * random.normal(size=(N, 8))).astype(np.float32)
    labels = np.where(random.random(N) < noise, (truth + random.integers(1, CLASSES, N)) % CLASSES, truth)
    logits = (-((points[:, None] - centres) ** 2).sum(-1) / 8).astype(np.float32)
    run = log(
        where, {1: {"stem/relu": points, "head": logits}}, labels=labels, logits=logits, classes=CLASSES, sample=None
    )
    return run, labels, truth, logits


def suspects(run: Run) -> list[Finding]:
    return [one for one in run.findings() if one.kind == "label-suspect"]


def test_wrong_labels(tmp_path: Path) -> None:
    run, labels, truth, logits = run_of(tmp_path, 0.05)
    (found,) = suspects(run)
    ids = run.latest.instances.column("id").to_numpy()[list(found.instances)]
    wrong = np.flatnonzero(labels != truth)
    assert set(ids) <= set(wrong)
    assert len(ids) >= 0.7 * len(wrong)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    margins = shares[ids].max(axis=1) - shares[ids, labels[ids]]
    assert (np.diff(margins) <= 1e-3).all()  # the clearest first; scores are stored in 16 bits
    assert found.strength == pytest.approx(margins.mean(), abs=1e-3)
    assert found.layer == "stem/relu"
    assert f"contradicts the labels of {len(ids)}" in found.sentence
    first = ids[0]
    assert f"the clearest is {first}, labelled c{labels[first]}, which looks like c{truth[first]}." in found.sentence


def test_confident_learning_is_that_of_loops(tmp_path: Path) -> None:
    run, labels, _, logits = run_of(tmp_path, 0.1, spread=3.0)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    threshold = [shares[labels == c, c].mean() for c in range(CLASSES)]
    expected = {}
    for index in range(N):
        above = [c for c in range(CLASSES) if shares[index, c] >= threshold[c]]
        if above:
            best = max(above, key=lambda c: shares[index, c])
            if best != labels[index]:
                expected[index] = best
    ids = run.latest.instances.column("id").to_numpy()
    suggested, _ = module._contradicted(run.latest, labels[ids])
    assert {int(ids[place]): int(suggested[place]) for place in np.flatnonzero(suggested >= 0)} == expected
    assert len(expected) > 20


@pytest.mark.parametrize(
    ("theirs", "contradicted"),
    [
        ([1] * 6 + [2] * 4, True),  # labels of the ten nearest of an instance with label 0, which looks like 1
        ([1] * 5 + [2] * 5, False),
        ([1] * 9 + [0], True),
        ([1] * 8 + [2, 0], False),
        ([1] * 8 + [0, 0], False),
        ([1] * 9, True),
        ([1] * 8, False),
    ],
)
def test_what_neighbours_must_say(theirs: list[int], contradicted: bool) -> None:
    labels = np.array([0, *theirs])
    near = np.full((1, 10), -1)
    near[0, : len(theirs)] = np.arange(1, labels.size)
    suggested = np.ones(labels.size, int)
    assert module._neighbours_contradict(labels, near, np.array([0]), suggested).tolist() == [contradicted]


def test_right_labels(tmp_path: Path) -> None:
    assert suspects(run_of(tmp_path, 0.0)[0]) == []


def test_a_model_that_knows_nothing_judges_no_labels(tmp_path: Path) -> None:
    _, labels, _, _ = run_of(tmp_path / "a", 0.0)
    random = np.random.default_rng(0)
    logits = 5 * np.eye(CLASSES, dtype=np.float32)[random.integers(0, CLASSES, N)]
    values = {1: {"head": logits}}
    assert suspects(log(tmp_path / "b", values, labels=labels, logits=logits, classes=CLASSES)) == []


def test_neighbours_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(1300, 7)).astype(np.float16)
    values[5] = np.nan
    rows = np.array([0, 5, 700, 1299])
    found = nearest(values, rows, 4)
    finite = np.delete(np.arange(1300), 5)
    model = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(values[finite].astype(np.float64))
    for row, near in zip(rows, found, strict=True):
        if row == 5:
            assert near.tolist() == [-1] * 4
        else:
            places = model.kneighbors(values[[row]].astype(np.float64), return_distance=False)[0]
            assert near.tolist() == finite[places].tolist()[1:]
    assert nearest(values[:3], np.array([1]), 4).tolist()[0][2:] == [-1, -1]


def test_the_first_step_is_that_from_which_half_of_them_are_suspect(tmp_path: Path) -> None:
    _, labels, truth, logits = run_of(tmp_path / "a", 0.05)
    random = np.random.default_rng(0)
    centres = 3 * random.normal(size=(CLASSES, 8))
    points = (centres[truth] + random.normal(size=(N, 8))).astype(np.float32)
    learned = 20 * np.eye(CLASSES, dtype=np.float32)[labels]
    steps = {step: {"stem/relu": points, "head": learned if step < 3 else logits} for step in (1, 2, 3, 4)}
    told = {step: values["head"] for step, values in steps.items()}
    run = log(tmp_path / "b", steps, labels=labels, logits=told, classes=CLASSES, sample=None)
    (found,) = suspects(run)
    assert found.step == 3
