"""MobileNetV3-Large and EfficientNet-B0 with random weights: inverted residual blocks with squeeze and excitation."""

import torch
from torch import nn


class Squeeze(nn.Module):
    """Scales channels by what they are on average (Hu, Shen, Sun: "Squeeze-and-Excitation Networks", 2018)."""

    def __init__(self, channels: int, squeezed: int, inner: nn.Module, gate: nn.Module) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.inner, self.gate = inner, gate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[instances, channels, height, width] -> the same"""
        result: torch.Tensor = x * self.gate(self.fc2(self.inner(self.fc1(self.pool(x)))))
        return result


def convolution(into: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution and its normalisation."""
    return [nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]


class InvertedResidual(nn.Module):
    """Expands, convolves each channel, squeezes, and projects (Sandler et al.: "MobileNetV2", 2018)."""

    def __init__(
        self,
        into: int,
        wide: int,
        out: int,
        kernel: int,
        stride: int,
        activation: type[nn.Module],
        squeeze: list[nn.Module],
    ) -> None:
        super().__init__()
        expand = [*convolution(into, wide), activation()] if wide != into else []
        depthwise = [*convolution(wide, wide, kernel, stride, wide), activation()]
        self.block = nn.Sequential(*expand, *depthwise, *squeeze, *convolution(wide, out))
        self.adds = stride == 1 and into == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[instances, into, height, width] -> [instances, out, ...]"""
        result: torch.Tensor = x + self.block(x) if self.adds else self.block(x)
        return result


def mobilenet(classes: int = 10) -> nn.Sequential:
    """MobileNetV3-Large (Howard et al.: "Searching for MobileNetV3", 2019)."""
    # kernel, expanded channels, channels, squeeze and excitation, hard swish, stride
    rows = [
        *(
            (3, 16, 16, 0, 0, 1),
            (3, 64, 24, 0, 0, 2),
            (3, 72, 24, 0, 0, 1),
            (5, 72, 40, 1, 0, 2),
            (5, 120, 40, 1, 0, 1),
        ),
        *(
            (5, 120, 40, 1, 0, 1),
            (3, 240, 80, 0, 1, 2),
            (3, 200, 80, 0, 1, 1),
            (3, 184, 80, 0, 1, 1),
            (3, 184, 80, 0, 1, 1),
        ),
        *((3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1), (5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1)),
        (5, 960, 160, 1, 1, 1),
    ]
    blocks, into = [], 16
    for kernel, wide, out, squeezes, swishes, stride in rows:
        squeeze: list[nn.Module] = [Squeeze(wide, wide // 4, nn.ReLU(), nn.Hardsigmoid())] if squeezes else []
        activation = nn.Hardswish if swishes else nn.ReLU
        blocks.append(InvertedResidual(into, wide, out, kernel, stride, activation, squeeze))
        into = out
    return nn.Sequential(
        *convolution(3, 16, 3, 2),
        nn.Hardswish(),
        *blocks,
        *convolution(into, 960),
        nn.Hardswish(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(960, 1280),
        nn.Hardswish(),
        nn.Linear(1280, classes),
    )


def efficientnet(classes: int = 10) -> nn.Sequential:
    """EfficientNet-B0 (Tan, Le: "EfficientNet", 2019)."""
    # expansion, channels, blocks, stride, kernel
    rows = [
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
    ]
    blocks, into = [], 32
    for expansion, out, repeats, stride, kernel in [*rows, (6, 320, 1, 1, 3)]:
        for step in range(repeats):
            wide = expansion * into
            squeeze: list[nn.Module] = [Squeeze(wide, into // 4, nn.SiLU(), nn.Sigmoid())]
            blocks.append(InvertedResidual(into, wide, out, kernel, 1 if step else stride, nn.SiLU, squeeze))
            into = out
    return nn.Sequential(
        *convolution(3, 32, 3, 2),
        nn.SiLU(),
        *blocks,
        *convolution(into, 1280),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(1280, classes),
    )
