"""Regions where errors gather: planted, not there, only where the score is low; held-out predictions against scikit-learn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tensorboard_activis.query.findings import regions as searched
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.findings.region_scan import HeldOut, RegionScan, _smallest, layer_values, score_strata
from tensorboard_activis.query.run import Run
from tests.query.findings.logged import log

N, CLASSES = 600, 4


def run_of(where: Path, share: float, *, unsure: bool = False, seed: int = 0, **options: Any) -> tuple[Run, np.ndarray]:
    """50 instances lie together in the first layer and have a share of errors from step 2 on; or errors are at low scores."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, N)
    inside = np.zeros(N, bool)
    inside[random.permutation(N)[:50]] = True
    stem = 2 * random.normal(size=(CLASSES, 16))[labels] + random.normal(size=(N, 16))
    stem[inside] += 3 * random.normal(size=16)
    base = random.random(N) < 0.04
    later = base | (inside & (random.random(N) < share))
    size = np.full(N, 6.0)
    if unsure:
        size = np.where(random.random(N) < 0.15, 0.7, 6.0)
        later = base = (size < 1) & (random.random(N) < 0.5)
    steps, logits = {}, {}
    for step, wrong in ((1, base), (2, later), (3, later)):
        predicted = np.where(wrong, (labels + 1) % CLASSES, labels)
        logits[step] = (size[:, None] * np.eye(CLASSES)[predicted] + 0.1 * random.normal(size=(N, CLASSES))).astype(
            "f4"
        )
        steps[step] = {"stem/relu": stem, "head": logits[step]}
    return log(where, steps, labels=labels, logits=logits, classes=CLASSES, sample=None, **options), inside


def regions(run: Run, step: int = 3) -> list[Finding]:
    return [one for one in run.snapshot(step).findings() if one.kind == "error-region"]


def test_a_planted_region(tmp_path: Path) -> None:
    run, inside = run_of(tmp_path, 0.6)
    found = regions(run)[0]
    ids = run.latest.instances.column("id").to_numpy()[list(found.instances)]
    assert inside[ids].mean() > 0.85
    assert inside[ids].sum() > 0.85 * inside.sum()
    correct = run.latest.column("correct")[list(found.instances)]
    assert correct.tolist() == sorted(correct.tolist())  # the wrong ones first
    assert (found.layer, found.step, found.subset) == ("stem/relu", 2, None)
    assert (
        f"{len(ids)} instances that lie together in stem/relu, {100 * (correct == 0).mean():.0f} % wrong"
        in found.sentence
    )
    assert found.p == pytest.approx(1 / (1 + searched.PLAIN_NETWORKS))
    had = f"{len(searched.NATURAL)} had such a region, none as strong, so that p = .01."
    assert f"of {searched.PLAIN_NETWORKS} plain networks (digits) {had}" in found.sentence
    assert regions(run, 1) == []


@pytest.mark.parametrize(("as_strong", "listed"), [(4, True), (5, False)])
def test_a_region_as_strong_as_many_plain_networks_have_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_strong: int, listed: bool
) -> None:
    monkeypatch.setattr(searched, "NATURAL", (0.9,) * as_strong + (0.1,) * 20)
    monkeypatch.setattr(searched, "PLAIN_NETWORKS", 100)
    found = regions(run_of(tmp_path, 0.6)[0])
    assert bool(found) == listed
    if listed:
        assert found[0].p == pytest.approx(5 / 101)
        assert f"24 had such a region, {as_strong} as strong, so that p = .05." in found[0].sentence


def test_a_column_that_describes_the_region(tmp_path: Path) -> None:
    _, inside = run_of(tmp_path / "a", 0.6)
    site = np.where(inside, "x", "y").tolist()
    run, _ = run_of(tmp_path / "b", 0.6, columns={"site": site})
    assert regions(run)[0].subset == 'site == "x"'


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_planted(tmp_path: Path, seed: int) -> None:
    assert regions(run_of(tmp_path, 0.0, seed=seed)[0]) == []


def test_errors_where_the_score_is_low_are_no_region(tmp_path: Path) -> None:
    assert regions(run_of(tmp_path, 0.0, unsure=True)[0]) == []


@pytest.mark.parametrize("neurons", [30, 150])  # fewer than instances, and more
def test_held_out_predictions_are_those_of_scikit_learn(neurons: int) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(103, neurons)).astype(np.float32)
    values -= values.mean(axis=0)
    wanted = random.normal(size=(103, 4))
    ridge = 0.1 * (values.astype(float) ** 2).sum() / 103
    expected = np.empty_like(wanted)
    for fold in range(5):
        held = np.arange(103) % 5 == fold
        expected[held] = Ridge(ridge, fit_intercept=False).fit(values[~held], wanted[~held]).predict(values[held])
    np.testing.assert_allclose(HeldOut(values).predict(wanted), expected, atol=1e-4)


def test_the_best_of_the_nearest_is_that_of_loops() -> None:
    random = np.random.default_rng(0)
    errors = np.zeros(200, bool)
    errors[:20] = errors[180:190] = True
    values = (np.where(np.arange(200)[:, None] < 25, 5.0, 0.0) + random.normal(size=(200, 3))).astype(np.float32)
    scan = RegionScan(errors, np.zeros(200, int))
    scan.add_near(0, values)
    found = scan.best()
    assert found is not None
    best = (0.0, frozenset[int]())
    for centre in range(200):
        order = np.argsort(((values - values[centre]) ** 2).sum(axis=1), kind="stable")
        for n in (20, 28, 40, 56, 80, 112):
            k, e = int(errors[order[:n]].sum()), n * 30 / 200
            if k > e and k < n:
                best = max(
                    best, (k * np.log(k / e) + (n - k) * np.log((n - k) / (n - e)), frozenset(order[:n].tolist()))
                )
    assert set(np.flatnonzero(found.members)) == best[1]
    assert (found.p, found.candidates) == (1 / 200, 6 * 200)


def test_few_shuffles_show_that_nothing_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shuffled errors go through the regression only until so many are as large that p is above .05 for certain."""
    looked_at: list[int] = []
    predict = HeldOut.predict

    def counted(regression: HeldOut, wanted: np.ndarray) -> np.ndarray:
        looked_at.append(wanted.shape[1])
        return predict(regression, wanted)

    monkeypatch.setattr(HeldOut, "predict", counted)
    random = np.random.default_rng(3)
    values, errors = random.normal(size=(400, 20)).astype(np.float32), random.random(400) < 0.2
    values -= values.mean(axis=0)
    shuffled = []
    for seed in range(12):
        looked_at.clear()
        scan = RegionScan(np.random.default_rng(seed).random(400) < 0.2, np.zeros(400, int))
        scan.add_ordered(0, values)
        if scan.best() is None:
            shuffled.append(sum(looked_at) - 1)
    assert len(shuffled) > 8
    assert sum(shuffled) < 60 * len(shuffled)  # of 199
    assert max(shuffled) > 0
    looked_at.clear()
    scan = RegionScan(errors | (values[:, 0] > 1.0), np.zeros(400, int))
    scan.add_ordered(0, values)
    found = scan.best()
    assert sum(looked_at) == 1 + 199
    assert found is not None
    assert found.p == 1 / 200


def test_what_takes_too_much_memory_until_then_is_shuffled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    values, errors = random.normal(size=(300, 20)).astype(np.float32), random.random(300) < 0.2
    errors |= values[:, 0] > 1.0
    found = []
    for kept in (64 << 20, 0):
        monkeypatch.setattr("tensorboard_activis.query.findings.region_scan._KEPT_BYTES", kept)
        scan = RegionScan(errors, np.zeros(300, int))
        scan.add_ordered(0, values)
        scan.add_near(0, values)
        found.append(scan.best())
    first, second = found
    assert first is not None
    assert second is not None
    assert (first.p, first.candidates, first.first.tolist()) == (second.p, second.candidates, second.first.tolist())


def test_the_smallest_are_those_of_a_stable_sort() -> None:
    values = np.random.default_rng(0).integers(0, 9, (5, 60)).astype(np.float32)  # many are equal
    for count in (1, 7, 60, 80):
        expected = np.argsort(values, axis=1, kind="stable")[:, :count]
        np.testing.assert_array_equal(_smallest(values, count)[:, :count], expected)


def test_strata_and_values_that_are_not_finite() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.4, np.nan])
    assert score_strata(scores, (0.5,)).tolist() == [0, 0, 1, 1, 2]
    assert score_strata(np.full(3, np.nan), (0.5,)).tolist() == [0, 0, 0]
    half = np.array([[1, 5], [3, 5], [np.inf, 5], [5, 5]], np.float16)
    values = layer_values(half)
    assert values is not None
    assert values[:, 0] == pytest.approx(np.array([-2, 0, 0, 2]) / np.sqrt(2))
    assert layer_values(np.full((3, 2), np.nan, np.float16)) is None
    assert layer_values(np.ones((3, 2), np.float16)) is None
