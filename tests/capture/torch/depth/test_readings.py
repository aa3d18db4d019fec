"""What is read after each block is what plain hooks and the model's own modules give by hand, by instance id."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.query.run import open_run
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.read.arrays import read_array
from tensorboard_activis.torch import ActiVisLogger
from tests.capture.torch.depth.models import CASES, CLASSES, LENGTH, VOCABULARY, Case, Encoder

INSTANCES, BATCH = 23, 9


def data_of(case: Case) -> dict[str, torch.Tensor]:
    """Inputs and labels; texts are of 3 to 9 tokens, some padded."""
    generator = torch.Generator().manual_seed(3)
    if case.data == "numbers":
        return {
            "x": torch.randn(INSTANCES, 5, generator=generator),
            "labels": torch.randint(0, 2, (INSTANCES,), generator=generator),
        }
    labels = torch.randint(0, CLASSES, (INSTANCES,), generator=generator)
    if case.data == "pictures":
        return {"pixel_values": torch.randn(INSTANCES, 3, 8, 8, generator=generator), "labels": labels}
    ids = torch.randint(2, VOCABULARY, (INSTANCES, LENGTH), generator=generator)
    lengths = torch.randint(3, LENGTH + 1, (INSTANCES,), generator=generator)
    mask = (torch.arange(LENGTH) < lengths[:, None]).long()
    ids = ids * mask
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": torch.where(mask > 0, ids, -100) if case.next else labels,
    }


def batches(data: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    return [
        {name: values[start : start + BATCH] for name, values in data.items()} for start in range(0, INSTANCES, BATCH)
    ]


def by_hand(case: Case, model: Any, data: dict[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [blocks, instances, classes] after each block, and labels [instances]."""
    kept: list[torch.Tensor] = []

    def keep(module: nn.Module, args: Any, output: Any) -> None:
        kept.append((output[0] if isinstance(output, tuple) else output).clone())

    handles = [block.register_forward_hook(keep) for block in case.blocks(model)]
    mask = data.get("attention_mask", torch.ones(INSTANCES, 1, dtype=torch.long))
    with torch.no_grad():
        model.eval()(**{name: values for name, values in data.items() if name != "labels"})
        logits = torch.stack([case.head(model)(hidden, mask) for hidden in kept])
    for handle in handles:
        handle.remove()
    labels = data["labels"]
    if case.next:
        before = mask.sum(dim=1) - 2
        logits = logits[:, torch.arange(INSTANCES), before]
        labels = labels[torch.arange(INSTANCES), before + 1]
    return logits.softmax(dim=2).numpy(), labels.numpy()


def arrays(snapshot: Snapshot) -> dict[str, np.ndarray]:
    depth = snapshot.record.depth
    assert depth is not None, snapshot.notes
    return {
        name: read_array(snapshot._directory, getattr(depth, name))
        for name in ("top", "score", "rank", "label", "right")
    }


def logged(where: Path, model: nn.Module, data: Any, **options: Any) -> Snapshot:
    with ActiVisLogger(where, model, data, strict=True, **options) as activis:
        activis.log(1)
    return open_run(where).latest


def watched(where: Path, model: nn.Module, data: dict[str, torch.Tensor]) -> Snapshot:
    """Labels come behind each pass, and the model is not given them."""
    with ActiVisLogger(where, model, strict=True) as activis, torch.inference_mode():
        model.eval()
        with activis.watch(1) as watch:
            for batch in batches(data):
                model(**{name: values for name, values in batch.items() if name != "labels"})
                watch.batch(labels=batch["labels"])
    return open_run(where).latest


@pytest.mark.parametrize("how", ["log", "watch"])
@pytest.mark.parametrize("name", CASES)
def test_readings_are_those_of_plain_hooks(name: str, how: str, tmp_path: Path) -> None:
    case = CASES[name]
    torch.manual_seed(0)
    model, data = case.make(), data_of(case)
    shares, labels = by_hand(case, model, data)
    snapshot = logged(tmp_path, model, batches(data)) if how == "log" else watched(tmp_path, model, data)
    depth = snapshot.record.depth
    assert depth is not None
    assert (depth.token, depth.counted, len(depth.layers)) == (case.token, INSTANCES, len(shares))
    read = arrays(snapshot)
    ids = snapshot.instances.column("id").to_numpy()
    ranks = 1 + (shares > np.take_along_axis(shares, labels[None, :, None], axis=2)).sum(axis=2)
    np.testing.assert_array_equal(read["rank"], ranks.T[ids])
    np.testing.assert_array_equal(read["label"], labels[ids])
    most = min(5, shares.shape[2])
    order = np.argsort(-shares, axis=2, kind="stable")[:, :, :most].transpose(1, 0, 2)[ids]
    np.testing.assert_array_equal(read["top"][:, :, :most], order)
    expected = np.take_along_axis(shares.transpose(1, 0, 2)[ids], order, axis=2)
    np.testing.assert_allclose(read["score"][:, :, :most], expected, atol=1e-3)
    assert (read["top"][:, :, most:] == -1).all()
    assert np.isnan(read["score"][:, :, most:]).all()
    np.testing.assert_allclose(read["right"], (ranks == 1).mean(axis=1))
    if not case.next:
        assert read["right"][-1] == pytest.approx(snapshot.record.metrics["accuracy"])


class Vocabulary:
    """A tokenizer, as far as single tokens go: of two, one begins a word and one goes on with it."""

    def convert_ids_to_tokens(self, token: int) -> str:
        return f"▁word{token}" if token % 2 else f"##part{token}"


def test_tokens_of_a_language_model_have_the_texts_of_its_tokenizer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    case = CASES["GPT-2"]
    data = data_of(case)
    model = case.make()
    snapshot = logged(tmp_path / "texts", model, batches(data), tokenizer=Vocabulary())
    plain = logged(tmp_path / "ids", model, batches(data))
    read = arrays(snapshot)
    text = {token: f" word{token}" if token % 2 else f"part{token}" for token in range(VOCABULARY)}
    for row in range(INSTANCES):
        one = snapshot.depth(row)
        assert one.label == text[read["label"][row]]
        for place, block in enumerate(one.blocks):
            assert [each.class_ for each in block.scores] == [text[token] for token in read["top"][row, place]]
            ids = [each.class_ for each in plain.depth(row).blocks[place].scores]
            assert ids == [str(token) for token in read["top"][row, place]]


@pytest.mark.parametrize(("pool", "why"), [("mean", "the mean over its tokens"), ("concatenated", "'cat' takes")])
def test_nothing_is_recorded_where_the_logits_are_of_more_than_one_token(pool: str, why: str, tmp_path: Path) -> None:
    """A note says why, in the first snapshot of a logger."""
    torch.manual_seed(0)
    with ActiVisLogger(tmp_path, Encoder(pool), batches(data_of(CASES["BERT"])), strict=True) as activis:
        activis.log(1)
        activis.log(2)
    first, second = (open_run(tmp_path).snapshot(step) for step in (1, 2))
    assert first.record.depth is None
    assert second.record.depth is None
    assert len(first.notes) == 1
    assert why in first.notes[0]
    assert second.notes == ()


def test_models_that_are_no_candidates_are_passed_over(tmp_path: Path) -> None:
    convolutions = nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()) for _ in range(4)))
    model = nn.Sequential(convolutions, nn.Flatten(), nn.Linear(192, CLASSES))
    snapshot = logged(tmp_path, model, (torch.randn(12, 3, 8, 8), torch.arange(12) % CLASSES))
    assert snapshot.record.depth is None
    assert snapshot.notes == ()


def test_depth_can_be_turned_off(tmp_path: Path) -> None:
    case = CASES["nn.TransformerEncoder"]
    snapshot = logged(tmp_path, case.make(), batches(data_of(case)), depth=False)
    assert snapshot.record.depth is None
    assert snapshot.notes == ()
    with pytest.raises(ConfigurationError, match="depth must be True or False"):
        ActiVisLogger(tmp_path / "other", case.make(), batches(data_of(case)), depth="yes")  # type: ignore[arg-type]


def test_pinned_instances_are_read_and_not_counted(tmp_path: Path) -> None:
    case = CASES["nn.TransformerEncoder"]
    torch.manual_seed(0)
    model, data = case.make(), data_of(case)
    shares, _ = by_hand(case, model, data)
    pinned = {name: values[:4] for name, values in data.items()}
    snapshot = logged(tmp_path, model, batches(data), pinned=[pinned], sample=10)
    depth = snapshot.record.depth
    assert depth is not None
    assert depth.counted == INSTANCES
    np.testing.assert_array_equal(arrays(snapshot)["top"][10:, :, 0], shares[:, :4].argmax(axis=2).T)


def test_a_batch_that_the_tail_does_not_reproduce_costs_the_snapshot_its_depth(tmp_path: Path) -> None:
    class Fickle(Encoder):
        calls = 0

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            self.pool = "mean" if self.calls % 2 else "first"
            return super().forward(input_ids, attention_mask)

    torch.manual_seed(0)
    data = data_of(CASES["BERT"])
    same = [{name: values[:8] for name, values in data.items()}, {name: values[8:16] for name, values in data.items()}]
    snapshot = logged(tmp_path, Fickle("first"), same)
    assert snapshot.record.depth is None
    assert any("Prediction by depth is not recorded" in note for note in snapshot.notes)
