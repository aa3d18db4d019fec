"""Of a Flax model with several outputs, the score is the one that fits the labels: by instance id, against plain calls."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="Flax is not installed")

import jax
from flax import nnx

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.flax import ActiVisLogger

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(33, 6)).astype("float32")
Y = np.arange(33) % 3


class Heads(nnx.Module):
    """Features and scores that a dense layer makes of them, in some form."""

    def __init__(self, form: str, width: int, classes: int = 3) -> None:
        rngs = nnx.Rngs(0)
        self.form = form
        self.hidden, self.head = nnx.Linear(6, width, rngs=rngs), nnx.Linear(width, classes, rngs=rngs)

    def both(self, x: Any) -> Any:
        features = nnx.relu(self.hidden(x))
        return features, self.head(features)

    def __call__(self, x: Any) -> Any:
        features, score = self.both(x)
        return {
            "loss first": (score.mean(), score),
            "features first": (features, score),
            "features last": (score, features),
            "dict": {"a": features, "pred": score},
            "logits": {"a": features, "logits": score},
        }[self.form]


def logged(tmp_path: Path, model: Any, labels: Any, **options: Any) -> Any:
    batches = [(X[start : start + 8], labels[start : start + 8]) for start in range(0, 33, 8)]
    with ActiVisLogger(tmp_path, model, batches, strict=True, **options) as logger:
        logger.log(1)
    return open_run(tmp_path).latest


def column(snapshot: Any, name: str) -> list[Any]:
    """In the order of the ids."""
    table = snapshot.instances.select(["id", name]).to_pydict()
    return [value for _, value in sorted(zip(table["id"], table[name], strict=True))]


@pytest.mark.parametrize("width", [5, 3, 8])
@pytest.mark.parametrize("form", ["loss first", "features first", "features last", "dict", "logits"])
def test_classes(tmp_path: Path, form: str, width: int) -> None:
    model = Heads(form, width)
    snapshot = logged(tmp_path, model, Y)
    scores = np.asarray(model.both(X)[1], np.float64)
    assert column(snapshot, "prediction") == scores.argmax(1).tolist()
    loss = np.asarray(jax.scipy.special.logsumexp(scores, 1)) - scores[np.arange(33), Y]
    np.testing.assert_allclose(column(snapshot, "loss"), loss, rtol=1e-4, atol=1e-5)
    assert sum("The score is" in note for note in snapshot.record.notes) == 1


def test_numbers(tmp_path: Path) -> None:
    model = Heads("features first", 5, 1)
    snapshot = logged(tmp_path, model, X[:, 0])
    assert snapshot.record.task == "regression"
    np.testing.assert_allclose(column(snapshot, "prediction"), model.both(X)[1][:, 0], rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.warns(ActiVisWarning, match="No output of the model fits labels .*up to 7.*'a' .*5.*, 'pred' .*3"):
        snapshot = logged(tmp_path, Heads("dict", 5), Y + 5)
    assert "prediction" not in snapshot.instances.column_names
    assert column(snapshot, "label") == (Y + 5).tolist()


@pytest.mark.parametrize("output", ["a", 0, lambda outputs: outputs["a"]])
def test_the_user_says_which_it_is(tmp_path: Path, output: Any) -> None:
    model = Heads("dict", 3)
    snapshot = logged(tmp_path, model, Y, output=output)
    assert column(snapshot, "prediction") == np.asarray(model.both(X)[0]).argmax(1).tolist()
    with pytest.raises(ConfigurationError, match="output='b' is none of them; the model returns 'a' .*'pred'"):
        logged(tmp_path, model, Y, output="b")


@pytest.mark.parametrize("form", ["dict", "features last"])
def test_labels_of_both(tmp_path: Path, form: str) -> None:
    model, other = Heads(form, 4), np.arange(33) % 4
    labels: Any = {"a": other, "pred": Y} if form == "dict" else (Y, other)
    rows = [slice(start, start + 8) for start in range(0, 33, 8)]
    batches = [
        (X[r], {name: each[r] for name, each in labels.items()} if form == "dict" else [each[r] for each in labels])
        for r in rows
    ]
    with ActiVisLogger(tmp_path, model, batches, strict=True) as logger:
        logger.log(1)
    snapshot = open_run(tmp_path).latest
    features, score = (np.asarray(each) for each in model.both(X))
    first, second = ("", "pred_") if form == "dict" else ("output1_", "")
    for prefix, scores, own in ((first, features, other), (second, score, Y)):
        assert column(snapshot, f"{prefix}label") == own.tolist()
        assert column(snapshot, f"{prefix}prediction") == scores.argmax(1).tolist()
        assert column(snapshot, f"{prefix}correct") == (scores.argmax(1) == own).tolist()


def test_soft_labels(tmp_path: Path) -> None:
    soft = np.asarray(jax.nn.softmax(RANDOM.normal(size=(33, 3))), np.float32)
    model = Heads("features first", 5)
    snapshot = logged(tmp_path, model, soft)
    scores = np.asarray(model.both(X)[1], np.float64)
    expected = -(soft * np.asarray(jax.nn.log_softmax(scores))).sum(1)
    assert snapshot.record.task == "classification"
    np.testing.assert_allclose(column(snapshot, "loss"), expected, rtol=1e-4, atol=1e-5)
    assert column(snapshot, "label") == soft.argmax(1).tolist()


@pytest.mark.parametrize("told", [False, True])
def test_padding_whose_labels_count_is_said(tmp_path: Path, told: bool) -> None:
    real = np.arange(9) < np.array([3, 9, 5, 7, 4])[:, None]
    tokens = np.where(real, RANDOM.integers(1, 30, size=real.shape), 0)

    class Tagger(nnx.Module):
        def __init__(self) -> None:
            self.embed, self.head = nnx.Embed(30, 4, rngs=nnx.Rngs(0)), nnx.Linear(4, 3, rngs=nnx.Rngs(1))

        def __call__(self, input_ids: Any) -> Any:
            return self.head(self.embed(input_ids))

    batches = [
        {"input_ids": tokens[part], "labels": tokens[part] % 3, **({"attention_mask": real[part]} if told else {})}
        for part in (slice(0, 2), slice(2, 5))
    ]
    with ActiVisLogger(tmp_path, Tagger(), batches, strict=True) as logger:
        logger.log(1)
    notes = [note for note in open_run(tmp_path).latest.notes if "looks like padding" in note]
    assert len(notes) == (not told)
    assert told or "17 of 45 positions (38%) lie in runs of token 0, up to 6 long, that end 4 of 5 texts" in notes[0]
