"""Small transformers of many kinds, what they are run on, and what plain eager attention gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import nn

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


def inputs_of(model: nn.Module, path: str) -> list[torch.Tensor]:
    """A list that gets the input of a layer in the passes to come."""
    seen: list[torch.Tensor] = []
    model.get_submodule(path).register_forward_pre_hook(lambda module, args: seen.append(args[0].detach().clone()))
    return seen
