"""A small residual network for 8 x 8 images, in PyTorch."""

from collections import OrderedDict
from typing import cast

import torch
from torch import nn


class ConvBlock(nn.Sequential):
    """Convolution, batch normalisation, ReLU; then halves the image if asked."""

    def __init__(self, channels_in: int, channels_out: int, *, pool: bool = False) -> None:
        parts: list[tuple[str, nn.Module]] = [
            ("conv", nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)),
            ("bn", nn.BatchNorm2d(channels_out)),
            ("relu", nn.ReLU()),
        ]
        if pool:
            parts.append(("pool", nn.MaxPool2d(2)))
        super().__init__(OrderedDict(parts))


class Res(nn.Module):
    """A residual block: the output of two convolutions is added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shapes [batch, channels, height, width] -> the same."""
        residual = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return cast(torch.Tensor, self.relu2(x + residual))


class DigitsNet(nn.Module):
    """Images [batch, 1, 8, 8] -> logits [batch, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBlock(1, 16)
        self.block1 = ConvBlock(16, 32, pool=True)
        self.blocks = nn.Sequential(Res(32), Res(32), Res(32))
        self.block2 = ConvBlock(32, 48)
        self.head = nn.Sequential(
            OrderedDict(
                [
                    ("pool", nn.AdaptiveMaxPool2d(1)),
                    ("flatten", nn.Flatten()),
                    ("fc1", nn.Linear(48, 64)),
                    ("relu", nn.ReLU()),
                    ("fc2", nn.Linear(64, 10)),
                ]
            )
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Shapes [batch, 1, 8, 8] -> [batch, 10]."""
        return cast(torch.Tensor, self.head(self.block2(self.blocks(self.block1(self.stem(images))))))
