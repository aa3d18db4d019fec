"""ActiVisLogger by task: prediction, correct, score and loss are what torch's own functions and plain arithmetic give."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tensorboard_activis.errors import ConfigurationError
from tests.torch.snapshots import by_id, counts, logged

NAMES = ["ant", "bee", "cat"]


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(17, 4, generator=torch.Generator().manual_seed(1)) * 2


def test_single_label(tmp_path: Path, x: torch.Tensor) -> None:
    model, labels = nn.Linear(4, 3), torch.arange(17) % 3
    snapshot = logged(tmp_path, model, (x, labels), class_names=NAMES)
    with torch.no_grad():
        logits = model(x)
    assert snapshot.record.task == "classification"
    chance, prediction = logits.softmax(1).max(1)
    assert by_id(snapshot, "prediction") == [NAMES[index] for index in prediction]
    assert by_id(snapshot, "correct") == (prediction == labels).tolist()
    np.testing.assert_allclose(by_id(snapshot, "score"), chance, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        by_id(snapshot, "loss"), F.cross_entropy(logits, labels, reduction="none"), rtol=1e-5, atol=1e-5
    )
    assert snapshot.record.metrics["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5, abs=1e-5)


def test_multi_label(tmp_path: Path, x: torch.Tensor) -> None:
    model, labels = nn.Linear(4, 3), torch.rand(17, 3, generator=torch.Generator().manual_seed(2)) > 0.5
    labels[0], labels[1] = False, True  # none, all
    snapshot = logged(
        tmp_path, model, (x, labels), class_names=NAMES, subsets={"both": '"ant" in label and "bee" in label'}, sample=9
    )
    with torch.no_grad():
        logits = model(x)
    loss = F.binary_cross_entropy_with_logits(logits, labels.float(), reduction="none").mean(1)
    predicted = logits.sigmoid() > 0.5
    assert snapshot.record.task == "multilabel"
    assert snapshot.record.metrics["loss"] == pytest.approx(loss.mean().item(), rel=1e-5, abs=1e-5)
    right = (predicted == labels).all(1)
    assert snapshot.record.metrics["accuracy"] == pytest.approx(right.float().mean().item())
    found = snapshot.instances.to_pydict()
    assert len(found["id"]) == 9
    for row, index in enumerate(found["id"]):
        assert found["label"][row] == [name for name, own in zip(NAMES, labels[index], strict=True) if own]
        assert found["prediction"][row] == [name for name, own in zip(NAMES, predicted[index], strict=True) if own]
        assert found["correct"][row] == bool(right[index])
        assert found["loss"][row] == pytest.approx(loss[index].item(), rel=1e-5, abs=1e-5)
        sure = torch.maximum(logits[index].sigmoid(), (-logits[index]).sigmoid()).min().item()
        assert found["score"][row] == pytest.approx(sure, rel=1e-5, abs=1e-5)
        own = torch.where(labels[index], logits[index].sigmoid(), (-logits[index]).sigmoid()).min().item()
        assert found["label_score"][row] == pytest.approx(own, rel=1e-5, abs=1e-5)
    number = labels.sum(0).tolist()
    both = int((labels[:, 0] & labels[:, 1]).sum())
    judged = {"correct": int(right.sum()), "wrong": int((~right).sum())}
    assert counts(snapshot) == {"all": 17, **dict(zip(NAMES, number, strict=True)), **judged, "both": both}
    layer = next(iter(snapshot.layers))
    summary = snapshot.summary(layer)
    for index, name in enumerate(NAMES):
        row = summary.subsets.index(name)
        np.testing.assert_allclose(summary.mean[row], logits[labels[:, index]].mean(0), rtol=1e-4, atol=1e-5)
    assert snapshot.where('"bee" in label').tolist() == ["bee" in own for own in found["label"]]


@pytest.mark.parametrize("labels", [[["ant", "cat"], ["bee"], []] * 3, [{0, 2}, {1}, set()] * 3])
def test_multi_label_by_sets(tmp_path: Path, x: torch.Tensor, labels: list[Any]) -> None:
    batches = [(x[:9], labels)]
    snapshot = logged(tmp_path, nn.Linear(4, 3), batches, class_names=NAMES, task="multilabel")
    assert by_id(snapshot, "label") == [["ant", "cat"], ["bee"], []] * 3


def test_multi_label_with_labels_that_are_not_known(tmp_path: Path, x: torch.Tensor) -> None:
    labels = torch.tensor([[1.0, 0.0, torch.nan]] * 16 + [[torch.nan] * 3])
    model = nn.Linear(4, 3)
    snapshot = logged(tmp_path, model, (x, labels))
    with torch.no_grad():
        loss = F.binary_cross_entropy_with_logits(model(x)[:16, :2], labels[:16, :2], reduction="none").mean(1)
    np.testing.assert_allclose(by_id(snapshot, "loss")[:16], loss, rtol=1e-5, atol=1e-5)
    assert by_id(snapshot, "correct")[16] is None
    assert snapshot.record.notes == (
        "Labels that are missing or none of the 3 classes: 1. Their instances count in no class.",
    )


def test_a_regression_of_several_numbers(tmp_path: Path, x: torch.Tensor) -> None:
    model, targets = nn.Linear(4, 3), torch.randn(17, 3)
    snapshot = logged(tmp_path, model, (x, targets))
    with torch.no_grad():
        loss = F.mse_loss(model(x), targets, reduction="none").mean(1)
    assert snapshot.record.task == "regression"
    np.testing.assert_allclose(by_id(snapshot, "loss"), loss, rtol=1e-5, atol=1e-5)
    assert "correct" not in snapshot.instances.column_names
    np.testing.assert_allclose(by_id(snapshot, "label"), targets, rtol=1e-6)


def test_whole_numbers_to_predict(tmp_path: Path, x: torch.Tensor) -> None:
    ages = torch.arange(17)
    snapshot = logged(tmp_path, nn.Sequential(nn.Linear(4, 1)), (x, ages), task="regression")
    assert snapshot.record.task == "regression"
    assert by_id(snapshot, "label") == ages.tolist()


def test_ranking_within_groups(tmp_path: Path, x: torch.Tensor) -> None:
    model = nn.Linear(4, 1)
    relevance = torch.arange(17) % 4
    query = ["a"] * 5 + ["b"] * 11 + [None]
    snapshot = logged(tmp_path, model, (x, relevance), task="ranking", columns={"group": query})
    with torch.no_grad():
        scores = model(x)[:, 0]
    assert snapshot.record.task == "ranking"
    np.testing.assert_allclose(by_id(snapshot, "score"), scores, rtol=1e-5, atol=1e-5)
    ranks, losses = by_id(snapshot, "rank"), by_id(snapshot, "loss")
    for index in range(16):
        group = [other for other in range(17) if query[other] == query[index]]
        assert ranks[index] == 1 + sum(bool(scores[other] > scores[index]) for other in group)
        pairs = [
            F.softplus(-torch.sign(relevance[index] - relevance[other]) * (scores[index] - scores[other])).item()
            for other in group
            if relevance[other] != relevance[index]
        ]
        assert losses[index] == pytest.approx(np.mean(pairs), rel=1e-5, abs=1e-5)
    assert np.isnan(ranks[16])
    assert "correct" not in snapshot.instances.column_names
    assert "prediction" not in snapshot.instances.column_names


def test_embeddings_without_labels(tmp_path: Path, x: torch.Tensor) -> None:
    snapshot = logged(tmp_path, nn.Linear(4, 5), x)
    assert snapshot.record.task == "none"
    assert counts(snapshot) == {"all": 17}
    assert not {"prediction", "correct", "score", "loss", "label"} & set(snapshot.instances.column_names)


def test_embeddings_with_classes(tmp_path: Path, x: torch.Tensor) -> None:
    model, labels = nn.Linear(4, 5), torch.arange(17) % 3
    snapshot = logged(tmp_path, model, (x, labels), task="none", class_names=NAMES)
    assert counts(snapshot) == {"all": 17, "ant": 6, "bee": 6, "cat": 5}
    assert by_id(snapshot, "label")[:4] == ["ant", "bee", "cat", "ant"]


def test_classes_without_labels(tmp_path: Path, x: torch.Tensor) -> None:
    snapshot = logged(tmp_path, nn.Linear(4, 3), x, class_names=NAMES)
    assert snapshot.record.task == "classification"
    assert counts(snapshot) == {"all": 17}
    assert set(by_id(snapshot, "prediction")) <= set(NAMES)


@pytest.mark.parametrize("shift", [-0.2, 0.5])
def test_a_logit_is_no_probability_because_it_lies_between_0_and_1(tmp_path: Path, shift: float) -> None:
    head = nn.Linear(2, 1)
    nn.init.zeros_(head.weight)
    nn.init.constant_(head.bias, shift)
    model = nn.Sequential(head, nn.Flatten(0))
    x, labels = torch.ones(5, 2), torch.tensor([0, 1, 1, 0, 1])
    snapshot = logged(tmp_path, model, (x, labels))
    loss = F.binary_cross_entropy_with_logits(torch.full((5,), shift), labels.float(), reduction="none")
    np.testing.assert_allclose(by_id(snapshot, "loss"), loss, rtol=1e-5, atol=1e-5)


def test_one_probability_for_two_classes(tmp_path: Path, x: torch.Tensor) -> None:
    model = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid(), nn.Flatten(0))
    snapshot = logged(tmp_path, model, (x, torch.arange(17) % 2))
    with torch.no_grad():
        loss = F.binary_cross_entropy(model(x), (torch.arange(17) % 2).float(), reduction="none")
    np.testing.assert_allclose(by_id(snapshot, "loss"), loss, rtol=1e-4, atol=1e-5)


def test_probabilities_of_a_sigmoid_per_class(tmp_path: Path, x: torch.Tensor) -> None:
    model, labels = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()), (x[:, :3] > 0).float()
    snapshot = logged(tmp_path, model, (x, labels), task="multilabel")
    with torch.no_grad():
        loss = F.binary_cross_entropy(model(x), labels, reduction="none").mean(1)
    np.testing.assert_allclose(by_id(snapshot, "loss"), loss, rtol=1e-4, atol=1e-5)


class Expit(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.expit(x)


@pytest.mark.parametrize("last", [nn.Sigmoid, Expit])
def test_a_sigmoid_per_class_of_one_class_each(tmp_path: Path, x: torch.Tensor, last: Any) -> None:
    """They are probabilities, by the model's last step, though they do not sum to 1."""
    model, labels = nn.Sequential(nn.Linear(4, 3), last()), torch.arange(17) % 3
    snapshot = logged(tmp_path, model, (x, labels), class_names=NAMES)
    with torch.no_grad():
        outputs = model(x)
    assert snapshot.record.task == "classification"
    np.testing.assert_allclose(by_id(snapshot, "score"), outputs.max(1).values, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(by_id(snapshot, "label_score"), outputs[range(17), labels], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        by_id(snapshot, "loss"), F.nll_loss(outputs.log(), labels, reduction="none"), rtol=1e-4, atol=1e-5
    )
    assert by_id(snapshot, "prediction") == [NAMES[index] for index in outputs.argmax(1)]


class SigmoidAndLogits(nn.Module):
    """Which of its outputs ends in a sigmoid is seen in the graph."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.head, self.aside, self.first = nn.Linear(4, 3), nn.Linear(4, 3), first

    def forward(self, x: torch.Tensor) -> Any:
        pair = {"scores": self.head(x).sigmoid(), "gate": self.aside(x)}
        return pair if self.first else {"gate": pair["scores"], "scores": pair["gate"]}


@pytest.mark.parametrize("sigmoid", [True, False])
def test_the_last_step_is_that_of_the_score(tmp_path: Path, x: torch.Tensor, sigmoid: bool) -> None:
    model, labels = SigmoidAndLogits(sigmoid), torch.arange(17) % 3
    snapshot = logged(tmp_path, model, (x, labels))
    with torch.no_grad():
        outputs = model(x)["scores"]
    scores = outputs if sigmoid else outputs.softmax(1)
    np.testing.assert_allclose(by_id(snapshot, "score"), scores.max(1).values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("last", [nn.Identity, lambda: nn.Softmax(1)])
@pytest.mark.parametrize("kind", ["soft", "mixed", "one-hot first"])
def test_soft_labels(tmp_path: Path, x: torch.Tensor, last: Any, kind: str) -> None:
    """A class with the cross entropy of the distribution; of equal probabilities the first class is the label."""
    model = nn.Sequential(nn.Linear(4, 3), last())
    labels = torch.randn(17, 3, generator=torch.Generator().manual_seed(3)).softmax(1)
    whole = torch.eye(3)[torch.arange(17) % 3]
    labels = labels if kind == "soft" else torch.where((torch.arange(17) < 9)[:, None], labels, whole)
    labels = labels.flip(0) if kind == "one-hot first" else labels
    batches = list(zip(x.split(8), labels.split(8), strict=True))
    snapshot = logged(tmp_path, model, batches, class_names=NAMES, subsets={"sure": "label_score > 0.5"})
    with torch.no_grad():
        outputs = model(x)
        scores = outputs.log() if isinstance(model[1], nn.Softmax) else outputs
    assert snapshot.record.task == "classification"
    expected = F.cross_entropy(scores, labels, reduction="none")
    np.testing.assert_allclose(by_id(snapshot, "loss"), expected, rtol=1e-4, atol=1e-5)
    assert snapshot.record.metrics["loss"] == pytest.approx(expected.mean().item(), rel=1e-4, abs=1e-5)
    assert by_id(snapshot, "label") == [NAMES[index] for index in labels.argmax(1)]
    assert by_id(snapshot, "correct") == (scores.argmax(1) == labels.argmax(1)).tolist()
    chance = scores.softmax(1)[range(17), labels.argmax(1)]
    np.testing.assert_allclose(by_id(snapshot, "label_score"), chance, rtol=1e-4, atol=1e-5)
    assert counts(snapshot)["ant"] == int((labels.argmax(1) == 0).sum())


def test_soft_labels_may_be_missing(tmp_path: Path, x: torch.Tensor) -> None:
    labels = torch.full((17, 3), 1 / 3)
    labels[4] = torch.nan
    model = nn.Linear(4, 3)
    snapshot = logged(tmp_path, model, (x, labels))
    with torch.no_grad():
        loss = F.cross_entropy(model(x), labels, reduction="none")
    np.testing.assert_allclose(by_id(snapshot, "loss"), [*loss[:4], np.nan, *loss[5:]], rtol=1e-4, atol=1e-5)
    assert by_id(snapshot, "label") == [0] * 4 + [None] + [0] * 12
    assert by_id(snapshot, "correct")[4] is None
    numbers = logged(tmp_path / "numbers", model, (x, labels), task="regression")
    with torch.no_grad():
        error = (model(x) - labels).square().mean(1)
    np.testing.assert_allclose(by_id(numbers, "loss"), error, rtol=1e-5, atol=1e-5)


def test_outputs_that_are_not_finite(tmp_path: Path, x: torch.Tensor) -> None:
    x[3] = torch.nan
    model, labels = nn.Linear(4, 3), torch.arange(17) % 3
    snapshot = logged(tmp_path, model, (x, labels), class_names=NAMES)
    assert by_id(snapshot, "prediction")[3] is None
    assert by_id(snapshot, "correct")[3] is False
    others = [index for index in range(17) if index != 3]
    with torch.no_grad():
        loss = F.cross_entropy(model(x[others]), labels[others]).item()
    assert snapshot.record.metrics["loss"] == pytest.approx(loss, rel=1e-5, abs=1e-5)
    assert any(
        note.startswith("Instances for which the model gave NaN or infinity: 1.") for note in snapshot.record.notes
    )


@pytest.mark.parametrize(
    ("labels", "task", "message"),
    [
        (torch.zeros(17, dtype=torch.long), "rank", "task must be one of classification, multilabel"),
        (torch.zeros(17, 3), "tokens", r"task='tokens' needs scores for every position"),
        (
            torch.zeros(17, dtype=torch.long),
            "ranking",
            r"task='ranking' needs one score, \[instances\]; the model gives",
        ),
        (torch.zeros(17), "multilabel", r"labels of shape \(17,\) are not 0 or 1 for each of 3 classes"),
        (torch.full((17,), 7), None, "label 7, but the model tells 3 classes apart"),
    ],
)
def test_a_task_that_does_not_fit(
    tmp_path: Path, x: torch.Tensor, labels: torch.Tensor, task: Any, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        logged(tmp_path, nn.Linear(4, 3), (x, labels), task=task)


def test_one_class_each_at_first_and_several_later(tmp_path: Path, x: torch.Tensor) -> None:
    batches = [(x[:3], torch.eye(3)), (x[3:5], torch.tensor([[1.0, 1, 0], [0, 0, 0]]))]
    with pytest.raises(ConfigurationError, match="now there is one with several or none. Give task='multilabel'"):
        logged(tmp_path / "a", nn.Linear(4, 3), batches)
    assert by_id(logged(tmp_path / "b", nn.Linear(4, 3), batches, task="multilabel"), "label")[3:] == [[0, 1], []]


def test_labels_that_are_missing_or_out_of_range_later(tmp_path: Path, x: torch.Tensor) -> None:
    model, labels = nn.Linear(4, 3), torch.tensor([0, 1, 2, 0, 1, 9, -100, 2])
    snapshot = logged(tmp_path, model, [(x[:5], labels[:5]), (x[5:8], labels[5:])], class_names=NAMES)
    assert snapshot.record.notes == (
        "Labels that are missing or none of the 3 classes: 2. Their instances count in no class.",
    )
    assert counts(snapshot) | {"correct": 0, "wrong": 0} == {
        "all": 8,
        "ant": 2,
        "bee": 2,
        "cat": 2,
        "correct": 0,
        "wrong": 0,
    }
    assert by_id(snapshot, "label")[5:] == [None, None, "cat"]
    with torch.no_grad():
        loss = F.cross_entropy(model(x[:8]), torch.where(labels < 3, labels, -100)).item()
    assert snapshot.record.metrics["loss"] == pytest.approx(loss, rel=1e-5, abs=1e-5)
