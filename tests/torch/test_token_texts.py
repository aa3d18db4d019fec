"""Tokens of sequences in the table of instances: one per position of the instance's own sequence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.test_peaks import Reader

WORDS = {4: "Ġwho", 5: "Ġis", 6: "it", 7: "?"}


class Vocabulary:
    """What is asked of a tokenizer: a byte-level one, as of GPT-2."""

    byte_decoder = None

    def convert_ids_to_tokens(self, token: int) -> str:
        return WORDS[token]

    def batch_decode(self, ids: Any, **options: Any) -> list[str]:
        return ["".join(WORDS.get(token, "") for token in row) for row in ids]


IDS, MASK = torch.tensor([[0, 4, 5, 6, 7], [0, 0, 0, 4, 6]]), torch.tensor([[0, 1, 1, 1, 1], [0, 0, 0, 1, 1]])


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({"tokenizer": Vocabulary()}, [[" who", " is", "it", "?"], [" who", "it"]]),
        ({}, [["4", "5", "6", "7"], ["4", "6"]]),
        ({"texts": lambda batch: [["WHO", "IS", "IT", "?"], ["WHO", "IT"]]}, [["WHO", "IS", "IT", "?"], ["WHO", "IT"]]),
        ({"texts": lambda batch: [["WHO?"], ["WHO", "IT"]]}, [["4", "5", "6", "7"], ["WHO", "IT"]]),
    ],
)
def test_tokens_are_those_of_the_positions(tmp_path: Path, options: dict[str, Any], tokens: list[list[str]]) -> None:
    batch = {"input_ids": IDS, "attention_mask": MASK}
    with ActiVisLogger(tmp_path, Reader().eval(), [batch], layers=["mix"], strict=True, **options) as log:
        log.log(0)
    snapshot = open_run(tmp_path).latest
    by_id = dict(zip(snapshot.instances["id"].to_pylist(), snapshot.instances["token_texts"].to_pylist(), strict=True))
    assert [by_id[0], by_id[1]] == tokens
    peaks = snapshot.peaks("mix")
    for row, words in enumerate(snapshot.instances["token_texts"].to_pylist()):
        assert 0 <= peaks[row].min() <= peaks[row].max() < len(words)


@pytest.mark.parametrize("forward", [lambda self, x: self.head(self.mix(self.embed(x).sum(1)))])
def test_without_positions_there_are_no_tokens(tmp_path: Path, forward: Callable[..., Any]) -> None:
    class Bag(Reader):
        pass

    Bag.forward = forward  # type: ignore[method-assign]
    model: nn.Module = Bag().eval()
    with ActiVisLogger(tmp_path, model, [IDS], layers=["mix"], strict=True) as log:
        log.log(0)
    assert "token_texts" not in open_run(tmp_path).latest.instances.column_names
