"""Heads of attention and activations of MLPs, by instance id, against plain eager attention and plain hooks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.capture.head_shares import shares_of_heads
from tests.capture.torch.attention.models import HEADS, INSTANCES, LENGTH, cases, inputs_of, padding


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("name", list(cases()))
def test_figures_are_those_of_eager_attention(tmp_path: Path, name: str, implementation: str) -> None:
    torch.manual_seed(1)
    case = cases()[name]
    model, inputs = case.make().eval(), case.inputs()
    model.set_attn_implementation(implementation)
    batches = [{key: value[start : start + 4] for key, value in inputs.items()} for start in range(0, INSTANCES, 4)]
    with ActiVisLogger(tmp_path, model, batches, task="none", strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    ids = np.asarray(snapshot.instances["id"])
    model.set_attn_implementation("eager")
    mask = inputs.get("attention_mask")
    real = {"encoder": None if mask is None else mask.numpy().astype(bool), "decoder": None}
    with torch.no_grad():
        for attention in case.attentions:
            for block in range(2):
                read = inputs_of(model, attention.projection.format(block))
                outputs = model(**inputs, output_attentions=True)
                layer = f"{attention.module.format(block)}/heads"
                weights = outputs[attention.output][block].numpy()
                rows, columns = real[attention.rows], real[attention.columns]
                cross = attention.rows != attention.columns
                for figure, expected in shares_of_heads(weights, rows, columns, cross).items():
                    values = snapshot.activations(f"{layer}[{figure}]")
                    np.testing.assert_allclose(values, expected[ids], atol=1e-3, rtol=1e-3, err_msg=f"{layer} {figure}")
                given = read[-1].reshape(INSTANCES, weights.shape[2], HEADS, -1).norm(dim=-1).numpy()
                weight = np.ones(given.shape[:2]) if rows is None else rows.astype(float)
                norms = (given * weight[:, :, None]).sum(1) / weight.sum(1)[:, None]
                np.testing.assert_allclose(snapshot.activations(layer), norms[ids], atol=1e-3, rtol=1e-3)
                assert (f"{layer}[self]" in snapshot.layers) == (not cross)


@pytest.mark.parametrize("name", [name for name, case in cases().items() if case.mlp])
def test_the_activation_of_an_mlp_is_what_its_last_layer_reads(tmp_path: Path, name: str) -> None:
    torch.manual_seed(1)
    case = cases()[name]
    model, inputs = case.make().eval(), case.inputs()
    with ActiVisLogger(tmp_path, model, inputs, task="none", strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    ids = np.asarray(snapshot.instances["id"])
    mask = inputs.get("attention_mask")
    read = inputs_of(model, case.mlp_reader.format(1))
    with torch.no_grad():
        model(**inputs)
    values = read[-1].numpy()
    real = np.ones(values.shape[:2]) if mask is None else mask.numpy().astype(float)
    means = (values * real[:, :, None]).sum(1) / real.sum(1)[:, None]
    np.testing.assert_allclose(snapshot.activations(case.mlp.format(1)), means[ids], atol=1e-3, rtol=2e-3)


class Own(nn.Module):
    """An attention of the user's own, in one of several ways."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.qkv, self.out = way, nn.Linear(8, 24), nn.Linear(8, 2)
        self.weights: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, 2, 4).permute(2, 0, 3, 1, 4)
        bias = -torch.arange(length).float()[:, None].sub(torch.arange(length)).abs()
        scores = q @ k.transpose(-1, -2)
        expected = scores * 0.3
        if self.way == "bias":  # as ALiBi
            heads = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=0.3)
            expected = expected + bias
        elif self.way == "causal":
            heads = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3)
            expected = expected.masked_fill(torch.ones(length, length).triu(1).bool(), -torch.inf)
        elif self.way == "mask":
            keep = torch.arange(length) < 2
            heads = functional.scaled_dot_product_attention(q, k, v, attn_mask=keep.expand(length, length), scale=0.3)
            expected = expected.masked_fill(~keep, -torch.inf)
        elif self.way == "grouped":
            k, v = k[:, :1], v[:, :1]
            heads = functional.scaled_dot_product_attention(q, k, v, scale=0.3, enable_gqa=True)
            expected = (q @ k.transpose(-1, -2)) * 0.3
        elif self.way == "dropout":  # it stays on in evaluation mode, as for Monte Carlo dropout
            weights = functional.dropout((scores * 0.3).softmax(-1), 0.5, training=True)
            heads = torch.einsum("bhqk,bhkd->bqhd", weights, v).transpose(1, 2)
        else:
            heads = torch.bmm((scores * 0.3).softmax(-1).flatten(0, 1), v.flatten(0, 1)).unflatten(0, (batch, 2))
        self.weights = expected.softmax(-1)
        return self.out(heads.transpose(1, 2).reshape(batch, length, 8)).mean(1)


@pytest.mark.parametrize("way", ["bias", "causal", "mask", "grouped", "dropout", "bmm"])
def test_an_attention_of_the_users_own(tmp_path: Path, way: str) -> None:
    torch.manual_seed(2)
    model, x = Own(way).eval(), torch.randn(9, 6, 8)
    with ActiVisLogger(tmp_path, model, x, task="none", strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    ids = np.asarray(snapshot.instances["id"])
    with torch.no_grad():
        model(x)
    assert model.weights is not None
    assert "/heads" in snapshot.layers
    for figure, expected in shares_of_heads(model.weights.numpy(), None, None, cross=False).items():
        np.testing.assert_allclose(snapshot.activations(f"/heads[{figure}]"), expected[ids], atol=1e-3, rtol=1e-3)


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.embed, self.encoder, self.out = nn.Embedding(20, 8), nn.TransformerEncoder(layer, 2), nn.Linear(8, 2)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.encoder(self.embed(input_ids), src_key_padding_mask=attention_mask == 0)
        return self.out(states[:, 0])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_an_encoder_of_torch_and_its_output_stays_the_same(tmp_path: Path) -> None:
    """Its layers call no modules inside of them on their fast path."""
    torch.manual_seed(3)
    model = Encoder().eval()
    inputs = {"input_ids": torch.randint(0, 20, (INSTANCES, LENGTH)), "attention_mask": padding()}
    with torch.no_grad():
        before = model(**inputs)
    with ActiVisLogger(tmp_path, model, inputs, task="none", strict=True) as logger:
        logger.log(0)
    with torch.no_grad():
        assert torch.equal(model(**inputs), before)
    snapshot = open_run(tmp_path).latest
    ids = np.asarray(snapshot.instances["id"])
    real = padding().bool()
    states = model.embed(inputs["input_ids"])
    with torch.no_grad():
        for block, layer in enumerate(model.encoder.layers):
            attention = layer.self_attn
            _, weights = attention(
                states, states, states, key_padding_mask=~real, need_weights=True, average_attn_weights=False
            )
            expected = shares_of_heads(weights.numpy(), real.numpy(), real.numpy(), cross=False)
            name = f"encoder.layers.{block}.self_attn/heads"
            for figure, values in expected.items():
                np.testing.assert_allclose(snapshot.activations(f"{name}[{figure}]"), values[ids], atol=1e-3, rtol=1e-3)
            states = layer(states, src_key_padding_mask=~real)
    assert "encoder.layers.0.linear1/relu" in snapshot.layers


@pytest.mark.parametrize("need_weights", [False, True])
def test_outputs_of_a_watched_pass_are_the_same_bit_for_bit(tmp_path: Path, need_weights: bool) -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.out = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.attention(x, x, x, need_weights=need_weights)[0][:, 0])

    torch.manual_seed(4)
    model, x = Attends().eval(), torch.randn(8, 5, 8)
    plain = model(x)  # with gradients, so that torch takes no fast path
    with ActiVisLogger(tmp_path, model, task="none", strict=True) as logger, logger.watch(0) as watched:
        seen = model(x)
        watched.batch()
    assert torch.equal(seen, plain)
    assert "attention/heads[entropy]" in open_run(tmp_path).latest.layers


class Hidden(nn.Module):
    """An attention that no operator shows: its softmax is written out."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = (q @ k.transpose(-1, -2)).exp()
        result: torch.Tensor = self.out((scores / scores.sum(-1, keepdim=True)) @ v)
        return result


class HiddenAttention(Hidden):
    pass


def test_attention_that_cannot_be_seen_is_named_once(tmp_path: Path) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.out = HiddenAttention(), nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.attention(x)[:, 0])

    with ActiVisLogger(tmp_path, Model(), torch.randn(8, 5, 8), task="none", strict=True) as logger:
        logger.log(0)
        logger.log(1)
    run = open_run(tmp_path)
    (node,) = [node for node in run.graph.nodes if node.key == "attention"]
    assert "cannot be seen" in node.attributes["attention"]
    assert sum("heads of attention cannot be seen" in note for note in run.latest.notes) == 1
    assert not [name for name in run.latest.layers if "/heads" in name]


def test_a_head_layer_by_name_and_by_glob(tmp_path: Path) -> None:
    case = cases()["bert"]
    model = case.make()
    chosen = ["*/heads*", "classifier"]
    with ActiVisLogger(tmp_path, model, case.inputs(), layers=chosen, task="none", strict=True) as logger:
        names = [layer.name for layer in logger.layers]
    assert len(names) == 2 * 5 + 1
    with ActiVisLogger(
        tmp_path / "one",
        model,
        case.inputs(),
        layers=["bert.encoder.layer.1.attention.self/heads[first]"],
        task="none",
        strict=True,
    ) as logger:
        assert [(layer.name, layer.neurons, layer.reducer) for layer in logger.layers] == [
            ("bert.encoder.layer.1.attention.self/heads[first]", HEADS, "mean")
        ]
    with ActiVisLogger(tmp_path / "all", model, case.inputs(), layers=["*"], task="none", strict=True) as logger:
        assert not [layer.name for layer in logger.layers if "/heads" in layer.name]


def test_memory_is_bounded_at_many_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No array of [heads, tokens, tokens] comes up: the largest piece of shares is seen by a size that is allowed."""
    from tensorboard_activis.capture.torch.attention import figures

    sizes: list[int] = []
    original = figures.Heads._shares

    def watched(self: figures.Heads, *args: Any) -> torch.Tensor:
        shares = original(self, *args)
        sizes.append(shares.numel())
        return shares

    monkeypatch.setattr(figures.Heads, "_shares", watched)
    monkeypatch.setattr(figures, "_CHUNK", 1 << 14)
    model = Own("causal").eval()
    with ActiVisLogger(tmp_path, model, torch.randn(3, 512, 8), layers=["/heads*"], task="none", strict=True) as logger:
        logger.log(0)
    assert max(sizes) <= 1 << 14
    assert sum(sizes) == 3 * 2 * 512 * 512


def test_texts_of_one_token(tmp_path: Path) -> None:
    case = cases()["llama, grouped queries"]
    inputs = {"input_ids": torch.randint(3, 40, (9, 1)), "attention_mask": torch.ones(9, 1, dtype=torch.long)}
    with ActiVisLogger(tmp_path, case.make(), inputs, task="none", strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    heads = "model.layers.0.self_attn/heads"
    np.testing.assert_allclose(snapshot.activations(f"{heads}[entropy]"), 0, atol=1e-6)
    np.testing.assert_allclose(snapshot.activations(f"{heads}[self]"), 1)
    np.testing.assert_allclose(snapshot.activations(f"{heads}[previous]"), 0)
    assert snapshot.activations(heads).shape == (9, HEADS)
