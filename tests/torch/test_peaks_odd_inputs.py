"""Positions and heads of inputs that are odd but allowed: very short and very long texts, models whose heads were pruned."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.capture.head_shares import shares_of_heads
from tests.torch.test_peaks import check, plain


class Attends(nn.Module):
    """Causal attention with so many heads of four neurons."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv = heads, nn.Linear(8, 12 * heads)
        self.out = nn.Linear(4 * heads, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, 4)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        result: torch.Tensor = x + self.out(mixed.transpose(1, 2).flatten(2))
        return result

    def shares(self, x: torch.Tensor) -> np.ndarray:
        q, k, _ = self.qkv(x).unflatten(2, (3, self.heads, 4)).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(2, 3) / 2).masked_fill(torch.ones(x.shape[1], x.shape[1]).triu(1).bool(), -torch.inf)
        return scores.softmax(-1).detach().numpy()


class Texts(nn.Module):
    """Blocks with as many heads as are asked for in each, as after pruning."""

    def __init__(self, *heads: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.blocks = nn.ModuleList(Attends(each) for each in heads)
        self.head = nn.Linear(8, 3)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        x = self.embed(input_ids)
        for block in self.blocks:
            x = block(x)
        result: torch.Tensor = self.head(x.mean(1))
        return result


def test_texts_of_one_token_and_of_8192(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = Texts(1).eval()
    batches = [{"input_ids": torch.randint(0, 50, (1, length))} for length in (1, 8192, 3)]
    with ActiVisLogger(tmp_path, model, batches, task="none", reducer="max", strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    assert snapshot.position_sizes("blocks.0") == (-1,)
    outputs = plain(model, batches, ["blocks.0"])["blocks.0"]
    check(snapshot, "blocks.0", {at: output[0].T for at, output in enumerate(outputs)})
    first = snapshot.activations("blocks.0/heads[first]")[:, 0]
    with torch.no_grad():
        for row, at in enumerate(snapshot.instances["id"].to_pylist()):
            # The largest share of the first token is its own, which it keeps for itself.
            assert first[row] == 1, at
    assert [len(texts) for texts in snapshot.instances["token_texts"].to_pylist()] == [
        batches[at]["input_ids"].shape[1] for at in snapshot.instances["id"].to_pylist()
    ]


def test_pruned_heads(tmp_path: Path) -> None:
    torch.manual_seed(2)
    model, ids = Texts(2, 1).eval(), torch.randint(0, 50, (9, 6))
    with ActiVisLogger(tmp_path, model, {"input_ids": ids}, task="none", strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    kept, x = np.asarray(snapshot.instances["id"]), model.embed(ids)
    for block, attends in enumerate(model.blocks):
        assert isinstance(attends, Attends)
        for figure, expected in shares_of_heads(attends.shares(x), None, None, cross=False).items():
            values = snapshot.activations(f"blocks.{block}/heads[{figure}]")
            assert values.shape == (9, attends.heads)
            np.testing.assert_allclose(values, expected[kept], atol=1e-3, rtol=1e-3)
        x = attends(x)
