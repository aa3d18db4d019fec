"""Where the logits come from: of the layer whose values give the scores, else of the scores; and why there may be none."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.query.causes.logits import Logits, logits, margins
from tests.query.causes.logged import log, network


def softmax(values: np.ndarray) -> np.ndarray:
    shares = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def about_mean(values: np.ndarray) -> np.ndarray:
    return np.asarray(values - values.mean(axis=1, keepdims=True))


HIDDEN, WEIGHTS, LABELS = network()
VALUES = (HIDDEN @ WEIGHTS.T).astype(np.float32)
TWO = VALUES[:, :2]
LAYERS = {
    "a layer of logits": ({"hidden": HIDDEN, "head": VALUES}, VALUES, "head", VALUES),
    "not a layer of as many neurons": ({"head": VALUES, "other": VALUES[:, ::-1]}, VALUES, "head", VALUES),
    "logits before their softmax": ({"head": VALUES, "soft": softmax(VALUES)}, softmax(VALUES), "head", VALUES),
    "a softmax": ({"hidden": HIDDEN, "soft": softmax(VALUES)}, softmax(VALUES), "soft", VALUES),
    "scores": ({"hidden": HIDDEN}, VALUES, "", VALUES),
    "one logit of two classes": ({"head": TWO[:, 1:]}, TWO[:, 1], "head", np.stack([0 * TWO[:, 1], TWO[:, 1]], axis=1)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_logits(tmp_path: Path, name: str) -> None:
    layers, outputs, source, expected = LAYERS[name]
    two = outputs.ndim == 1
    snapshot = log(tmp_path, layers, outputs, LABELS % 2 if two else LABELS, class_names=("a", "b") if two else None)
    found = logits(snapshot)
    assert isinstance(found, Logits), found
    assert (found.source, found.classes) == (source, expected.shape[1])
    ids = snapshot.instances["id"].to_numpy()
    np.testing.assert_allclose(found.of(np.arange(len(ids))), about_mean(expected[ids]), atol=0.02)


def test_margins_are_those_of_the_highest_other() -> None:
    margin, best = margins(np.array([[1.0, 4, 2], [3, 0, -1]]), np.array([1, 2]))
    assert margin.tolist() == [2, -4]
    assert best.tolist() == [2, 0]


def test_without_logits_it_is_said_why(tmp_path: Path) -> None:
    many = np.random.default_rng(0).normal(size=(200, 30)).astype(np.float32)
    cut = logits(log(tmp_path / "cut", {"hidden": HIDDEN}, many, LABELS, class_names=None))
    assert "nor the scores of all 30 classes" in str(cut) or "nor the scores of all" in str(cut)
    assert "layers=" in str(cut)
    regression = logits(log(tmp_path / "r", {"hidden": HIDDEN}, VALUES[:, 0], VALUES[:, 1], class_names=None))
    assert regression == "A margin is one of classes, and this is a task of regression."
    several = logits(log(tmp_path / "m", {"hidden": HIDDEN}, VALUES, np.eye(3)[LABELS], task="multilabel"))
    assert several == "A margin is one of classes, and this is a task of multilabel."


def test_nan_logits_are_nan_and_the_others_are_not(tmp_path: Path) -> None:
    broken = VALUES.copy()
    broken[::3, 1] = np.nan
    snapshot = log(tmp_path, {"head": broken}, broken, LABELS)
    found = logits(snapshot)
    assert isinstance(found, Logits)
    ids = snapshot.instances["id"].to_numpy()
    assert (np.isnan(found.of(np.arange(len(ids)))).all(axis=1) == (ids % 3 == 0)).all()
