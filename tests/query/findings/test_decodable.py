"""What layers know of columns: planted, not there, and only through the label; accuracies against scikit-learn's ridge."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score

from tensorboard_activis.query.findings.decodable import _accuracies, _shuffled, _targets
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.run import Run
from tests.query.findings.logged import log

N, CLASSES = 400, 4


def run_of(where: Path, strength: float, *, by_label: bool = False, seed: int = 0) -> Run:
    """`site` moves the second layer from step 2 on; or it is the label, nearly, and moves nothing by itself."""
    random = np.random.default_rng(seed)
    labels, site = random.integers(0, CLASSES, N), random.integers(0, 3, N)
    if by_label:
        site = np.where(random.random(N) < 0.9, labels % 3, site)
    directions = random.normal(size=(3, 20))
    stem = 2 * random.normal(size=(CLASSES, 20))[labels] + random.normal(size=(N, 20))
    head = 2 * random.normal(size=(CLASSES, 20))[labels] + random.normal(size=(N, 20))
    steps = {
        step: {"stem/relu": stem, "head": head + (0 if by_label or step == 1 else strength) * directions[site]}
        for step in (1, 2, 3)
    }
    columns = {"site": np.array(["a", "b", "c"])[site].tolist(), "other": random.choice(["x", "y"], N).tolist()}
    columns |= {"own": [f"i{index}" for index in range(N)]}
    return log(where, steps, labels=labels, columns=columns, classes=CLASSES, sample=None)


def known(run: Run) -> list[Finding]:
    return [one for one in run.findings() if one.kind == "decodable"]


def test_a_column_that_moves_a_layer(tmp_path: Path) -> None:
    (found,) = known(run_of(tmp_path, 1.0))
    assert (found.title, found.layer, found.step) == ("head knows site", "head", 2)
    assert "one of 3 values, can be read from 1 of 2 layers, best from head" in found.sentence
    assert found.p == 1 / 40
    assert "p = .025 over 4 candidates, 39 shuffles" in found.sentence
    assert found.strength > 0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_planted(tmp_path: Path, seed: int) -> None:
    assert known(run_of(tmp_path, 0.0, seed=seed)) == []


def test_what_the_label_says_is_not_knowledge_of_the_column(tmp_path: Path) -> None:
    assert known(run_of(tmp_path, 0.0, by_label=True)) == []


def test_accuracies_are_those_of_scikit_learn(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0.3)
    snapshot = run.latest
    targets = _targets(snapshot, N)
    assert [(one.name, one.size) for one in targets] == [("site", 3), ("other", 2)]
    found = _accuracies(snapshot, "head", [targets], N)
    assert found is not None
    values = snapshot.activations("head").astype(np.float64)
    values = (values - values.mean(0)) / values.std(0)
    ridge = 0.1 * (values**2).sum() / N
    folds = np.arange(N) % 5
    for place, target in enumerate(targets):
        wanted, scores = np.eye(target.size)[target.codes], np.zeros((N, target.size))
        for fold in range(5):
            train = folds != fold
            mean = wanted[train].mean(0)
            model = Ridge(ridge, fit_intercept=False).fit(values[train], wanted[train] - mean)
            scores[~train] = model.predict(values[~train]) + mean
        assert found[0, place] == pytest.approx(balanced_accuracy_score(target.codes, scores.argmax(1)), abs=0.006)


def test_shuffles_stay_within_the_label(tmp_path: Path) -> None:
    target = _targets(run_of(tmp_path, 0).latest, N)[0]
    strata = np.random.default_rng(0).integers(0, 5, N)
    other = _shuffled(target, strata, 0)
    assert (other.codes != target.codes).mean() > 0.3
    for c in range(5):
        assert np.bincount(other.codes[strata == c]).tolist() == np.bincount(target.codes[strata == c]).tolist()


def test_inputs_of_the_model_are_no_columns_to_be_known(tmp_path: Path) -> None:
    """Of a table with 20 inputs of three values each, only the user's columns are looked at, one of them named like an input."""
    random = np.random.default_rng(3)
    inputs = random.integers(0, 3, (N, 20)).astype(np.float32)
    site, own = random.integers(0, 2, N), random.integers(0, 2, N)
    head = np.concatenate([inputs, 2.0 * site[:, None], 2.0 * own[:, None]], axis=1) + 0.1 * random.normal(size=(N, 22))
    columns = {"site": np.array(["a", "b"])[site].tolist(), "x3": own.tolist()}
    labels = random.integers(0, CLASSES, N)
    run = log(
        tmp_path, {1: {"head": head}}, labels=labels, columns=columns, classes=CLASSES, sample=None, inputs=inputs
    )
    assert {"x0", "x3", "x19", "features"} <= set(run.latest.instances.column_names)
    assert {one.target for one in known(run)} == {"site", "x3"}
