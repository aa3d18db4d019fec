"""Networks for benchmarks and tests: common architectures with random weights."""

import torch
from torch import nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut (He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", 2016)."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.short: nn.Module = nn.Identity()
        if stride != 1 or into != out:
            self.short = nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[instances, into, height, width] -> [instances, out, ...]"""
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        y += self.short(x)
        result: torch.Tensor = self.relu(y)
        return result


class ResNet(nn.Module):
    """ResNet-18 for images of 32 pixels, unless told otherwise."""

    def __init__(self, width: int = 64, stages: int = 4, blocks: int = 2, classes: int = 10) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        widths = [width * 2**stage for stage in range(stages)]
        self.stages = nn.Sequential(
            *[
                nn.Sequential(
                    *[
                        ResidualBlock(
                            widths[max(stage - (block == 0), 0)], widths[stage], 2 if stage and block == 0 else 1
                        )
                        for block in range(blocks)
                    ]
                )
                for stage in range(stages)
            ]
        )
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[instances, 3, height, width] -> [instances, classes]"""
        x = self.stages(self.relu(self.norm(self.conv(x))))
        result: torch.Tensor = self.head(x.mean((2, 3)))
        return result


def resnet() -> ResNet:
    """ResNet-18 with torchvision's stem."""
    model = ResNet()
    model.conv = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
    model.relu = nn.Sequential(nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))  # type: ignore[assignment]
    return model


class TransformerBlock(nn.Module):
    """Attention to what came before, then a feed-forward layer, each about a normalisation, as in GPT-2."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[instances, positions, width] -> the same"""
        parts = self.qkv(self.norm1(x)).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(mixed.transpose(1, 2).flatten(2))
        result: torch.Tensor = x + self.mlp(self.norm2(x))
        return result


class GPT(nn.Module):
    """A language model whose head shares its weights with the token embedding."""

    def __init__(
        self, layers: int = 24, width: int = 256, heads: int = 4, words: int = 1000, positions: int = 128
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(words, width)
        self.positions = nn.Embedding(positions, width)
        self.drop = nn.Dropout(0.1)
        self.blocks = nn.ModuleList([TransformerBlock(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """[instances, positions] -> [instances, positions, words]"""
        x = self.drop(
            self.tokens(input_ids) + self.positions(torch.arange(input_ids.shape[1], device=input_ids.device))
        )
        for block in self.blocks:
            x = block(x)
        result: torch.Tensor = self.head(self.norm(x))
        return result


def perceptron(features: int = 2_048, width: int = 2_048, layers: int = 4, classes: int = 10) -> nn.Sequential:
    """Linear and ReLU in turn, `layers` times, and a head."""
    modules: list[nn.Module] = []
    for index in range(layers):
        modules += [nn.Linear(width if index else features, width), nn.ReLU()]
    return nn.Sequential(*modules, nn.Linear(width, classes))
