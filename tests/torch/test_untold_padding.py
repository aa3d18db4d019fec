"""Padding that no mask tells, and words that are not one for each token, are said once; what is neither is not spoken of."""

import inspect
import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.sequences import IGNORED
from tests.torch.snapshots import by_id, logged

LENGTHS, WIDTH, PAD = [[9, 4, 12, 7], [3, 12, 5]], 12, 3
Batches = list[tuple[torch.Tensor, torch.Tensor]]


class Model(nn.Module):
    """Every token by itself."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.mix, self.head = nn.Embedding(130, 6), nn.Linear(6, 5), nn.Linear(5, 130)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.mix(self.embed(tokens)).relu())
        return result


def rows(lengths: list[int], seed: int, *, left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens padded to WIDTH, and which are real."""
    tokens = torch.randint(10, 130, (len(lengths), WIDTH), generator=torch.Generator().manual_seed(seed))
    real = torch.arange(WIDTH) < torch.tensor(lengths)[:, None]
    real = real.flip(1) if left else real
    return tokens.where(real, torch.tensor(PAD)), real


def padding_notes(notes: tuple[str, ...]) -> list[str]:
    return [note for note in notes if "looks like padding" in note]


def said(tmp_path: Path, data: Any, model: nn.Module | None = None, **options: Any) -> list[str]:
    options = {"unit": "position", "layers": ["mix"]} | options
    return padding_notes(logged(tmp_path, model or Model(), data, **options).notes)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("labels", ["tokens", "ignored", "none"])
@pytest.mark.parametrize("watched", [False, True])
def test_padding_without_a_mask_is_said_with_what_was_seen(
    tmp_path: Path, watched: bool, labels: str, left: bool
) -> None:
    found = [rows(lengths, seed, left=left) for seed, lengths in enumerate(LENGTHS)]
    targets = [tokens if labels == "tokens" else tokens.masked_fill(~real, IGNORED) for tokens, real in found]
    data: Any = [(tokens, target) for (tokens, _), target in zip(found, targets, strict=True)]
    options: dict[str, Any] = {"unit": "position", "layers": ["mix"]}
    if labels == "none":
        data, options["task"] = [tokens for tokens, _ in found], "none"
    if watched and labels != "none":
        model = Model().eval()
        with (
            ActiVisLogger(tmp_path, model, strict=True, **options) as logger,
            logger.watch(1) as watch,
            torch.no_grad(),
        ):
            for tokens, target in data:
                model(tokens)
                watch.batch(labels=target)
        snapshot: SnapshotReader = open_run(tmp_path).latest
    else:
        snapshot = logged(tmp_path, Model(), data, **options)
    flat = [length for lengths in LENGTHS for length in lengths]
    padding, everything = sum(WIDTH - length for length in flat), WIDTH * len(flat)
    shorter = [length for length in flat if length < WIDTH]
    assert snapshot.record.seen == everything  # nothing is left out by guess
    (note,) = padding_notes(snapshot.notes)
    assert f"{padding} of {everything} positions ({padding / everything:.0%})" in note
    side = "begin" if left else "end"
    assert f"runs of token {PAD}, up to {WIDTH - min(flat)} long, that {side} {len(shorter)} of 7 texts" in note
    assert "attention_mask" in note
    assert "-100" in note
    assert "mask of ones" in note
    # Of the labels, the next tokens, those of the padding: the last position of a row has none.
    labelled = padding if left else padding - len(shorter)
    assert (f"{labelled} of them have a label" in note) == (labels == "tokens")
    assert ("have a label" in note) == (labels == "tokens" or (labels == "ignored" and left))


def test_a_mask_settles_it_either_way(tmp_path: Path) -> None:
    """Also one that the model does not take."""
    found = [rows(lengths, seed) for seed, lengths in enumerate(LENGTHS)]
    for name, masks in (("real", [real for _, real in found]), ("ones", [torch.ones_like(real) for _, real in found])):
        data = [
            {"tokens": tokens, "attention_mask": mask, "labels": tokens}
            for (tokens, _), mask in zip(found, masks, strict=True)
        ]
        snapshot = logged(tmp_path / name, Model(), data, unit="position", layers=["mix"])
        assert snapshot.notes == ()
        assert snapshot.record.seen == sum(int(mask.sum()) for mask in masks)


def windows(text: list[int], width: int) -> Batches:
    cut = torch.tensor(text).unfold(0, width + 1, width)
    return [(part[:, :-1], part[:, 1:]) for part in cut.split(16)]


def test_what_is_no_padding_gives_no_note(tmp_path: Path) -> None:
    source = inspect.getsource(textwrap) + inspect.getsource(json)
    characters = [min(ord(letter), 127) for letter in source]  # runs of spaces end many windows
    assert np.mean([(one[:, -2:] == ord(" ")).all(1).float().mean() for one, _ in windows(characters, WIDTH)]) > 0.1
    pixels = torch.zeros(8, WIDTH, dtype=torch.int64)  # zeros at the end of every row, and between other values
    for row, length in enumerate([3, 5, 8, 9, 4, 7, 10, 6]):
        pixels[row, :length] = torch.tensor([0, 5, 0, 0, 9, 0, 7, 0, 0, 8])[10 - length :]
    alike = torch.cat([rows([WIDTH] * 8, 5)[0][:, :9], torch.full((8, 3), PAD)], 1)
    single = rows([WIDTH] * 30, 6)[0]
    single[-1, 7:] = PAD  # the last window of a text, filled up
    for name, data in {
        "packed": windows(characters, WIDTH),
        "packed with padding between": windows([letter for code in characters for letter in (code, PAD)], WIDTH),
        "pixels": [(pixels, pixels)],
        "as long": [(tokens := rows([WIDTH] * 6, 4)[0], tokens)],
        "ends that are alike": [(alike, alike)],
        "a last window": [(single, single)],
        "one text": [(one := rows([5], 7)[0], one)],
    }.items():
        assert said(tmp_path / name, data) == [], name


def test_it_is_seen_over_batches_that_each_show_nothing(tmp_path: Path) -> None:
    """Of one text each, or of texts that are equally long."""
    singles = [(one := rows([length], length)[0], one) for length in (4, 12, 9, 6)]
    (note,) = said(tmp_path / "singles", singles)
    assert "17 of 48 positions" in note
    assert "3 of 4 texts" in note
    equal = [(one := rows([length] * 3, length)[0], one) for length in (5, 8)]
    (note,) = said(tmp_path / "equal", equal)
    assert "33 of 72 positions" in note
    assert "6 of 6 texts" in note


def test_vectors_of_zeros_are_padding_as_well(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, (_, real) = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), rows(LENGTHS[0], 1)
    frames = torch.randn(*real.shape, 4) * real[..., None]
    labels = torch.zeros(real.shape, dtype=torch.int64)
    for what, given in (("zeros", labels), ("label -100", labels.masked_fill(~real, IGNORED))):
        (note,) = said(tmp_path / what, [(frames, given)], model, layers=["0"])
        assert f"{int((~real).sum())} of {real.numel()} positions" in note
        assert f"runs of {what}," in note
    assert said(tmp_path / "whole", [(torch.randn(*real.shape, 4), labels)], model, layers=["0"]) == []


class Classifier(Model):
    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return super().forward(tokens).mean(1)[:, :3]


@pytest.mark.parametrize("padded", [False, True])
def test_where_texts_are_instances_it_counts_in_their_activations(tmp_path: Path, padded: bool) -> None:
    lengths = LENGTHS[0] if padded else [WIDTH] * 4
    tokens, labels = rows(lengths, 1)[0], torch.tensor([0, 1, 2, 1])
    notes = said(tmp_path, [(tokens, labels)], Classifier(), unit="instance")
    assert len(notes) == padded
    assert not padded or "count in the activations of their texts. If" in notes[0]
    masked = {"tokens": tokens, "attention_mask": tokens != PAD, "labels": labels}
    assert said(tmp_path / "masked", [masked], Classifier(), unit="instance") == []


@pytest.mark.parametrize("unit", ["position", "instance"])
def test_words_that_are_not_one_for_each_token_are_said(tmp_path: Path, unit: str) -> None:
    tokens, real = rows(LENGTHS[0], 1)
    words = [[f"w{token}" for token in row] for row in tokens.tolist()]
    short = [row[:length] for row, length in zip(words, LENGTHS[0], strict=True)]
    options: dict[str, Any] = {"unit": unit, "layers": ["mix"]}
    data: Any = [(tokens, tokens)]
    snapshot = logged(tmp_path / "short", Model(), data, texts=lambda batch: short, **options)
    (note,) = [note for note in snapshot.notes if "texts=" in note]
    assert "in 3 of 4 texts, whose tokens are shown by their ids instead: the first, text 0 of its batch has 9" in note
    if unit == "position":  # those that fit have the user's words
        shown = dict(zip(by_id(snapshot, "id"), by_id(snapshot, "token"), strict=True))
        for row, place in np.ndindex(4, WIDTH):
            token = words[row][place] if LENGTHS[0][row] == WIDTH else str(int(tokens[row, place]))
            assert shown[f"{row}:{place}"] == token
    for name, texts in (("whole", words), ("strings", [" ".join(row) for row in short])):
        fitting = logged(tmp_path / name, Model(), data, texts=lambda batch, texts=texts: texts, **options)
        assert [note for note in fitting.notes if "texts=" in note] == [], name
    masked = [{"tokens": tokens, "attention_mask": real, "labels": tokens}]
    for name, texts in (("masked", short), ("masked whole", words)):
        fitting = logged(tmp_path / name, Model(), masked, texts=lambda batch, texts=texts: texts, **options)
        assert fitting.notes == (), name
        if unit == "position":
            shown = dict(zip(by_id(fitting, "id"), by_id(fitting, "token"), strict=True))
            assert shown == {
                f"{row}:{place}": short[row][place] for row in range(4) for place in range(LENGTHS[0][row])
            }
