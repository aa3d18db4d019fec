"""Small models of the architectures that people train: of transformers, and others written out, each with a batch of inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import nn

from tests.torch.architecture_modules import (
    CLASSES,
    VAE,
    WORDS,
    CellClassifier,
    DictBlocks,
    Experts,
    FeatureExtractor,
    FunctionalMLP,
    Inception,
    MobileNet,
    Towers,
    mlp,
)

INSTANCES = 13
TOKENS = 7


@dataclass(frozen=True)
class Architecture:
    """How to make a model, and its inputs by name."""

    make: Callable[[], nn.Module]
    inputs: Callable[[], dict[str, torch.Tensor]]


def _tokens(*, name: str = "input_ids", length: int = TOKENS) -> dict[str, torch.Tensor]:
    return {name: torch.randint(3, WORDS, (INSTANCES, length))}


def _images(size: int = 32, name: str = "pixel_values") -> dict[str, torch.Tensor]:
    return {name: torch.randn(INSTANCES, 3, size, size)}


def _features(*sizes: int, name: str = "x") -> dict[str, torch.Tensor]:
    return {name: torch.randn(INSTANCES, *sizes)}


_VISION: dict[str, Any] = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 20,
    "image_size": 16,
    "patch_size": 8,
}
_TEXT: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 12,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 20,
    "max_position_embeddings": 24,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_SEQ2SEQ: dict[str, Any] = {
    "vocab_size": WORDS,
    "d_model": 12,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 20,
    "decoder_ffn_dim": 20,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}


def _decoder_inputs() -> dict[str, torch.Tensor]:
    return _tokens(name="decoder_input_ids", length=5)


def architectures() -> dict[str, Architecture]:
    """By name."""
    t = transformers
    return {
        "resnet": Architecture(
            lambda: t.ResNetForImageClassification(
                t.ResNetConfig(
                    embedding_size=4, hidden_sizes=[4, 6], depths=[2, 2], layer_type="basic", num_labels=CLASSES
                )
            ),
            _images,
        ),
        "inception": Architecture(Inception, lambda: _images(16, "x")),
        "mobilenet": Architecture(MobileNet, lambda: _images(8, "x")),
        "mobilenet of transformers": Architecture(
            lambda: t.MobileNetV2ForImageClassification(
                t.MobileNetV2Config(depth_multiplier=0.1, min_depth=4, image_size=32, num_labels=CLASSES)
            ),
            _images,
        ),
        "convnext": Architecture(
            lambda: t.ConvNextForImageClassification(
                t.ConvNextConfig(hidden_sizes=[6, 10], depths=[1, 2], num_stages=2, num_labels=CLASSES)
            ),
            _images,
        ),
        "vit": Architecture(
            lambda: t.ViTForImageClassification(t.ViTConfig(**_VISION, num_labels=CLASSES)), lambda: _images(16)
        ),
        "swin": Architecture(
            lambda: t.SwinForImageClassification(
                t.SwinConfig(
                    image_size=32,
                    patch_size=4,
                    embed_dim=8,
                    depths=[2, 2],
                    num_heads=[2, 2],
                    window_size=4,
                    num_labels=CLASSES,
                )
            ),
            _images,
        ),
        "bert": Architecture(
            lambda: t.BertForSequenceClassification(t.BertConfig(**_TEXT, num_labels=CLASSES)), _tokens
        ),
        "gpt2": Architecture(
            lambda: t.GPT2LMHeadModel(t.GPT2Config(vocab_size=WORDS, n_embd=12, n_layer=3, n_head=2, n_positions=24)),
            _tokens,
        ),
        "gpt2 with a vocabulary of 9,000": Architecture(
            lambda: t.GPT2LMHeadModel(t.GPT2Config(vocab_size=9000, n_embd=12, n_layer=3, n_head=2, n_positions=24)),
            _tokens,
        ),
        "llama": Architecture(lambda: t.LlamaForCausalLM(t.LlamaConfig(**_TEXT, num_key_value_heads=1)), _tokens),
        "qwen2": Architecture(
            lambda: t.Qwen2ForSequenceClassification(t.Qwen2Config(**_TEXT, num_key_value_heads=1, num_labels=CLASSES)),
            _tokens,
        ),
        "mixtral": Architecture(
            lambda: t.MixtralForCausalLM(
                t.MixtralConfig(**_TEXT, num_key_value_heads=1, num_local_experts=4, num_experts_per_tok=2)
            ),
            _tokens,
        ),
        "t5": Architecture(
            lambda: t.T5ForConditionalGeneration(
                t.T5Config(
                    vocab_size=WORDS, d_model=12, d_kv=6, d_ff=20, num_layers=2, num_heads=2, decoder_start_token_id=0
                )
            ),
            lambda: _tokens() | _decoder_inputs(),
        ),
        "whisper": Architecture(
            lambda: t.WhisperForConditionalGeneration(
                t.WhisperConfig(**_SEQ2SEQ, num_mel_bins=4, max_source_positions=10, max_target_positions=24)
            ),
            lambda: _features(4, 20, name="input_features") | _decoder_inputs(),
        ),
        "mbart": Architecture(
            lambda: t.MBartForConditionalGeneration(t.MBartConfig(**_SEQ2SEQ, max_position_embeddings=24)),
            lambda: _tokens() | _decoder_inputs(),
        ),
        "squeezebert": Architecture(
            lambda: t.SqueezeBertForSequenceClassification(
                t.SqueezeBertConfig(
                    **{**_TEXT, "hidden_size": 12},
                    embedding_size=12,
                    q_groups=2,
                    k_groups=2,
                    v_groups=2,
                    post_attention_groups=1,
                    intermediate_groups=2,
                    output_groups=2,
                    num_labels=CLASSES,
                )
            ),
            _tokens,
        ),
        "perceiver": Architecture(
            lambda: t.PerceiverForSequenceClassification(
                t.PerceiverConfig(
                    num_latents=6,
                    d_latents=8,
                    d_model=10,
                    num_blocks=2,
                    num_self_attends_per_block=2,
                    num_self_attention_heads=2,
                    num_cross_attention_heads=2,
                    vocab_size=WORDS,
                    max_position_embeddings=24,
                    num_labels=CLASSES,
                )
            ),
            lambda: _tokens(name="inputs"),
        ),
        "clip": Architecture(
            lambda: t.CLIPModel(t.CLIPConfig(text_config=_TEXT, vision_config=_VISION, projection_dim=9)),
            lambda: _tokens() | _images(16),
        ),
        "siglip": Architecture(
            lambda: t.SiglipModel(t.SiglipConfig(text_config=_TEXT, vision_config=_VISION)),
            lambda: _tokens() | _images(16),
        ),
        "albert": Architecture(
            lambda: t.AlbertForSequenceClassification(t.AlbertConfig(**_TEXT, embedding_size=8, num_labels=CLASSES)),
            _tokens,
        ),
        "blocks with dicts": Architecture(DictBlocks, _tokens),
        "experts": Architecture(Experts, _tokens),
        "feature extractor": Architecture(FeatureExtractor, lambda: _images(8, "x")),
        "lstm cell": Architecture(lambda: CellClassifier(nn.LSTMCell), lambda: _features(TOKENS, 5)),
        "gru cell": Architecture(lambda: CellClassifier(nn.GRUCell), lambda: _features(TOKENS, 5)),
        "two towers": Architecture(Towers, lambda: _features(5, name="user") | _features(9, name="item")),
        "vae": Architecture(lambda: VAE(1), lambda: _features(12)),
        "vae with three outputs": Architecture(lambda: VAE(3), lambda: _features(12)),
        "mlp": Architecture(mlp, lambda: _features(5, name="input")),
        "mlp with functions": Architecture(FunctionalMLP, lambda: _features(5)),
    }
