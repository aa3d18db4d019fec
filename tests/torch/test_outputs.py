"""Of a model with several outputs, the score is the one that fits the labels: by instance id, against plain forward passes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.snapshots import by_id, logged

#: Instances; a batch of 8 leaves a last one of one.
N = 33
NAMES = ["ant", "bee", "cat"]


@dataclass
class Output:
    loss: torch.Tensor
    features: torch.Tensor
    answer: torch.Tensor


class Heads(nn.Module):
    """Features [instances, width] and scores that a dense layer makes of them, returned in some form."""

    def __init__(self, form: str, width: int, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.form = form
        self.hidden, self.head = nn.Linear(6, width), nn.Linear(width, classes)

    def both(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = torch.relu(self.hidden(x))
        return features, self.head(features)

    def forward(self, x: torch.Tensor) -> Any:
        features, score = self.both(x)
        forms: dict[str, Any] = {
            "loss first": (score.square().mean(), score),
            "features first": (features, score),
            "features last": (score, features),
            "squeezed": (features.squeeze(0), score.squeeze(0)),
            "dict": {"a": features, "pred": score},
            "nested": {"aux": {"a": features}, "out": [score]},
            "dataclass": Output(score.mean(), features, score),
            "logits": {"aux": features, "logits": score},
        }
        return forms[self.form]


FORMS = ["loss first", "features first", "features last", "squeezed", "dict", "nested", "dataclass", "logits"]


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(N, 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def y() -> torch.Tensor:
    return torch.arange(N) % 3


def batches(x: torch.Tensor, y: torch.Tensor, size: int = 8) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(zip(x.split(size), y.split(size), strict=True))


@pytest.mark.parametrize("names", [None, NAMES], ids=["", "names"])
@pytest.mark.parametrize("width", [5, 3, 8])  # as wide as there are classes, as instances in a batch
@pytest.mark.parametrize("form", FORMS)
def test_classes(
    tmp_path: Path, x: torch.Tensor, y: torch.Tensor, form: str, width: int, names: list[str] | None
) -> None:
    model = Heads(form, width)
    snapshot = logged(tmp_path, model, batches(x, y), class_names=names)
    with torch.no_grad():
        score = model.both(x)[1]
    expected = score.argmax(1).tolist()
    assert by_id(snapshot, "prediction") == (expected if names is None else [names[each] for each in expected])
    np.testing.assert_allclose(
        by_id(snapshot, "loss"), F.cross_entropy(score, y, reduction="none"), rtol=1e-5, atol=1e-5
    )
    notes = [note for note in snapshot.record.notes if "The score is" in note]
    assert len(notes) == (form != "logits" or names is None or width == 3)  # else nothing else fits


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_numbers(tmp_path: Path, x: torch.Tensor, form: str, shape: tuple[int, ...]) -> None:
    model, target = Heads(form, 5, classes=1), x[:, 0].reshape(shape) ** 2
    snapshot = logged(tmp_path, model, batches(x, target))
    with torch.no_grad():
        score = model.both(x)[1][:, 0]
    assert snapshot.record.task == "regression"
    np.testing.assert_allclose(by_id(snapshot, "prediction"), score, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [5, 3])
def test_several_numbers(tmp_path: Path, x: torch.Tensor, width: int) -> None:
    model, target = Heads("features first", width), x[:, :3]
    snapshot = logged(tmp_path, model, batches(x, target))
    with torch.no_grad():
        error = (model.both(x)[1] - target).square().mean(1)
    np.testing.assert_allclose(by_id(snapshot, "loss"), error, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [5, 3, 1])
def test_several_classes_per_instance(tmp_path: Path, x: torch.Tensor, width: int) -> None:
    model, target = Heads("features first", width), (x[:, :3] > 0).long()
    snapshot = logged(tmp_path, model, batches(x, target))
    with torch.no_grad():
        loss = F.binary_cross_entropy_with_logits(model.both(x)[1], target.float(), reduction="none").mean(1)
    assert snapshot.record.task == "multilabel"
    np.testing.assert_allclose(by_id(snapshot, "loss"), loss, rtol=1e-5, atol=1e-5)


class Tagger(nn.Module):
    """States and scores of positions: [instances, positions] to (states, scores), in this order of axes."""

    def __init__(self, width: int, order: tuple[int, int, int]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.head, self.order = nn.Embedding(11, width), nn.Linear(width, 4), order

    def scores(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.embedding(ids)))

    def forward(self, ids: torch.Tensor) -> Any:
        states = torch.tanh(self.embedding(ids))
        return states.permute(self.order), self.head(states).permute(self.order)


@pytest.mark.parametrize("positions", [5, 8, 4])  # as many as instances in a batch, as classes
@pytest.mark.parametrize("width", [6, 4])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2)], ids=["instances first", "positions first"])
def test_positions(tmp_path: Path, positions: int, width: int, order: tuple[int, int, int]) -> None:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(0, 11, (N, positions), generator=generator)
    tags = torch.randint(0, 4, (N, positions), generator=generator)
    model = Tagger(width, order)
    snapshot = logged(tmp_path, model, batches(ids, tags))
    with torch.no_grad():
        scores = model.scores(ids)
    loss = F.cross_entropy(scores.transpose(1, 2), tags, reduction="none").mean(1)
    assert snapshot.record.task == "tokens"
    np.testing.assert_allclose(by_id(snapshot, "loss"), loss, rtol=1e-5, atol=1e-5)
    assert by_id(snapshot, "prediction") == scores.argmax(2).tolist()


class Twins(nn.Module):
    """Two scores of the same width, neither of which is made of the other."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> Any:
        return self.left(x), self.right(x)


@pytest.mark.parametrize("fits", [True, False])
def test_what_cannot_be_told_is_refused_in_words(tmp_path: Path, x: torch.Tensor, y: torch.Tensor, fits: bool) -> None:
    labels = y if fits else y + 4
    with pytest.warns(ActiVisWarning, match=f"{'Several outputs' if fits else 'No output'} of the model.*'0' .*4.*'1'"):
        snapshot = logged(tmp_path, Twins(), batches(x, labels))
    assert "prediction" not in snapshot.instances.column_names
    assert by_id(snapshot, "label") == labels.tolist()
    assert any("there are no predictions" in note for note in snapshot.record.notes)
    assert logged(tmp_path / "none", Twins(), batches(x, labels), task="none").record.notes == ()


SAID = [(1, 1), (-2, 0), ("1", 1), (lambda output: output[0] - output[1], None)]


@pytest.mark.parametrize(("output", "index"), SAID)
@pytest.mark.parametrize("watched", [True, False])
def test_the_user_says_which_it_is(
    tmp_path: Path, x: torch.Tensor, y: torch.Tensor, output: Any, index: int | None, watched: bool
) -> None:
    model = Twins().eval()
    if watched:
        with (
            ActiVisLogger(tmp_path, model, output=output, strict=True) as logger,
            torch.no_grad(),
            logger.watch(1) as watch,
        ):
            for inputs, labels in batches(x, y):
                model(inputs)
                watch.batch(labels=labels)
    else:
        logged(tmp_path, model, batches(x, y), output=output)
    snapshot = open_run(tmp_path).latest
    with torch.no_grad():
        left, right = model(x)
    score = left - right if index is None else (left, right)[index]
    assert by_id(snapshot, "prediction") == score.argmax(1).tolist()
    np.testing.assert_allclose(
        by_id(snapshot, "loss"), F.cross_entropy(score, y, reduction="none"), rtol=1e-4, atol=1e-5
    )
    assert snapshot.record.notes == ()


def test_what_is_none_of_the_outputs_is_refused(tmp_path: Path, x: torch.Tensor, y: torch.Tensor) -> None:
    for output in ("logits", 2, lambda output: output):
        with pytest.raises(ConfigurationError, match=r"'0' \[.*4\], '1' \[.*4\]"):
            ActiVisLogger(tmp_path, Twins(), batches(x, y), output=output)
    model = Twins().eval()
    with (
        ActiVisLogger(tmp_path, model, output="logits") as logger,
        pytest.warns(ActiVisWarning, match="output='logits' is none of them; the model returns '0'"),
        logger.watch(1) as watch,
    ):
        model(x)
        watch.batch(labels=y)


class Autoencoder(nn.Module):
    """(the input rebuilt, mean, logarithm of the variance)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(6, 8), nn.Linear(4, 6)

    def forward(self, x: torch.Tensor) -> Any:
        mean, variance = self.encoder(x).chunk(2, 1)
        return self.decoder(mean), mean, variance


def test_an_input_rebuilt_is_no_score_of_classes(tmp_path: Path, x: torch.Tensor, y: torch.Tensor) -> None:
    model = Autoencoder()
    with pytest.warns(ActiVisWarning, match="No output of the model fits labels"):
        snapshot = logged(tmp_path / "classes", model, batches(x, y))
    assert "prediction" not in snapshot.instances.column_names
    assert logged(tmp_path / "none", model, x).record.notes == ()
    rebuilt = logged(tmp_path / "numbers", model, batches(x, x))
    with torch.no_grad():
        error = (model(x)[0] - x).square().mean(1)
    np.testing.assert_allclose(by_id(rebuilt, "loss"), error, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["logits", "scores"])
def test_as_many_scores_as_the_input_has_numbers(tmp_path: Path, x: torch.Tensor, y: torch.Tensor, name: str) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(6, 8), nn.Linear(8, 6)

        def forward(self, x: torch.Tensor) -> Any:
            states = torch.tanh(self.body(x))
            return {"states": states, name: self.head(states)}

    model = Named()
    snapshot = logged(tmp_path, model, batches(x, y))
    with torch.no_grad():
        np.testing.assert_array_equal(by_id(snapshot, "prediction"), model(x)[name].argmax(1))


class Wide(nn.Module):
    """(3 numbers, scores of 6 classes)."""

    def __init__(self) -> None:
        super().__init__()
        self.aside, self.head = nn.Linear(6, 3), nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> Any:
        return self.aside(x), self.head(x)


def test_a_later_label_shows_that_it_was_the_wrong_output(tmp_path: Path, x: torch.Tensor, y: torch.Tensor) -> None:
    model, labels = Wide(), y.clone()
    labels[20:] += 3
    with ActiVisLogger(tmp_path, model, batches(x, labels)) as logger:
        with pytest.warns(ActiVisWarning, match="There is a label 5, and '0' gives 3 scores"):
            logger.log(1)
        logger.log(2)
    first, second = open_run(tmp_path).snapshot(1), open_run(tmp_path).snapshot(2)
    assert any("There is a label 5" in note for note in first.record.notes)
    assert first.record.seen == N
    with torch.no_grad():
        score = model.head(x)
    assert by_id(second, "prediction") == score.argmax(1).tolist()
    assert by_id(second, "label") == labels.tolist()
    np.testing.assert_allclose(
        by_id(second, "loss"), F.cross_entropy(score, labels, reduction="none"), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("width", [5, 3])
def test_in_a_watched_evaluation(tmp_path: Path, x: torch.Tensor, y: torch.Tensor, form: str, width: int) -> None:
    model = Heads(form, width).eval()
    with ActiVisLogger(tmp_path, model, strict=True) as logger, torch.no_grad(), logger.watch(1) as watched:
        for inputs, labels in batches(x, y):
            model(inputs)
            watched.batch(labels=labels)
    snapshot = open_run(tmp_path).latest
    with torch.no_grad():
        score = model.both(x)[1]
    assert by_id(snapshot, "prediction") == score.argmax(1).tolist()
    assert sum("The score is" in note for note in snapshot.record.notes) == 1


@pytest.mark.parametrize("single", [True, False])
def test_outputs_that_the_user_gives(tmp_path: Path, x: torch.Tensor, y: torch.Tensor, single: bool) -> None:
    model = Heads("features last", 5).eval()
    with ActiVisLogger(tmp_path, model, strict=True) as logger, torch.no_grad(), logger.watch(1) as watched:
        for inputs, labels in batches(x, y):
            score, features = model(inputs)
            watched.batch(labels=labels, outputs=-score if single else (features, -score))
    with torch.no_grad():
        score = model.both(x)[1]
    assert by_id(open_run(tmp_path).latest, "prediction") == (-score).argmax(1).tolist()
