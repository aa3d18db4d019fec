"""Failing slices of logged runs: planted ones, none, and data of every bad kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.run import Run
from tests.query.findings.logged import log

N, CLASSES = 600, 4


def outputs(labels: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Logits of which the wrong instances have the next class as the highest."""
    return 4 * np.eye(CLASSES, dtype=np.float32)[np.where(wrong, (labels + 1) % CLASSES, labels)]


def planted(
    where: Path, plant: str = "one", seed: int = 0, sample: int | None = None
) -> tuple[Run, dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    data = {
        "labels": random.integers(0, CLASSES, N),
        "site": random.choice(list("ABCDEF"), N),
        "device": random.choice(["x", "y", "z"], N),
        "length": random.normal(size=N),
    }
    inside = {
        "one": data["site"] == "D",
        "two": (data["site"] == "D") & (data["device"] == "x"),
        "half": data["length"] > 1,
        "none": np.zeros(N, bool),
    }[plant]
    wrong = random.random(N) < np.where(inside, 0.5, 0.03 + 0.03 * data["labels"])
    columns = {name: data[name].tolist() for name in ("site", "device", "length")}
    columns |= {f"random{index}": random.normal(size=N).tolist() for index in range(3)}
    early = random.random(N) < 0.8
    logits = {1: outputs(data["labels"], early), 2: outputs(data["labels"], wrong), 3: outputs(data["labels"], wrong)}
    layers = {step: {"head": random.normal(size=(N, 6))} for step in logits}
    run = log(where, layers, labels=data["labels"], logits=logits, columns=columns, classes=CLASSES, sample=sample)
    return run, data | {"wrong": wrong, "inside": inside}


def slices(run: Run) -> list[Finding]:
    return [one for one in run.findings() if one.kind == "failing-slice"]


def test_one_column(tmp_path: Path) -> None:
    run, data = planted(tmp_path)
    found = slices(run)[0]
    assert found.subset == 'site == "D"'
    inside, wrong, labels = data["inside"], data["wrong"], data["labels"]
    n, k = inside.sum(), (inside & wrong).sum()
    outside = sum((inside & (labels == c)).sum() * wrong[~inside & (labels == c)].mean() for c in range(CLASSES))
    assert found.sentence.startswith(
        f"site = D: {k} of {n} wrong ({100 * k / n:.0f} %), "
        f"{100 * outside / n:.1f} % expected from its classes elsewhere; p = .005 over "
    )
    assert found.p == 1 / 200
    assert found.strength == pytest.approx((k - outside) / wrong.sum())
    assert found.step == 2  # at step 1 nearly all are wrong, there and elsewhere
    ids = run.latest.instances.column("id").to_numpy()
    assert sorted(ids[list(found.instances)]) == np.flatnonzero(inside & wrong).tolist()
    assert run.latest.where(found.subset).sum() == n


def test_two_columns(tmp_path: Path) -> None:
    run, _ = planted(tmp_path, "two", seed=1)
    assert slices(run)[0].subset == 'device == "x" and site == "D"'
    assert slices(run)[0].title == "device = x and site = D fails"


def test_half_line(tmp_path: Path) -> None:
    found = slices(planted(tmp_path, "half")[0])[0]
    assert found.subset is not None
    assert found.subset.startswith("length > ")
    assert 0.6 < float(found.subset.split()[-1]) < 1.4


def test_a_word(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    vocabulary = [f"w{index}" for index in range(200)] + ["Who"]
    texts = [" ".join(random.choice(vocabulary, 8)) for _ in range(N)]
    inside = np.array(["Who" in text for text in texts])
    labels = random.integers(0, CLASSES, N)
    wrong = random.random(N) < np.where(inside, 0.7, 0.04)
    run = log(
        tmp_path,
        {1: {"head": np.zeros((N, 2))}},
        labels=labels,
        logits=outputs(labels, wrong),
        texts=texts,
        classes=CLASSES,
        sample=None,
    )
    found = slices(run)[0]
    assert found.title == '"who" in text fails'
    assert run.latest.where(str(found.subset)).sum() == inside.sum()


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_planted(tmp_path: Path, seed: int) -> None:
    assert slices(planted(tmp_path, "none", seed)[0]) == []


def test_a_second_slice_is_found_outside_of_the_first(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels, site = random.integers(0, CLASSES, N), random.choice(list("ABCDEFGH"), N)
    wrong = random.random(N) < np.select([site == "D", site == "F"], [0.8, 0.5], 0.03)
    run = log(
        tmp_path,
        {1: {"head": np.zeros((N, 2))}},
        labels=labels,
        logits=outputs(labels, wrong),
        columns={"site": site.tolist()},
        classes=CLASSES,
        sample=None,
    )
    assert [one.subset for one in slices(run)] == ['site == "D"', 'site == "F"']


def test_steps_that_kept_other_instances(tmp_path: Path) -> None:
    """The slice is looked for by its expression at each step, whatever instances are there."""
    random = np.random.default_rng(0)
    labels, site = random.integers(0, CLASSES, N), random.choice(list("ABCD"), N)
    wrong = random.random(N) < np.where(site == "D", 0.5, 0.03)
    layers = {step: {"head": random.normal(size=(N, 6))} for step in (1, 2, 3, 4, 5)}
    run = log(
        tmp_path,
        layers,
        labels=labels,
        logits=outputs(labels, wrong),
        columns={"site": site.tolist()},
        classes=CLASSES,
        sample=300,
        first_id={1: 0, 2: 1_000, 3: 1_000, 4: 2_100, 5: 5_000},
    )
    assert not set(run.latest.instances.column("id").to_pylist()) & set(
        run.snapshot(1).instances.column("id").to_pylist()
    )
    assert [(one.subset, one.step) for one in slices(run)] == [('site == "D"', 1)]
    assert run.latest.look_for_findings().notes == ()


@pytest.mark.parametrize(
    "kind",
    [
        "one class",
        "two instances",
        "all right",
        "all wrong",
        "constant",
        "own value",
        "missing",
        "nan",
        "no labels",
        "no columns",
    ],
)
def test_bad_data(tmp_path: Path, kind: str) -> None:
    random = np.random.default_rng(0)
    n = 2 if kind == "two instances" else 120
    labels = np.zeros(n, int) if kind == "one class" else random.integers(0, CLASSES, n)
    wrong = {"all right": np.zeros(n, bool), "all wrong": np.ones(n, bool)}.get(kind, random.random(n) < 0.1)
    columns_of: dict[str, dict[str, list]] = {
        "constant": {"site": ["A"] * n},
        "own value": {"site": [f"s{index}" for index in range(n)]},
        "missing": {"site": [None if index % 2 else "A" for index in range(n)], "size": [float("nan")] * n},
        "no columns": {},
    }
    columns = columns_of.get(kind, {"site": random.choice(list("AB"), n).tolist()})
    values = random.normal(size=(n, 4))
    if kind == "nan":
        values[:] = np.nan
    arguments: dict[str, Any] = {"labels": labels, "logits": outputs(labels, wrong)}
    if kind == "no labels":
        arguments = {"logits": outputs(labels, wrong), "task": "classification"}
    run = log(
        tmp_path, {1: {"head": values}, 2: {"head": values}}, columns=columns, classes=CLASSES, sample=None, **arguments
    )
    found = run.latest.look_for_findings()
    assert [one.kind for one in found.findings] == (["exploding"] if kind == "nan" else [])
    assert found.notes == ()


def test_a_class_whose_instances_fail_only_at_one_site(tmp_path: Path) -> None:
    """A label is no slice by itself, for its errors are expected, but with another condition it is."""
    random = np.random.default_rng(0)
    n = 1200
    labels, site = random.integers(0, CLASSES, n), random.choice(list("ABCD"), n)
    wrong = random.random(n) < np.where((labels == 2) & (site == "B"), 0.8, 0.03)
    run = log(
        tmp_path,
        {1: {"head": np.zeros((n, 2))}},
        labels=labels,
        logits=outputs(labels, wrong),
        columns={"site": site.tolist()},
        classes=CLASSES,
        sample=None,
    )
    assert slices(run)[0].subset == 'label == "c2" and site == "B"'


def test_columns_that_there_is_no_room_for_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.query.findings.conditions.MOST_CONDITIONS", 20)
    random = np.random.default_rng(0)
    labels, wrong = random.integers(0, CLASSES, N), random.random(N) < 0.1
    columns = {f"c{index}": random.normal(size=N).tolist() for index in range(50)}
    run = log(
        tmp_path,
        {1: {"head": random.normal(size=(N, 4))}},
        labels=labels,
        logits=outputs(labels, wrong),
        columns=columns,
        classes=CLASSES,
    )
    # The label is a column, too.
    assert run.latest.look_for_findings().notes == (
        "20 conditions on 20 columns were looked at; 31 columns were left out.",
    )
