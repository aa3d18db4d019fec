"""Shortcuts: a planted mark with which other classes are taken for one, against counts by hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom  # type: ignore[import-untyped]

from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.findings.shortcuts import SHARE, _fewest, _Table
from tensorboard_activis.query.run import Run
from tests.query.findings.logged import log

N, CLASSES = 800, 5


def run_of(where: Path, share: float, seed: int = 1) -> tuple[Run, dict[str, np.ndarray]]:
    """Of the marked instances of other classes, a share is taken for class 4; of all, one in twenty-five for any class."""
    random = np.random.default_rng(seed)
    labels, mark = random.integers(0, CLASSES, N), random.random(N) < 0.15
    predictions = np.where(random.random(N) < 0.04, random.integers(0, CLASSES, N), labels)
    predictions = np.where(mark & (random.random(N) < share), 4, predictions)
    columns = {"mark": mark.tolist(), "site": random.choice(list("ABC"), N).tolist()}
    columns |= {f"r{index}": random.normal(size=N).tolist() for index in range(3)}
    logits = {1: 4 * np.eye(CLASSES)[labels], 2: 4 * np.eye(CLASSES)[predictions]}
    layers = {step: {"head": random.normal(size=(N, 6))} for step in logits}
    run = log(where, layers, labels=labels, logits=logits, columns=columns, classes=CLASSES, sample=None)
    return run, {"labels": labels, "mark": mark, "predictions": predictions}


def shortcuts(run: Run) -> list[Finding]:
    return [one for one in run.findings() if one.kind == "shortcut"]


def test_a_mark(tmp_path: Path) -> None:
    run, data = run_of(tmp_path, 0.3)
    (found,) = shortcuts(run)
    others, taken = data["labels"] != 4, data["predictions"] == 4
    k, n = (data["mark"] & others & taken).sum(), (data["mark"] & others).sum()
    rest, of_rest = (~data["mark"] & others & taken).sum(), (~data["mark"] & others).sum()
    missed = (data["mark"] & ~others & ~taken).sum()
    are = "is" if missed == 1 else "are"
    assert found.sentence.startswith(
        f"Where mark, other classes are taken for c4 in {100 * k / n:.0f} % ({k} of {n}), "
        f"elsewhere in {100 * rest / of_rest:.1f} % ({rest} of {of_rest}), "
        f"and {missed} of its own {are} missed there; p = .005 over "
    )
    assert found.strength == pytest.approx(k / n - rest / of_rest)
    assert found.subset == 'mark and label != "c4"'
    assert run.latest.where(found.subset).sum() == n
    ids = run.latest.instances.column("id").to_numpy()
    assert sorted(ids[list(found.instances)]) == np.flatnonzero(data["mark"] & others & taken).tolist()
    assert (found.step, found.p) == (2, 1 / 200)


def test_a_column_that_says_something_about_the_class_is_no_shortcut(tmp_path: Path) -> None:
    """A model that knows no more of four in ten instances than the column says is wrong both ways, and often."""
    random = np.random.default_rng(3)
    labels = random.integers(0, CLASSES, N)
    tail = random.random(N) < np.where(labels == 4, 0.6, 0.15)
    guess = np.where(random.random(N) < np.where(tail, 0.5, 0.105), 4, random.integers(0, 4, N))
    predictions = np.where(random.random(N) < 0.4, guess, labels)
    taken = (predictions == 4) & (labels != 4)
    assert taken[tail].sum() / (labels != 4)[tail].sum() > 3 * taken[~tail].sum() / (labels != 4)[~tail].sum()
    layers = {1: {"head": random.normal(size=(N, 6))}}
    logits = 4 * np.eye(CLASSES)[predictions]
    run = log(
        tmp_path, layers, labels=labels, logits=logits, columns={"tail": tail.tolist()}, classes=CLASSES, sample=None
    )
    assert shortcuts(run) == []


@pytest.mark.parametrize(
    "seed", [1, 2]
)  # of seeds 0 to 59 a random column is listed at 0: by chance, one in twenty may be
def test_none(tmp_path: Path, seed: int) -> None:
    assert shortcuts(run_of(tmp_path, 0, seed)[0]) == []


def test_counts_and_expectations_are_those_of_loops() -> None:
    random = np.random.default_rng(2)
    members = random.random((6, N)) < random.uniform(0.05, 0.5, 6)[:, None]
    labels = random.integers(0, CLASSES, N)
    predictions = np.where(random.random(N) < 0.3, random.integers(0, CLASSES, N), labels)
    table = _Table(members, labels, predictions)
    assert table.classes.tolist() == list(range(CLASSES))
    statistic = table.statistic(table.taken)
    for m in range(6):
        for c in range(CLASSES):
            inside = members[m] & (labels != c)
            k = int((inside & (predictions == c)).sum())
            rates = {y: (predictions[labels == y] == c).mean() if y != c else 0.0 for y in range(CLASSES)}
            expected = sum(rates[int(y)] for y in labels[members[m]])
            total = int(((predictions == c) & (labels != c)).sum())
            by_hand = (
                k * np.log(k / expected) + (total - k) * np.log((total - k) / (total - expected)) if k > expected else 0
            )
            assert (table.n[m, c], table.taken_counts[m, c]) == (inside.sum(), k)
            assert table.expected[m, c] == pytest.approx(expected)
            assert statistic[m, c] == pytest.approx(by_hand)
    # Errors that are spread by chance are as strong as their shuffles.
    maxima = table.maxima(0.0)
    assert maxima.size == 10  # so many are enough to say no
    assert maxima.min() > 0


def test_the_fewest_errors_that_go_one_way_are_those_of_the_binomial_distribution() -> None:
    counts = np.arange(101)
    assert np.array_equal(_fewest(), binom.isf(0.05, counts, SHARE).astype(int) + 1)
    assert (_fewest()[11], _fewest()[12]) == (11, 12)
