"""Taggers and language models: numbers per instance are those of F.cross_entropy with ignored labels and masks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tensorboard_activis.capture.tasks.tokens import TokenScores, token_scores
from tensorboard_activis.capture.torch.data import tokens as torch_tokens
from tensorboard_activis.capture.torch.data.tokens import torch_token_scores
from tests.torch.snapshots import by_id, counts, logged

TAGS = ["O", "PER", "LOC"]
IGNORED = -100


class Tagger(nn.Module):
    def __init__(self, words: int = 11, tags: int = 3) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, 5)
        self.head = nn.Linear(5, tags)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        return {"logits": self.head(self.embed(input_ids))}


class Transposed(Tagger):
    """[instances, classes, positions], as cross_entropy takes it."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        return {"logits": super().forward(input_ids)["logits"].transpose(1, 2)}


def sentences(positions: int, instances: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (instances, positions), generator=generator)
    labels[:, 0] = IGNORED
    mask = torch.arange(positions) < torch.randint(2, positions + 1, (instances, 1), generator=generator)
    ids = torch.randint(1, 11, (instances, positions), generator=generator)
    return {"input_ids": ids, "attention_mask": mask.long(), "labels": labels}


@pytest.fixture
def batches() -> list[dict[str, torch.Tensor]]:
    """7 and 5 sentences of at most 6 and 9 tokens; one has no label at all."""
    made = [sentences(6, 7, 1), sentences(9, 5, 2)]
    made[0]["labels"][3] = IGNORED
    return made


@pytest.mark.parametrize("kind", [Tagger, Transposed])
def test_a_tagger(tmp_path: Path, batches: list[dict[str, torch.Tensor]], kind: type[Tagger]) -> None:
    torch.manual_seed(0)
    model = kind()
    snapshot = logged(
        tmp_path, model, batches, class_names=TAGS, subsets={"places": '"LOC" in label', "long": "tokens > 3"}
    )
    assert snapshot.record.task == "tokens"
    loss, right, number, carried, exact = [], [], [], [], []
    with torch.no_grad():
        for batch in batches:
            logits = Tagger.forward(model, batch["input_ids"])["logits"]
            for row, (given, mask) in enumerate(zip(batch["labels"], batch["attention_mask"].bool(), strict=True)):
                labels = torch.where(mask, given, IGNORED)
                loss.append(F.cross_entropy(logits[row], labels, ignore_index=IGNORED).item())
                real = labels >= 0
                hits = (logits[row].argmax(1) == labels)[real]
                right.append(int(hits.sum()))
                number.append(int(real.sum()))
                exact.append(bool(hits.all()) if real.any() else None)
                carried.append([TAGS[index] for index in labels[real]])
    np.testing.assert_allclose(by_id(snapshot, "loss"), loss, rtol=1e-5, atol=1e-5)
    assert by_id(snapshot, "tokens") == number
    assert by_id(snapshot, "label") == carried
    assert by_id(snapshot, "correct") == exact
    known = [index for index in range(12) if number[index]]
    shares = [right[index] / number[index] for index in known]
    np.testing.assert_allclose(np.array(by_id(snapshot, "accuracy"))[known], shares, rtol=1e-6)
    assert snapshot.record.metrics["accuracy"] == pytest.approx(sum(right) / sum(number))
    mean = sum(loss[index] * number[index] for index in known) / sum(number)
    assert snapshot.record.metrics["loss"] == pytest.approx(mean, rel=1e-5, abs=1e-5)
    found = counts(snapshot)
    assert found["LOC"] == found["places"] == sum("LOC" in own for own in carried)
    assert found["long"] == sum(count > 3 for count in number)
    assert found["correct"] + found["wrong"] == len(known)


def test_a_language_model_predicts_the_next_token(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Tagger(11, 11)
    batch = sentences(6, 7, 3)
    batch["labels"] = torch.where(batch["attention_mask"].bool(), batch["input_ids"], IGNORED)
    snapshot = logged(tmp_path, model, [batch])
    with torch.no_grad():
        logits = model(batch["input_ids"])["logits"][:, :-1]
    labels = batch["labels"][:, 1:]
    loss = [F.cross_entropy(one, own, ignore_index=IGNORED).item() for one, own in zip(logits, labels, strict=True)]
    np.testing.assert_allclose(by_id(snapshot, "loss"), loss, rtol=1e-5, atol=1e-5)
    whole = F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED).item()
    assert snapshot.record.metrics["loss"] == pytest.approx(whole, rel=1e-5, abs=1e-5)
    # A text is no right or wrong answer, and the vocabulary is no set of classes.
    assert counts(snapshot) == {"all": 7}
    assert "correct" not in snapshot.instances.column_names


def test_targets_that_are_shifted_already(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, text = Tagger(11, 11), torch.randint(0, 11, (7, 6), generator=torch.Generator().manual_seed(4))
    snapshot = logged(tmp_path, model, [(text[:, :-1], text[:, 1:])])
    with torch.no_grad():
        logits = model(text[:, :-1])["logits"]
    loss = F.cross_entropy(logits.transpose(1, 2), text[:, 1:], reduction="none").mean(1)
    np.testing.assert_allclose(by_id(snapshot, "loss"), loss, rtol=1e-5, atol=1e-5)
    assert counts(snapshot) == {"all": 7}  # no class for each word of the vocabulary


@pytest.mark.parametrize("named", [False, True])
def test_one_tensor_is_input_and_labels_of_a_language_model(tmp_path: Path, named: bool) -> None:
    torch.manual_seed(0)
    model, text = Tagger(11, 11), torch.randint(0, 11, (7, 6), generator=torch.Generator().manual_seed(4))
    snapshot = logged(tmp_path, model, [{"input_ids": text, "labels": text} if named else (text, text)])
    with torch.no_grad():
        logits = model(text)["logits"][:, :-1]
    loss = F.cross_entropy(logits.transpose(1, 2), text[:, 1:], reduction="none").mean(1)
    np.testing.assert_allclose(by_id(snapshot, "loss"), loss, rtol=1e-5, atol=1e-5)
    assert counts(snapshot) == {"all": 7}


def test_logits_are_reduced_on_the_device_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(5)
    logits, labels = torch.randn(7, 5, 3, generator=generator), torch.randint(-1, 4, (7, 5), generator=generator)
    mask = torch.rand(7, 5, generator=generator) > 0.3
    labels[2] = IGNORED
    monkeypatch.setattr(torch_tokens, "_LOGITS_AT_A_TIME", 2 * 5 * 3)  # two instances at a time
    found = torch_token_scores(logits, labels, mask)
    same(found, token_scores(logits.numpy(), labels.numpy(), mask.numpy()))
    for row in range(7):
        own = torch.where(mask[row] & (labels[row] < 3) & (labels[row] >= 0), labels[row], IGNORED)
        expected = F.cross_entropy(logits[row], own, ignore_index=IGNORED).item()
        assert found.loss is not None
        assert found.loss[row] == pytest.approx(expected, rel=1e-5, abs=1e-5, nan_ok=True)
    same(torch_token_scores(logits, None, mask), token_scores(logits.numpy(), None, mask.numpy()))


def same(one: TokenScores, other: TokenScores) -> None:
    for name in ("counted", "score", "right", "loss", "label_score"):
        a: Any = getattr(one, name)
        b: Any = getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    for name in ("prediction", "label"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        assert a is None or [each.tolist() for each in a] == [each.tolist() for each in b]


def test_a_large_vocabulary_is_not_kept_token_by_token() -> None:
    scores = torch_token_scores(torch.randn(2, 3, 1_001), torch.zeros(2, 3, dtype=torch.long))
    assert scores.prediction is None
    assert scores.label is None
    assert not scores.judged


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_widened_before_sums(dtype: torch.dtype) -> None:
    logits = (torch.randn(2, 5, 700, generator=torch.Generator().manual_seed(6)) * 4).to(dtype)
    labels = torch.randint(0, 700, (2, 5), generator=torch.Generator().manual_seed(7))
    found = torch_token_scores(logits, labels)
    expected = F.cross_entropy(logits.double().transpose(1, 2), labels, reduction="none").mean(1)
    assert found.loss is not None
    np.testing.assert_allclose(found.loss, expected, rtol=1e-5, atol=1e-5)
