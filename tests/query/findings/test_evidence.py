"""What findings rest on, over the steps and by layer, against numpy and scikit-learn's folds."""

import math
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.errors import ExpressionError, NotFoundError, QueryError
from tensorboard_activis.query.findings.evidence import Evidence, Subject, evidence, evidence_steps
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.run import Run
from tests.query.findings import test_decodable, test_drift, test_shortcuts, test_slices, test_spikes
from tests.query.findings.logged import log


def evidence_of(run: Run, about: Finding | Subject) -> Evidence:
    subject = Subject(about.kind, about.subset, about.layer, about.target)
    return evidence(run.latest, [run.snapshot(step) for step in run.steps], subject)


def expected(errors: np.ndarray, labels: np.ndarray, inside: np.ndarray) -> float:
    return sum(
        (inside & (labels == c)).sum() * errors[~inside & (labels == c)].mean() for c in np.unique(labels[inside])
    )


def test_errors_of_a_slice(tmp_path: Path) -> None:
    run, data = test_slices.planted(tmp_path)
    found = evidence_of(run, test_slices.slices(run)[0])
    assert found.steps == (1, 2, 3)
    lines = {line.name: line.values for line in found.lines}
    inside, wrong, labels = data["inside"], data["wrong"], data["labels"]
    assert lines["wrong"][1:] == ((inside & wrong).sum(),) * 2
    assert lines["expected"][1:] == pytest.approx([expected(wrong, labels, inside)] * 2)
    # At the first step four of five are wrong, everywhere.
    assert abs(lines["wrong"][0] - lines["expected"][0]) < 0.15 * inside.sum()


def test_what_is_taken_for_a_class(tmp_path: Path) -> None:
    run, data = test_shortcuts.run_of(tmp_path, 0.3)
    (finding,) = test_shortcuts.shortcuts(run)
    assert finding.target == "c4"
    found = {line.name: line.values for line in evidence_of(run, finding).lines}
    others, taken = data["labels"] != 4, data["predictions"] == 4
    assert found["wrong"] == (0, (data["mark"] & others & taken).sum())
    kept = {name: values[others] for name, values in data.items()}
    assert found["expected"][1] == pytest.approx(expected(taken[others], kept["labels"], kept["mark"]))


def test_dead_neurons_and_sizes(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    dead = values * [1, 1, 0, 1, 1, 0, 1, 1]
    run = log(tmp_path, {1: {"head": values}, 2: {"head": 3 * dead}, 3: {"head": dead}}, labels=np.arange(60) % 3)
    assert [line.values for line in evidence_of(run, Subject("dead", layer="head")).lines] == [(0, 2, 2)]
    (sizes,) = evidence_of(run, Subject("exploding", layer="head")).lines
    squares = [np.square(one).mean() for one in (values, 3 * dead, dead)]
    assert sizes.values == pytest.approx(np.sqrt(squares), rel=1e-3)
    (shares,) = evidence_of(run, Subject("collapsed", layer="head")).lines
    parts = np.linalg.svd(values - values.mean(axis=0), compute_uv=False) ** 2
    assert shares.values[0] == pytest.approx(parts[0] / parts.sum(), rel=1e-3)


def test_distances_between_steps(tmp_path: Path) -> None:
    run = log(tmp_path, test_spikes.walk({50: 1.5}))
    found = evidence_of(run, test_spikes.spikes(run)[0])
    (line,) = found.lines
    assert math.isnan(line.values[0])
    known = {
        after: next(
            one.distance for one in run.snapshot(after).movement(run.snapshot(before)).layers if one.name == "head"
        )
        for before, after in zip(found.steps[:-1], found.steps[1:], strict=True)
    }
    assert dict(zip(found.steps[1:], line.values[1:], strict=True)) == pytest.approx(known)


def test_a_layer_that_drifts_is_measured_from_where_it_is(tmp_path: Path) -> None:
    run = test_drift.run_of(tmp_path, [0.8, 0.5, 0.3, 0.1] + [0.03] * 10 + [0.25] * 6)
    found = evidence_of(run, test_drift.of(run)[0])
    (line,) = found.lines
    for step, value in zip(found.steps, line.values, strict=True):
        moved = run.latest.movement(run.snapshot(step)).layers
        assert value == pytest.approx(next(one.distance for one in moved if one.name == "head"), abs=1e-6)


def test_errors_of_duplicates_and_of_what_describes_a_region(tmp_path: Path) -> None:
    run, data = test_slices.planted(tmp_path)
    slice_ = test_slices.slices(run)[0]
    inside, wrong, labels = data["inside"], data["wrong"], data["labels"]
    for kind in ("duplicates", "error-region"):
        lines = {line.name: line.values for line in evidence_of(run, Subject(kind, subset=slice_.subset)).lines}
        assert lines["wrong"][2] == (inside & wrong).sum()
        assert lines["expected"][2] == pytest.approx(expected(wrong, labels, inside))
    assert evidence_of(run, Subject("error-region", layer="head")).lines == ()


def test_how_well_a_concept_tells_its_instances_apart(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    inside = random.random(200) < 0.3
    noise = random.normal(size=(200, 6)).astype(np.float32)
    steps = {step: {"head": noise + far * inside[:, None]} for step, far in ((1, 0.0), (2, 0.5), (3, 5.0))}
    run = log(tmp_path, steps, labels=np.arange(200) % 3, columns={"site": np.where(inside, "D", "E").tolist()})
    (line,) = evidence_of(run, Subject("concept", subset='site == "D"', layer="head")).lines
    assert line.name == "auc"
    for step, value in zip(run.steps, line.values, strict=True):
        values = run.snapshot(step).activations("head").astype(np.float64)
        own = np.array(run.snapshot(step).instances["site"].to_pylist()) == "D"
        fold = np.cumsum(np.ones(200, bool)) % 5
        right = pairs = 0.0
        for held in range(5):
            direction = values[own & (fold != held)].mean(0) - values[~own & (fold != held)].mean(0)
            a, b = (values[which & (fold == held)] @ direction for which in (own, ~own))
            right += (a[:, None] > b).sum() + 0.5 * (a[:, None] == b).sum()
            pairs += a.size * b.size
        assert value == pytest.approx(right / pairs, abs=1e-3)
    assert line.values[0] < 0.65 < 0.99 < line.values[2]


def test_which_layer_knows_a_column(tmp_path: Path) -> None:
    run = test_decodable.run_of(tmp_path, 1.0)
    (finding,) = test_decodable.known(run)
    assert finding.target == "site"
    found = evidence_of(run, finding)
    assert (found.steps, found.layers) == ((), ("stem/relu", "head"))
    accuracy, shuffled = (line.values for line in found.lines)
    # What the finding's sentence says of its layer; three values make a third by chance.
    assert f"balanced accuracy {accuracy[1]:.2f} over" in finding.sentence
    assert f", {shuffled[1]:.2f} where the values are shuffled" in finding.sentence
    assert abs(accuracy[0] - 1 / 3) < 0.1


def test_a_step_that_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    run, _ = test_slices.planted(tmp_path)
    about = test_slices.slices(run)[0]
    for file in tmp_path.glob("**/step-1-*.safetensors"):
        file.unlink()
    again = Run(run.directory)
    found = evidence_of(again, Subject("dead", layer="head"))
    assert [math.isnan(value) for value in found.lines[0].values] == [False, False, False]  # of the event itself
    assert evidence_of(again, about).lines[0].values[2] == evidence_of(run, about).lines[0].values[2]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    run = log(tmp_path, {1: {"head": np.random.default_rng(0).normal(size=(30, 4))}}, labels=np.arange(30) % 3)
    with pytest.raises(
        QueryError, match="The parameter subset is missing: a finding of the kind failing-slice needs it"
    ):
        evidence_of(run, Subject("failing-slice"))
    with pytest.raises(QueryError, match="kind must be one of failing-slice, .*; got 'gone'"):
        evidence_of(run, Subject("gone"))
    with pytest.raises(ExpressionError, match="no column lable"):
        evidence_of(run, Subject("failing-slice", subset="lable == 3"))
    with pytest.raises(NotFoundError, match="Nothing was predicted as the class 'dog' at step 1"):
        evidence_of(run, Subject("shortcut", subset="correct", target="dog"))
    with pytest.raises(NotFoundError, match="no column 'site'"):
        evidence_of(run, Subject("decodable", target="site"))
    with pytest.raises(NotFoundError, match="gone"):
        evidence_of(run, Subject("dead", layer="gone"))
    # Suspect labels have no figures over the steps.
    assert evidence_of(run, Subject("label-suspect", layer="head")).lines == ()


def test_steps_that_are_looked_at() -> None:
    steps = list(range(0, 2000, 10))
    assert len(evidence_steps(steps, 990, "dead")) == 60
    assert {0, 990, 1990} <= set(evidence_steps(steps, 990, "dead"))
    assert evidence_steps(steps, 990, "spike") == list(range(400, 1000, 10))
