"""Heads of attention and activations of MLPs, by instance id, against plain eager attention and plain hooks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn
from torch.nn import functional

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger

INSTANCES, LENGTH, HEADS = 11, 7, 4
LENGTHS = [7, 1, 3, 6, 2, 7, 5, 4, 7, 2, 6]
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": HEADS, "intermediate_size": 24}
_ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
WORDS = {"vocab_size": 40, "max_position_embeddings": 32, **_ENDS}


@dataclass(frozen=True)
class Attentions:
    """One kind of attention in a model.

    Attributes:
        output: which output of the model has its shares.
        module: path of the module that computes it, by block.
        projection: path of the layer behind the heads, in the module or from the model on.
        rows, columns: which sequence looks, and which is looked at: "encoder" or "decoder".
    """

    output: str
    module: str
    projection: str
    rows: str = "encoder"
    columns: str = "encoder"


@dataclass(frozen=True)
class Case:
    make: Callable[[], Any]
    inputs: Callable[[], dict[str, torch.Tensor]]
    attentions: list[Attentions]
    mlp: str = ""
    mlp_reader: str = ""


def padding(left: bool = False) -> torch.Tensor:
    mask = torch.arange(LENGTH) < torch.tensor(LENGTHS)[:, None]
    return (mask.flip(1) if left else mask).long()


def texts(left: bool = False) -> dict[str, torch.Tensor]:
    mask = padding(left)
    return {"input_ids": torch.randint(3, 40, (INSTANCES, LENGTH)) * mask, "attention_mask": mask}


def translations() -> dict[str, torch.Tensor]:
    return {**texts(), "decoder_input_ids": torch.randint(3, 40, (INSTANCES, 5))}


def images() -> dict[str, torch.Tensor]:
    return {"pixel_values": torch.randn(INSTANCES, 3, 8, 8)}


def sounds() -> dict[str, torch.Tensor]:
    return {
        "input_features": torch.randn(INSTANCES, 8, 24),
        "decoder_input_ids": torch.randint(3, 40, (INSTANCES, 5)),
    }


def cases() -> dict[str, Case]:
    t = transformers
    own = "attentions"
    grouped = {**SMALL, **WORDS, "num_key_value_heads": 2}
    return {
        "bert": Case(
            lambda: t.BertForSequenceClassification(t.BertConfig(**SMALL, **WORDS)),
            texts,
            [Attentions(own, "bert.encoder.layer.{}.attention.self", "bert.encoder.layer.{}.attention.output.dense")],
            "bert.encoder.layer.{}.intermediate.intermediate_act_fn",
            "bert.encoder.layer.{}.output.dense",
        ),
        "gpt2, padded on the left": Case(
            lambda: t.GPT2LMHeadModel(
                t.GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=HEADS, n_positions=32, **_ENDS)
            ),
            lambda: texts(left=True),
            [Attentions(own, "transformer.h.{}.attn", "transformer.h.{}.attn.c_proj")],
            "transformer.h.{}.mlp.act",
            "transformer.h.{}.mlp.c_proj",
        ),
        "llama, grouped queries": Case(
            lambda: t.LlamaForCausalLM(t.LlamaConfig(**grouped)),
            texts,
            [Attentions(own, "model.layers.{}.self_attn", "model.layers.{}.self_attn.o_proj")],
            "model.layers.{}.mlp/mul",
            "model.layers.{}.mlp.down_proj",
        ),
        "mistral, sliding window": Case(
            lambda: t.MistralForCausalLM(t.MistralConfig(**grouped, sliding_window=3)),
            texts,
            [Attentions(own, "model.layers.{}.self_attn", "model.layers.{}.self_attn.o_proj")],
        ),
        "mixtral": Case(
            lambda: t.MixtralForCausalLM(t.MixtralConfig(**grouped, num_local_experts=4)),
            texts,
            [Attentions(own, "model.layers.{}.self_attn", "model.layers.{}.self_attn.o_proj")],
        ),
        "modernbert, local attention": Case(
            lambda: t.ModernBertForSequenceClassification(
                t.ModernBertConfig(
                    **SMALL, **WORDS, local_attention=4, global_attn_every_n_layers=2, cls_token_id=1, sep_token_id=2
                )
            ),
            texts,
            [Attentions(own, "model.layers.{}.attn", "model.layers.{}.attn.Wo")],
            "model.layers.{}.mlp/mul",
            "model.layers.{}.mlp.Wo",
        ),
        "t5, position bias": Case(
            lambda: t.T5ForConditionalGeneration(
                t.T5Config(
                    vocab_size=40, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=HEADS, decoder_start_token_id=0
                )
            ),
            translations,
            [
                Attentions(
                    "encoder_attentions",
                    "encoder.block.{}.layer.0.SelfAttention",
                    "encoder.block.{}.layer.0.SelfAttention.o",
                ),
                Attentions(
                    "decoder_attentions",
                    "decoder.block.{}.layer.0.SelfAttention",
                    "decoder.block.{}.layer.0.SelfAttention.o",
                    "decoder",
                    "decoder",
                ),
                Attentions(
                    "cross_attentions",
                    "decoder.block.{}.layer.1.EncDecAttention",
                    "decoder.block.{}.layer.1.EncDecAttention.o",
                    "decoder",
                ),
            ],
            "encoder.block.{}.layer.1.DenseReluDense.act",
            "encoder.block.{}.layer.1.DenseReluDense.wo",
        ),
        "vit": Case(
            lambda: t.ViTForImageClassification(t.ViTConfig(**SMALL, image_size=8, patch_size=4)),
            images,
            [Attentions(own, "vit.layers.{}.attention", "vit.layers.{}.attention.o_proj")],
            "vit.layers.{}.mlp.activation_fn",
            "vit.layers.{}.mlp.fc2",
        ),
        "whisper": Case(
            lambda: t.WhisperForConditionalGeneration(
                t.WhisperConfig(
                    vocab_size=40,
                    d_model=16,
                    encoder_layers=2,
                    decoder_layers=2,
                    encoder_attention_heads=HEADS,
                    decoder_attention_heads=HEADS,
                    encoder_ffn_dim=24,
                    decoder_ffn_dim=24,
                    num_mel_bins=8,
                    max_source_positions=12,
                    max_target_positions=12,
                    decoder_start_token_id=1,
                    suppress_tokens=[],
                    begin_suppress_tokens=[],
                    **_ENDS,
                )
            ),
            sounds,
            [
                Attentions(
                    "encoder_attentions",
                    "model.encoder.layers.{}.self_attn",
                    "model.encoder.layers.{}.self_attn.out_proj",
                ),
                Attentions(
                    "cross_attentions",
                    "model.decoder.layers.{}.encoder_attn",
                    "model.decoder.layers.{}.encoder_attn.out_proj",
                    "decoder",
                ),
            ],
        ),
    }


def shares_of_heads(
    weights: np.ndarray, rows: np.ndarray | None, columns: np.ndarray | None, cross: bool
) -> dict[str, np.ndarray]:
    """By figure float64 [instances, heads], one instance and position after another, as their definition reads."""
    instances, heads = weights.shape[:2]
    result: dict[str, np.ndarray] = {}
    for index in range(instances):
        real_rows = np.flatnonzero(rows[index]) if rows is not None else np.arange(weights.shape[2])
        real_columns = np.flatnonzero(columns[index]) if columns is not None else np.arange(weights.shape[3])
        for head in range(heads):
            seen = weights[index, head].astype(np.float64)
            figures: dict[str, list[float]] = {"entropy": [], "first": [], "previous": [], "self": []}
            for place, row in enumerate(real_rows):
                shares = seen[row]
                figures["entropy"].append(-sum(p * np.log2(p) for p in shares if p > 0))
                figures["first"].append(shares[real_columns[0]])
                figures["previous"].append(shares[real_rows[place - 1]] if place and not cross else 0.0)
                figures["self"].append(shares[row] if not cross else 0.0)
            for name, values in figures.items():
                result.setdefault(name, np.zeros((instances, heads)))[index, head] = np.mean(values)
    return {name: values for name, values in result.items() if not cross or name in ("entropy", "first")}


def inputs_of(model: nn.Module, path: str) -> list[torch.Tensor]:
    """A list that gets the input of a layer in the passes to come."""
    seen: list[torch.Tensor] = []
    model.get_submodule(path).register_forward_pre_hook(lambda module, args: seen.append(args[0].detach().clone()))
    return seen


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
