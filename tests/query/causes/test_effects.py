"""Effects on margins against a planted network, where the logits of any activations are known, and scikit-learn's ridge."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from tensorboard_activis.query.arithmetic.ridge import RIDGE
from tensorboard_activis.query.causes import regression
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.matrix.sorting import Sort
from tensorboard_activis.query.snapshot import Snapshot
from tests.query.causes.logged import CLASSES, log, network

HIDDEN, WEIGHTS, LABELS = network()
LOGITS = (HIDDEN @ WEIGHTS.T).astype(np.float32)
WRONG = np.flatnonzero(LOGITS.argmax(axis=1) != LABELS)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    columns = {"site": np.where(np.arange(len(LABELS)) % 2, "A", "B").tolist()}
    return log(
        tmp_path_factory.mktemp("effects"),
        {"hidden": HIDDEN, "head": LOGITS},
        LOGITS,
        LABELS,
        columns=columns,
        batches=3,
    )


def margins(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    others = logits.astype(np.float64).copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return np.asarray(logits[np.arange(len(labels)), labels] - others.max(axis=1))


def test_an_error_is_explained_by_the_neurons_that_put_it_right(snapshot: Snapshot) -> None:
    """The network is linear: what is estimated must be what it gives when the neurons are really set."""
    assert WRONG.size > 5
    for row in WRONG:
        label, predicted = LABELS[row], LOGITS[row].argmax()
        found = snapshot.instance_detail("hidden", snapshot.index_of(int(row))).contrast
        assert found is not None
        assert found.together is not None
        mean = HIDDEN[label == LABELS].mean(axis=0, dtype=np.float64)
        effect = (WEIGHTS[predicted] - WEIGHTS[label]) * (HIDDEN[row] - mean)
        order = [one for one in np.argsort(-effect, kind="stable") if effect[one] > 0][:5]
        assert [one.neuron for one in found.neurons] == order
        np.testing.assert_allclose([one.estimated for one in found.neurons], effect[order], rtol=0.01, atol=0.01)
        assert found.neurons[0].own.mean == pytest.approx(mean[order[0]], rel=1e-5)
        set_to = HIDDEN[row].astype(np.float64)
        set_to[order] = mean[order]
        after = set_to @ WEIGHTS.T
        own = np.array([label])
        assert found.together.before == pytest.approx(margins(LOGITS[row][None], own)[0], abs=0.01)
        assert found.together.after == pytest.approx(margins(after[None], own)[0], abs=0.02)
        assert found.together.predicted == CLASSES[after.argmax()]
        assert (found.estimate.method, found.estimate.n, found.estimate.reliable) == ("regression", 200, True)
        assert found.estimate.words.startswith("ridge regression of the logits (head) on 200 kept instances, R² 1.000")


def test_effects_are_those_of_scikit_learns_ridge(snapshot: Snapshot) -> None:
    ids = snapshot.instances["id"].to_numpy()
    hidden = snapshot.activations("hidden").astype(np.float64)
    logits = snapshot.activations("head").astype(np.float64)
    logits -= logits.mean(axis=1, keepdims=True)
    penalty = RIDGE * ((hidden - hidden.mean(axis=0)) ** 2).sum() / hidden.shape[1]
    weights = Ridge(alpha=penalty).fit(hidden, logits).coef_
    row = int(WRONG[0])
    index = int(np.flatnonzero(ids == row)[0])
    label, predicted = LABELS[row], LOGITS[row].argmax()
    mean = snapshot.summary("hidden").mean[[one.name for one in snapshot.record.subsets].index(CLASSES[label])]
    expected = (weights[predicted] - weights[label]) * (hidden[index] - mean)
    np.testing.assert_allclose(snapshot.effects("hidden", index).effect, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("row", ["all", "ant", 'site == "A"', "wrong"])
def test_effects_on_a_row_are_those_of_setting_its_neurons_to_their_mean(snapshot: Snapshot, row: str) -> None:
    members = {
        "all": np.ones(len(LABELS), bool),
        "ant": LABELS == 0,
        'site == "A"': np.arange(len(LABELS)) % 2 == 1,
        "wrong": LOGITS.argmax(axis=1) != LABELS,
    }[row]
    found = snapshot.effects("hidden", row)
    margin = margins(LOGITS, LABELS)
    assert (found.n, found.reference) == (members.sum(), "all")
    assert found.margin == pytest.approx(margin[members].mean(), abs=0.01)
    others = LOGITS.copy()
    others[np.arange(len(LABELS)), LABELS] = -np.inf
    pull = WEIGHTS[LABELS] - WEIGHTS[others.argmax(axis=1)]
    expected = (pull * (HIDDEN.mean(axis=0) - HIDDEN))[members].mean(axis=0)
    np.testing.assert_allclose(found.effect, expected, atol=0.02)


def test_a_selective_neuron_without_effect_has_none(tmp_path: Path) -> None:
    """Neuron 6 tells a class perfectly, and nothing reads it."""
    hidden = np.concatenate([HIDDEN, (LABELS == 0)[:, None]], axis=1).astype(np.float32)
    logged = log(tmp_path, {"hidden": hidden, "head": LOGITS}, LOGITS, LABELS)
    effects = np.abs(logged.effects("hidden", "ant").effect)
    assert effects[6] < 0.05 * effects.max()
    assert logged.matrix("hidden", ["ant"], sort=Sort("effect", 0)).order[0] == effects.argmax()
    sizes = logged.matrix("hidden", ["ant", "bee"], sort=("ant", "bee")).effect
    assert sizes is not None
    assert np.argmax(np.abs(sizes)) == 6


def test_a_broken_neuron_is_behind_the_errors_of_its_slice(tmp_path: Path) -> None:
    """At one site neuron 2 is far too high, for all classes alike: compared with the site's own mean nothing is unusual."""
    random = np.random.default_rng(3)
    hidden, weights, _ = network(seed=3)
    labels = (hidden @ weights.T).argmax(axis=1)
    site = random.random(len(labels)) < 0.3
    hidden[site, 2] += 6
    logits = (hidden @ weights.T).astype(np.float32)
    columns = {"site": np.where(site, "D", "A").tolist()}
    logged = log(tmp_path, {"hidden": hidden, "head": logits}, logits, labels, columns=columns)
    errors = logged.effects("hidden", 'site == "D"').errors
    wrong = site & (logits.argmax(axis=1) != labels)
    assert errors is not None
    assert (errors.wrong, errors.n) == (wrong.sum(), wrong.sum())
    first = errors.neurons[0]
    assert first.neuron == 2
    pull = (weights[labels] - weights[logits.argmax(axis=1)])[wrong]
    assert first.effect == pytest.approx(-(pull * hidden[wrong])[:, 2].mean(), rel=0.02)
    assert first.own.mean == pytest.approx(hidden[wrong, 2].mean(), rel=1e-3)
    assert first.right is not None
    assert first.right.mean == pytest.approx(hidden[site & ~wrong, 2].mean(), rel=1e-3)
    assert errors.neurons.table().column_names[:4] == ["neuron", "effect", "own_mean", "own_std"]


def test_sorting_by_effect_has_the_largest_first_whichever_way_it_goes(snapshot: Snapshot) -> None:
    matrix = snapshot.matrix("hidden", ["ant", "bee"], sort=Sort("effect", 1))
    effect = np.abs(snapshot.effects("hidden", "bee").effect)
    assert (np.diff(effect[matrix.order]) <= 0).all()


def test_a_regression_is_computed_once_for_a_layer_and_step(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot.effects("hidden", "all")
    monkeypatch.setattr(regression, "ridge", None)
    snapshot.effects("hidden", "ant")
    with pytest.raises(TypeError):
        regression.regression.__globals__["_regress"](snapshot, "hidden")


def test_an_estimate_that_does_not_fit_says_so(tmp_path: Path) -> None:
    noise = np.random.default_rng(4).normal(size=HIDDEN.shape).astype(np.float32)
    estimate = log(tmp_path, {"noise": noise, "head": LOGITS}, LOGITS, LABELS).effects("noise", "all").estimate
    assert estimate.method == "regression"
    assert estimate.r2 < 0.1
    assert not estimate.reliable


def test_heads_are_neurons_of_their_layer(tmp_path: Path) -> None:
    """Why not, the effects on a row and what is behind its errors: of four heads that hold a part of what the logits read."""
    layer = "h.0.attn/heads"
    logged = log(tmp_path, {layer: HIDDEN[:, :4], "hidden": HIDDEN, "head": LOGITS}, LOGITS, LABELS)
    heads = HIDDEN[:, :4].astype(np.float64)
    centred = LOGITS - LOGITS.mean(axis=1, keepdims=True)
    told = Ridge(alpha=RIDGE * ((heads - heads.mean(axis=0)) ** 2).sum() / 4).fit(heads, centred)
    left_out = cross_val_predict(told, heads, centred, cv=LeaveOneOut())
    r2 = 1 - ((centred - left_out) ** 2).sum() / ((centred - centred.mean(axis=0)) ** 2).sum()
    others = LOGITS.copy()
    others[np.arange(len(LABELS)), LABELS] = -np.inf
    pull = told.coef_[LABELS] - told.coef_[others.argmax(axis=1)]

    for row in WRONG[:5]:
        found = logged.instance_detail(layer, logged.index_of(int(row))).contrast
        assert found is not None
        assert found.estimate.r2 == pytest.approx(r2, abs=0.01)
        assert found.estimate.reliable == (r2 >= 0.95)
        effect = pull[row] * (heads[LABELS[row] == LABELS].mean(axis=0) - heads[row])
        order = [one for one in np.argsort(-effect, kind="stable") if effect[one] > 0]
        assert [one.neuron for one in found.neurons] == order
        np.testing.assert_allclose([one.estimated for one in found.neurons], effect[order], rtol=0.01, atol=0.01)

    own = LABELS == 0
    answer = logged.effects(layer, "ant")
    np.testing.assert_allclose(answer.effect, (pull * (heads.mean(axis=0) - heads))[own].mean(axis=0), atol=0.01)
    assert logged.matrix(layer, ["ant"], sort=Sort("effect", 0)).order[0] == np.abs(answer.effect).argmax()
    errors = logged.effects(layer, "all").errors
    assert errors is not None
    expected = -(pull * heads)[WRONG].mean(axis=0)
    assert [one.neuron for one in errors.neurons] == [one for one in np.argsort(-expected) if expected[one] > 0]
    for one in errors.neurons:
        assert one.effect == pytest.approx(expected[one.neuron], rel=0.01, abs=0.01)


def test_of_a_large_sample_the_first_are_used_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "most_rows", lambda neurons: 50)
    estimate = (
        log(tmp_path, {"hidden": HIDDEN, "head": LOGITS}, LOGITS, LABELS).effects("hidden", Row(subset="all")).estimate
    )
    assert estimate.n == 50
    assert "on the first 50 kept instances" in estimate.words
