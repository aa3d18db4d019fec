"""Small models of the architectures that people train: of transformers, and others written out, each with a batch of inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import nn
from torch.nn import functional

INSTANCES = 13
TOKENS = 7
WORDS = 31
CLASSES = 3


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


class BasicConv(nn.Module):
    """Convolution, norm and a functional activation, as torchvision's BasicConv2d."""

    def __init__(self, inputs: int, outputs: int, size: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.bn(self.conv(x)), inplace=True)


class InceptionA(nn.Module):
    """Four branches side by side."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv(inputs, 4)
        self.branch5x5_1 = BasicConv(inputs, 3)
        self.branch5x5_2 = BasicConv(3, 4, 5)
        self.branch3x3dbl_1 = BasicConv(inputs, 3)
        self.branch3x3dbl_2 = BasicConv(3, 4, 3)
        self.branch3x3dbl_3 = BasicConv(4, 4, 3)
        self.branch_pool = BasicConv(inputs, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pool = self.branch_pool(functional.avg_pool2d(x, 3, 1, 1))
        return torch.cat([self.branch1x1(x), five, three, pool], 1)


class InceptionB(nn.Module):
    """Halves the map."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = BasicConv(inputs, 6, 3)
        self.branch3x3dbl_1 = BasicConv(inputs, 4)
        self.branch3x3dbl_2 = BasicConv(4, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        three = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return functional.max_pool2d(torch.cat([self.branch3x3(x), three, x], 1), 2)


class Inception(nn.Module):
    """The order and the names of torchvision's inception_v3."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = BasicConv(3, 4, 3)
        self.Conv2d_2a_3x3 = BasicConv(4, 4, 3)
        self.Conv2d_2b_3x3 = BasicConv(4, 6, 3)
        self.maxpool1 = nn.MaxPool2d(2)
        self.Conv2d_3b_1x1 = BasicConv(6, 6)
        self.Mixed_5b = InceptionA(6)
        self.Mixed_5c = InceptionA(14)
        self.Mixed_6a = InceptionB(14)
        self.Mixed_6b = InceptionA(24)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout()
        self.fc = nn.Linear(14, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.Mixed_6b(self.Mixed_6a(self.Mixed_5c(self.Mixed_5b(self.Conv2d_3b_1x1(x)))))
        logits: torch.Tensor = self.fc(torch.flatten(self.dropout(self.avgpool(x)), 1))
        return logits


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection, with a shortcut where the widths are equal."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.use_res_connect = inputs == outputs
        self.conv = nn.Sequential(
            _conv_norm_activation(inputs, inputs * 2),
            _conv_norm_activation(inputs * 2, inputs * 2, groups=inputs * 2),
            nn.Conv2d(inputs * 2, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return x + y if self.use_res_connect else y


class Conv2dNormActivation(nn.Sequential):
    """A Sequential of a class of its own, as in torchvision."""


def _conv_norm_activation(inputs: int, outputs: int, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups, bias=False)
    return Conv2dNormActivation(conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class MobileNet(nn.Module):
    """The order and the names of torchvision's mobilenet_v2."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _conv_norm_activation(3, 4),
            InvertedResidual(4, 4),
            InvertedResidual(4, 6),
            InvertedResidual(6, 6),
            _conv_norm_activation(6, 10),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(10, CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        logits: torch.Tensor = self.classifier(torch.flatten(x, 1))
        return logits


class CellClassifier(nn.Module):
    """A cell that reads one time step after another."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.cell = kind(5, 6)
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state: Any = None
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        logits: torch.Tensor = self.fc(state[0] if isinstance(state, tuple) else state)
        return logits


class Towers(nn.Module):
    """Scores a user against an item."""

    def __init__(self) -> None:
        super().__init__()
        self.user = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4))
        self.item = nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        return (functional.normalize(self.user(user), dim=-1) * functional.normalize(self.item(item), dim=-1)).sum(-1)


class VAE(nn.Module):
    """Reconstructs its input from a latent of four numbers, which it draws in training."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.fc1 = nn.Linear(12, 8)
        self.fc21 = nn.Linear(8, 4)
        self.fc22 = nn.Linear(8, 4)
        self.fc3 = nn.Linear(4, 8)
        self.fc4 = nn.Linear(8, 12)

    def forward(self, x: torch.Tensor) -> Any:
        hidden = functional.relu(self.fc1(x))
        mean, log_variance = self.fc21(hidden), self.fc22(hidden)
        noise = torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        latent = mean + noise if self.training else mean
        reconstruction = torch.sigmoid(self.fc4(functional.relu(self.fc3(latent))))
        return (reconstruction, mean, log_variance)[: self.outputs] if self.outputs > 1 else reconstruction


class FunctionalMLP(nn.Module):
    """A perceptron whose activations are functions."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(5, 8)
        self.fc2 = nn.Linear(8, 6)
        self.fc3 = nn.Linear(6, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc3(torch.relu(self.fc2(functional.relu(self.fc1(x)))))
        return logits


class DictBlock(nn.Module):
    """A block that takes and returns two tensors by name."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.second = nn.Linear(8, 6)

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        hidden = torch.relu(self.first(inputs["x"]))
        return {"x": inputs["x"] + self.second(hidden), "hidden": hidden}


class DictBlocks(nn.Module):
    """Blocks that pass dicts to each other."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, 6)
        self.blocks = nn.ModuleList([DictBlock() for _ in range(3)])
        self.head = nn.Linear(6, CLASSES)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        state = {"x": self.embed(input_ids)}
        for block in self.blocks:
            state = block(state)
        logits: torch.Tensor = self.head(state["x"].mean(1))
        return logits


class DenseBlock(nn.Module):
    """A block whose feed-forward part is one network."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.mlp = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.mlp(self.norm(x))
        return y


class ExpertBlock(nn.Module):
    """A block whose feed-forward part is the expert that the router prefers, for each token."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.router = nn.Linear(6, 3)
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6)) for _ in range(3)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.norm(x).reshape(-1, x.shape[-1])
        weights, chosen = self.router(tokens).softmax(-1).max(-1)
        mixed = torch.zeros_like(tokens)
        for index, expert in enumerate(self.experts):
            rows = (chosen == index).nonzero()[:, 0]
            mixed[rows] = weights[rows, None] * expert(tokens[rows])
        return x + mixed.reshape(x.shape)


class Experts(nn.Module):
    """Blocks with experts among blocks without."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, 6)
        self.layers = nn.ModuleList([DenseBlock(), ExpertBlock(), DenseBlock(), ExpertBlock()])
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        x = self.embed(input_ids)
        for layer in self.layers:
            x = layer(x)
        logits: torch.Tensor = self.head(self.norm(x)[:, -1])
        return logits


class FeatureExtractor(nn.Module):
    """Its head is taken off, as people do for features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = BasicConv(3, 4)
        self.blocks = nn.Sequential(InceptionB(4), InceptionB(14))
        self.drop = nn.Identity()
        self.fc = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.fc(self.drop(self.blocks(self.stem(x)).mean((2, 3))))
        return features


def _mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(5, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 6), nn.Tanh(), nn.Identity(), nn.Linear(6, CLASSES)
    )


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
        "mlp": Architecture(_mlp, lambda: _features(5, name="input")),
        "mlp with functions": Architecture(FunctionalMLP, lambda: _features(5)),
    }
