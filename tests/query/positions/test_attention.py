"""Patterns of attention of pinned instances, against shares that are computed by hand, and what goes with them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.capture.instances import patterns as pinned_patterns
from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.torch import ActiVisLogger

LAYER = "attention/heads"


class Model(nn.Module):
    def __init__(self, causal: bool = False) -> None:
        super().__init__()
        self.causal = causal
        self.attention, self.out = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        padding = attention_mask == 0
        return self.out(self.attention(x, x, x, key_padding_mask=padding, need_weights=False)[0].mean(1))

    def shares(self, x: torch.Tensor) -> np.ndarray:
        """[heads, from, to] of one text, without padding."""
        with torch.no_grad():
            _, weights = self.attention(x[None], x[None], x[None], need_weights=True, average_attn_weights=False)
        return weights[0].numpy()


def inputs(count: int, length: int, *, left: bool = False) -> dict[str, torch.Tensor]:
    lengths = torch.arange(count) % (length - 1) + 2
    mask = torch.arange(length) < lengths[:, None]
    return {"x": torch.randn(count, length, 8), "attention_mask": (mask.flip(1) if left else mask).long()}


def logged(directory: Path, model: Model, pinned: dict[str, torch.Tensor]) -> Snapshot:
    with ActiVisLogger(directory, model, inputs(9, 5), pinned=pinned, task="none", strict=True) as logger:
        logger.log(0)
    return open_run(directory).latest


@pytest.mark.parametrize("left", [False, True])
def test_patterns_are_over_an_instances_own_positions(tmp_path: Path, left: bool) -> None:
    torch.manual_seed(0)
    model, pinned = Model().eval(), inputs(4, 6, left=left)
    snapshot = logged(tmp_path, model, pinned)
    for place in range(4):
        real = pinned["attention_mask"][place].bool()
        expected = model.shares(pinned["x"][place][real])
        row = 9 + place
        found = snapshot.attention(LAYER, row)
        assert (found.rows_together, found.columns_together) == (1, 1)
        np.testing.assert_allclose(found.shares, expected, atol=1e-3)
        detail = snapshot.attention_detail(LAYER, 1, row)
        assert (detail.index, detail.missing, detail.row_tokens) == (row, "", None)
        assert detail.shares is not None
        assert detail.entropy is not None
        assert detail.first is not None
        assert detail.previous is not None
        assert detail.self_ is not None
        np.testing.assert_allclose(detail.shares, expected[1], atol=1e-3)
        for position, shares in enumerate(expected[1].astype(float)):
            assert detail.entropy[position] == pytest.approx(-sum(p * np.log2(p) for p in shares), abs=5e-3)
            assert detail.first[position] == pytest.approx(shares[0], abs=1e-3)
            assert detail.self_[position] == pytest.approx(shares[position], abs=1e-3)
            before = shares[position - 1] if position else 0
            assert detail.previous[position] == pytest.approx(before, abs=1e-3)


def test_all_heads_stand_beside_one_and_pinned_instances_are_named(tmp_path: Path) -> None:
    snapshot = logged(tmp_path, Model().eval(), inputs(3, 5))
    detail = snapshot.attention_detail(f"{LAYER}[entropy]", 0)
    assert [brief.index for brief in detail.pinned] == [9, 10, 11]
    assert detail.index == 9
    assert [means.head for means in detail.heads] == [0, 1]
    for figure, name in (("entropy", "entropy"), ("first", "first"), ("previous", "previous"), ("self", "self_")):
        means = snapshot.activations(f"{LAYER}[{figure}]")[:9].astype(float).mean(0)
        np.testing.assert_allclose([getattr(one, name) for one in detail.heads], means, atol=2e-3)
    norms = snapshot.activations(LAYER)[:9].astype(float).mean(0)
    np.testing.assert_allclose([one.norm for one in detail.heads], norms, atol=2e-3)


def test_of_very_many_positions_some_are_one(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = Model().eval()
    pinned = {"x": torch.randn(1, 600, 8), "attention_mask": torch.ones(1, 600, dtype=torch.long)}
    found = logged(tmp_path, model, pinned).attention(LAYER, 9)
    assert (found.rows_together, found.columns_together) == (3, 3)
    expected = model.shares(pinned["x"][0])
    expected = expected.reshape(2, 200, 3, 200, 3).mean(2).sum(3)
    np.testing.assert_allclose(found.shares, expected, atol=1e-4)
    detail = open_run(tmp_path).latest.attention_detail(LAYER, 0, 9)
    assert (detail.rows_together, detail.entropy, detail.self_) == (3, None, None)


def test_without_a_pattern_it_says_why(tmp_path: Path) -> None:
    snapshot = logged(tmp_path, Model().eval(), inputs(2, 5))
    detail = snapshot.attention_detail(LAYER, 0, 3)
    assert detail.shares is None
    assert "pinned instances 9 to 10 have one" in detail.missing
    with pytest.raises(NotFoundError, match="pinned instances 9 to 10"):
        snapshot.attention(LAYER, 3)
    assert "not one of heads" in snapshot.attention_detail("out", 0).missing
    with pytest.raises(NotFoundError, match="heads 0 to 1; got 2"):
        snapshot.attention_detail(LAYER, 2)
    with pytest.raises(NotFoundError, match="instances 0 to 10"):
        snapshot.attention_detail(LAYER, 0, 99)
    with ActiVisLogger(tmp_path / "none", Model(), inputs(9, 5), task="none", strict=True) as logger:
        logger.log(0)
    assert "pinned=" in open_run(tmp_path / "none").latest.attention_detail(LAYER, 0).missing


def test_patterns_beyond_the_budget_are_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned_patterns, "MOST_BYTES", 3 * 2 * 2 * 5 * 5)
    snapshot = logged(tmp_path, Model().eval(), inputs(8, 5))
    assert [brief.index for brief in snapshot.attention_detail(LAYER, 0).pinned] == [9, 10, 11]
    assert any("first 3 pinned instances" in note for note in snapshot.notes)


def test_patterns_that_a_file_lies_about_cost_only_these(tmp_path: Path) -> None:
    from dataclasses import replace

    from tensorboard_activis import codec
    from tensorboard_activis.errors import UnreadableError

    record = logged(tmp_path, Model().eval(), inputs(2, 5)).record
    layer = next(layer for layer in record.layers if layer.name == LAYER)
    assert layer.patterns is not None
    assert codec.decode_snapshot(codec.encode_snapshot(record)).layers == record.layers
    lies = replace(layer, patterns=replace(layer.patterns, shares=replace(layer.patterns.shares, shape=(2, 3, 5, 5))))
    others = [each if each is not layer else lies for each in record.layers]
    decoded = codec.decode_snapshot(codec.encode_snapshot(replace(record, layers=tuple(others))))
    read = Snapshot(decoded, tmp_path / "activis", list)
    assert read.activations(LAYER).shape == (11, 2)
    with pytest.raises(UnreadableError):
        read.attention(LAYER, 9)


class Patches(nn.Module):
    """Attention over a class token and the patches of an image."""

    def __init__(self, before: int) -> None:
        super().__init__()
        self.patches, self.first = nn.Conv2d(3, 8, 4, stride=4), nn.Parameter(torch.randn(1, before, 8))
        self.block, self.attention = nn.Linear(8, 8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 3)

    def tokens(self, images: torch.Tensor) -> torch.Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        return self.block(torch.cat([self.first.expand(len(x), -1, -1), x], 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.tokens(images)
        return self.out(self.attention(x, x, x, need_weights=False)[0].mean(1))


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("positions", [0, 16])
def test_patches_of_an_image_have_their_places(tmp_path: Path, before: int, positions: int) -> None:
    """Where positions were not recorded, nothing tells which they are, and their numbers stand for them."""
    torch.manual_seed(0)
    model, images = Patches(before).eval(), torch.randn(9, 3, 12, 20)
    options = {"task": "none", "strict": True, "positions": positions}
    with ActiVisLogger(tmp_path, model, images, pinned=images[:2], **options) as logger:  # type: ignore[arg-type]
        logger.log(0)
    detail = open_run(tmp_path).latest.attention_detail(LAYER, 1, 10)
    with torch.no_grad():
        x = model.tokens(images[1:2])
        shares = model.attention(x, x, x, need_weights=True, average_attn_weights=False)[1][0, 1]
    assert detail.shares is not None
    np.testing.assert_allclose(detail.shares, shares, atol=1e-3)
    if not positions:
        assert (detail.grid, detail.before, detail.row_tokens) == ((), 0, None)
        return
    assert (detail.grid, detail.before) == ((3, 5), before)
    places = [f"{row}, {column}" for row in range(3) for column in range(5)]
    assert detail.row_tokens == detail.column_tokens == tuple([f"[{place}]" for place in range(before)] + places)


def test_texts_have_no_grid(tmp_path: Path) -> None:
    detail = logged(tmp_path, Model().eval(), inputs(2, 5)).attention_detail(LAYER, 0)
    assert (detail.grid, detail.before) == ((), 0)
