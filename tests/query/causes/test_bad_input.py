"""Runs in which there are no effects: what is said, and that nothing is raised."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.query.matrix.sorting import Sort
from tensorboard_activis.query.snapshot import Snapshot
from tests.query.causes.logged import log, network

HIDDEN, WEIGHTS, LABELS = network(60)
LOGITS = (HIDDEN @ WEIGHTS.T).astype(np.float32)
RIGHT = LOGITS.argmax(axis=1)
MANY = np.random.default_rng(0).normal(size=(60, 30)).astype(np.float32)
NAN = np.where(np.arange(6) == 3, np.nan, HIDDEN).astype(np.float32)

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "no logits": ({"outputs": MANY, "class_names": None}, "Neither a layer with the logits nor the scores"),
    "regression": ({"outputs": LOGITS[:, 0], "labels": LOGITS[:, 1], "class_names": None}, "a task of regression"),
    "several classes each": ({"labels": np.eye(3)[LABELS], "task": "multilabel"}, "a task of multilabel"),
    "no labels": ({"labels": None}, "There are no labels"),
    "NaN in a neuron": ({"hidden": NAN}, "0 kept instances have finite activations"),
    "NaN logits": ({"outputs": LOGITS * np.nan, "head": LOGITS * np.nan}, ""),
    "two instances": ({"n": 2}, "a regression needs 3"),
}


def logged(
    path: Path, *, n: int = 60, hidden: np.ndarray = HIDDEN, outputs: np.ndarray = LOGITS, **options: Any
) -> Snapshot:
    labels = options.pop("labels", LABELS)
    layers = {"hidden": hidden[:n]} | ({"head": options.pop("head")[:n]} if "head" in options else {})
    return log(path, layers, outputs[:n], None if labels is None else labels[:n], **{"strict": False} | options)


@pytest.mark.parametrize("name", CASES)
def test_it_is_said_why_there_are_no_effects(tmp_path: Path, name: str) -> None:
    options, words = CASES[name]
    snapshot = logged(tmp_path, **options)
    for row in ("all", 0):
        found = snapshot.effects("hidden", row)
        assert found.estimate.method == "none", found.estimate
        assert words in found.estimate.words or row == 0
        assert np.isnan(found.effect).all()
        assert len(found.estimate.words) > 20
    errors = snapshot.effects("hidden", "all").errors
    assert errors is not None
    assert len(errors.neurons) == 0
    assert snapshot.matrix("hidden", ["all"], sort=Sort("effect", 0)).order.tolist() == list(range(6))
    for index in range(snapshot.stored_instances):
        contrast = snapshot.instance_detail("hidden", index).contrast
        if contrast is not None:
            assert (contrast.estimate.method, contrast.together) == ("none", None)
            far = [abs(one.z_own) for one in contrast.neurons]
            assert far == sorted(far, reverse=True)


def test_all_right(tmp_path: Path) -> None:
    errors = logged(tmp_path, labels=RIGHT).effects("hidden", "all").errors
    assert errors is not None
    assert (errors.wrong, errors.n, len(errors.neurons)) == (0, 0, 0)
    assert errors.estimate.words == "None of its kept instances is wrong."


def test_an_empty_row(tmp_path: Path) -> None:
    found = logged(tmp_path).effects("hidden", "score < 0")
    assert (found.estimate.method, found.n) == ("none", 0)
    assert found.errors is not None
    assert found.errors.wrong == 0


def test_some_nan_activations_are_left_out(tmp_path: Path) -> None:
    hidden = HIDDEN.copy()
    hidden[7] = np.nan
    snapshot = logged(tmp_path, hidden=hidden, head=LOGITS)
    found = snapshot.effects("hidden", "all")
    assert (found.estimate.n, found.n) == (59, 59)
    assert np.isfinite(found.effect).all()
    assert snapshot.effects("hidden", snapshot.index_of(7)).effect.shape == (6,)
    snapshot.instance_detail("hidden", snapshot.index_of(7), against="ant")


def test_a_class_that_is_never_a_label_can_be_predicted(tmp_path: Path) -> None:
    never = int(np.bincount(RIGHT).argmax())
    snapshot = logged(tmp_path, labels=np.where(never == RIGHT, (never + 1) % 3, RIGHT), head=LOGITS)
    contrast = snapshot.instance_detail("hidden", snapshot.index_of(int(np.flatnonzero(never == RIGHT)[0]))).contrast
    assert contrast is not None
    assert contrast.predicted == snapshot.record.class_names[never]
    assert all(one.predicted is None for one in contrast.neurons)
    assert contrast.neurons.table().column("predicted_mean").null_count == len(contrast.neurons)


def test_labels_of_one_class_only(tmp_path: Path) -> None:
    snapshot = logged(tmp_path, labels=LABELS * 0, head=LOGITS)
    found = snapshot.effects("hidden", "all")
    assert found.n == 60
    assert np.isfinite(found.effect).all()
    assert found.errors is not None
    assert found.errors.wrong == np.count_nonzero(RIGHT != 0)


def test_recorded_effects_that_cannot_be_read_give_way_to_the_regression_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = logged(tmp_path, head=LOGITS)

    def damaged(layer: str) -> None:
        raise UnreadableError("effects.safetensors is too short.")

    monkeypatch.setattr(snapshot, "gradient_effects", damaged)
    wrong = snapshot.index_of(int(np.flatnonzero(RIGHT != LABELS)[0]))
    contrast = snapshot.instance_detail("hidden", wrong).contrast
    errors = snapshot.effects("hidden", "all").errors
    assert contrast is not None
    assert errors is not None
    for estimate in (contrast.estimate, errors.estimate):
        assert estimate.method == "regression"
        assert estimate.words.endswith("; the recorded effects cannot be read: effects.safetensors is too short.")
