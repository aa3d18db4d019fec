"""A subset's direction: against numpy, scikit-learn's area under the curve and ridge; and as a finding about a planted shortcut."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tensorboard_activis.query.run import Run
from tests.query.findings.logged import log

N, CLASSES = 500, 3


def run_of(where: Path, *, marked: bool = True, seed: int = 0) -> tuple[Run, np.ndarray, np.ndarray]:
    """A network whose logits are linear in the first layer; where `mark` is set, that layer is moved toward class 2."""
    random = np.random.default_rng(seed)
    labels, mark = random.integers(0, CLASSES, N), random.random(N) < 0.25
    weights = random.normal(size=(CLASSES, 8))
    stem = 1.5 * weights[labels] + random.normal(size=(N, 8))
    if marked:
        stem += 1.6 * mark[:, None] * weights[2]
    stem = stem.astype(np.float16).astype(np.float32)
    logits = (stem @ weights.T).astype(np.float32)
    columns = {"mark": mark.tolist()}
    run = log(
        where,
        {1: {"stem/relu": stem, "head": logits}},
        labels=labels,
        logits=logits,
        columns=columns,
        classes=CLASSES,
        sample=None,
    )
    ids = run.latest.instances.column("id").to_numpy()
    return run, mark[ids], weights


def test_numbers_are_those_of_numpy_and_scikit_learn(tmp_path: Path) -> None:
    run, mark, weights = run_of(tmp_path)
    snapshot = run.latest
    found = snapshot.concept("stem/relu", "mark")
    values = snapshot.activations("stem/relu").astype(float)
    direction = values[mark].mean(0) - values[~mark].mean(0)
    assert (found.n, found.rest) == (mark.sum(), N - mark.sum())
    np.testing.assert_allclose(found.direction, direction, atol=1e-4)
    along = (values - values[~mark].mean(0)) @ direction / (direction @ direction)
    np.testing.assert_allclose(found.values, along, atol=1e-3)
    assert found.values[mark].mean() == pytest.approx(1, abs=1e-3)
    # The logits are linear, so that the regression has their weights.
    moved = weights @ direction
    moved -= moved.mean()
    assert {one.class_: one.change for one in found.changes} == pytest.approx(
        {f"c{c}": moved[c] for c in range(CLASSES)}, rel=0.03, abs=0.03
    )
    assert found.changes[0].class_ == "c2"
    assert found.estimate.reliable
    fold = np.arange(1, N + 1) % 5
    right = pairs = 0.0
    for held in range(5):
        train, here = fold != held, fold == held
        d = values[train & mark].mean(0) - values[train & ~mark].mean(0)
        size = mark[here].sum() * (~mark[here]).sum()
        right, pairs = right + size * roc_auc_score(mark[here], values[here] @ d), pairs + size
    assert found.auc == pytest.approx(right / pairs, abs=1e-3)


def test_the_direction_of_a_shortcut_is_a_finding(tmp_path: Path) -> None:
    run, _, _ = run_of(tmp_path)
    found = {one.kind: one for one in run.findings()}
    concept = found["concept"]
    assert (concept.layer, concept.target) == ("stem/relu", "c2")
    assert concept.subset in {one.subset for one in run.findings() if one.kind in ("shortcut", "failing-slice")}
    assert concept.p == 1 / 200
    assert "p = .005 over 3 classes, 199 shuffles within the label" in concept.sentence
    assert run.findings()[-1].kind in ("concept", "decodable")


def test_nothing_planted(tmp_path: Path) -> None:
    run, _, _ = run_of(tmp_path, marked=False)
    assert [one for one in run.findings() if one.kind == "concept"] == []
    assert abs(run.latest.concept("stem/relu", "mark").auc - 0.5) < 0.12


@pytest.mark.parametrize("row", ["label == 'c9'", "all", "row == 3"])
def test_subsets_of_none_of_all_and_of_one(tmp_path: Path, row: str) -> None:
    snapshot = run_of(tmp_path)[0].latest
    if row.startswith("row"):
        row = f"id == {snapshot.instances['id'][3].as_py()}"
    found = snapshot.concept("stem/relu", row)
    assert found.n + found.rest == N
    if not found.n or not found.rest:
        assert np.isnan(found.direction).all()
        assert np.isnan(found.values).all()
        assert np.isnan(found.auc)
        assert len(found.changes) == 0


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(60, 4)).astype(np.float32)
    values[3], values[4] = np.nan, np.inf
    snapshot = log(tmp_path, {1: {"head": values}}, task="none", columns={"a": [i % 2 for i in range(60)]}).latest
    found = snapshot.concept("head", "a == 1")
    ids = snapshot.instances["id"].to_numpy()
    stored = values.astype(np.float16).astype(float)
    usable = np.isfinite(stored).all(axis=1)
    odd = np.arange(60) % 2 == 1
    np.testing.assert_allclose(found.direction, stored[usable & odd].mean(0) - stored[usable & ~odd].mean(0), atol=1e-4)
    assert np.isnan(found.values).sum() == 2
    assert set(ids[np.isnan(found.values)]) == {3, 4}
    assert (found.estimate.method, len(found.changes)) == ("none", 0)
