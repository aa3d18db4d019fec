"""Blocks of networks for images, as torchvision and timm build them, written out."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

Images = torch.Tensor


class Residual(nn.Module):
    """Adds what its layers give to its input."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Images) -> Images:
        return x + self.layers(x)


def convolved(inner: int, outer: int, size: int = 1, activation: Any = nn.ReLU, **options: Any) -> nn.Sequential:
    """Convolution, batch norm and activation."""
    conv = nn.Conv2d(inner, outer, size, padding=size // 2, bias=False, **options)
    return nn.Sequential(conv, nn.BatchNorm2d(outer), activation())


class Bottleneck(nn.Module):
    """ResNet's, with a projection beside it."""

    def __init__(self, width: int, groups: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, groups=groups, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width))

    def forward(self, x: Images) -> Images:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += self.downsample(x)
        return self.relu(out)


class DenseLayers(nn.Module):
    """DenseNet's: every layer gets what all before it gave."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(width * n), nn.ReLU(inplace=True), nn.Conv2d(width * n, width, 3, padding=1))
            for n in (1, 2)
        )

    def forward(self, x: Images) -> Images:
        maps = [x]
        for layer in self.layers:
            maps.append(layer(torch.cat(maps, 1)))
        return maps[-1]


class Mixed(nn.Module):
    """Inception's: branches side by side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch1x1 = convolved(width, width)
        self.branch3x3 = nn.Sequential(convolved(width, width), convolved(width, width, 3))
        self.branch_pool = nn.Sequential(nn.AvgPool2d(3, 1, 1), convolved(width, width))
        self.join = nn.Conv2d(3 * width, width, 1)

    def forward(self, x: Images) -> Images:
        return self.join(torch.cat([self.branch1x1(x), self.branch3x3(x), self.branch_pool(x)], 1))


class Fire(nn.Module):
    """SqueezeNet's."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, width // 2, 1)
        self.expand1x1, self.expand3x3 = (
            nn.Conv2d(width // 2, width // 2, 1),
            nn.Conv2d(width // 2, width // 2, 3, 1, 1),
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Images) -> Images:
        x = self.activation(self.squeeze(x))
        return torch.cat([self.activation(self.expand1x1(x)), self.activation(self.expand3x3(x))], 1)


class Excitation(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, 4, 1), nn.Conv2d(4, width, 1)

    def forward(self, x: Images) -> Images:
        return x * self.fc2(functional.relu(self.fc1(functional.adaptive_avg_pool2d(x, 1)))).sigmoid()


def inverted(width: int, activation: Any) -> Residual:
    """MobileNet's and EfficientNet's block."""
    wide = 2 * width
    return Residual(
        convolved(width, wide, 1, activation),
        convolved(wide, wide, 3, activation, groups=wide),
        Excitation(wide),
        convolved(wide, width, 1, nn.Identity),
    )


class Shuffle(nn.Module):
    """ShuffleNet's: the halves of the channels change places one by one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(convolved(width // 2, width // 2), convolved(width // 2, width // 2, 3))

    def forward(self, x: Images) -> Images:
        first, second = x.chunk(2, dim=1)
        joined = torch.cat([first, self.branch(second)], 1)
        n, channels, height, width = joined.shape
        return joined.view(n, 2, channels // 2, height, width).transpose(1, 2).reshape(n, channels, height, width)


class ConvNeXtBlock(nn.Module):
    """Channels last inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width)
        self.pwconv1, self.act, self.pwconv2 = nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 0.5))

    def forward(self, x: Images) -> Images:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(self.act(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class NormOfMaps(nn.LayerNorm):
    """timm's LayerNorm2d, which permutes inside."""

    def forward(self, x: Images) -> Images:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Attention(nn.Module):
    """timm's: query, key and value by one layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.q_norm, self.attn_drop = nn.LayerNorm(width // heads), nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, length, width = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = self.q_norm(q) @ k.transpose(-2, -1)
        y = self.attn_drop(scores.softmax(-1)) @ v
        return self.proj(y.transpose(1, 2).reshape(n, length, width))


class Block(nn.Module):
    """A transformer's."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width), nn.Sequential(nn.Linear(width, 20), nn.GELU(), nn.Linear(20, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Windows(nn.Module):
    """Swin's: attention in windows of 2 x 2, shifted by one."""

    def __init__(self, width: int, heads: int, shift: int, *, grid: bool = False) -> None:
        super().__init__()
        self.norm, self.attn, self.shift, self.grid = nn.LayerNorm(width), Attention(width, heads), shift, grid

    def forward(self, x: Images) -> Images:
        y = self.norm(x.permute(0, 2, 3, 1))
        y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        n, height, width, channels = y.shape
        if self.grid:  # MaxViT's
            y = y.view(n, 2, height // 2, 2, width // 2, channels).permute(0, 2, 4, 1, 3, 5)
        else:
            y = y.view(n, height // 2, 2, width // 2, 2, channels).permute(0, 1, 3, 2, 4, 5)
        y = self.attn(y.reshape(-1, 4, channels)).view(n, height // 2, width // 2, 2, 2, channels)
        y = (y.permute(0, 3, 1, 4, 2, 5) if self.grid else y.permute(0, 1, 3, 2, 4, 5)).reshape(
            n, height, width, channels
        )
        return x + torch.roll(y, (self.shift, self.shift), (1, 2)).permute(0, 3, 1, 2)


class Mixer(nn.Module):
    """MLP-Mixer's: a network over positions, one over channels."""

    def __init__(self, width: int, positions: int) -> None:
        super().__init__()
        self.norm1, self.tokens = (
            nn.LayerNorm(width),
            nn.Sequential(nn.Linear(positions, 10), nn.GELU(), nn.Linear(10, positions)),
        )
        self.norm2, self.channels = (
            nn.LayerNorm(width),
            nn.Sequential(nn.Linear(width, 10), nn.GELU(), nn.Linear(10, width)),
        )

    def forward(self, x: Images) -> Images:
        y = x.flatten(2).transpose(1, 2)
        y = y + self.tokens(self.norm1(y).transpose(1, 2)).transpose(1, 2)
        y = y + self.channels(self.norm2(y))
        return y.transpose(1, 2).view_as(x)


class Pooling(nn.Module):
    """PoolFormer's."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)

    def forward(self, x: Images) -> Images:
        return self.pool(x) - x


class StandardizedConv(nn.Conv2d):
    """NFNet's and BiT's."""

    def forward(self, x: Images) -> Images:
        variance, mean = torch.var_mean(self.weight, [1, 2, 3], keepdim=True)
        return functional.conv2d(x, (self.weight - mean) / (variance + 1e-5).sqrt(), self.bias, 1, 1)


class Splits(nn.Module):
    """Res2Net's: parts of the channels one after the other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convolved(width // 4, width // 4, 3) for _ in range(3))

    def forward(self, x: Images) -> Images:
        parts = list(x.split(x.shape[1] // 4, 1))
        for index, conv in enumerate(self.convs):
            parts[index + 1] = conv(parts[index + 1] + parts[index])
        return torch.cat(parts, 1)


class Ghost(nn.Module):
    """GhostNet's: half of the maps are cheap ones of the others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.primary_conv, self.cheap_operation = convolved(width, width // 2), convolved(width // 2, width // 2, 3)

    def forward(self, x: Images) -> Images:
        first = self.primary_conv(x)
        return torch.cat([first, self.cheap_operation(first)], 1)


class NonLocal(nn.Module):
    """Attention of every place to every other, on maps."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.theta, self.phi, self.g = nn.Conv2d(width, 4, 1), nn.Conv2d(width, 4, 1), nn.Conv2d(width, width, 1)

    def forward(self, x: Images) -> Images:
        weights = torch.einsum("ncp,ncq->npq", self.theta(x).flatten(2), self.phi(x).flatten(2)).softmax(-1)
        return x + torch.einsum("npq,ncq->ncp", weights, self.g(x).flatten(2)).view_as(x)


class LargeKernel(nn.Module):
    """VAN's attention, by convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv0, self.spatial = (
            nn.Conv2d(width, width, 3, 1, 1, groups=width),
            nn.Conv2d(width, width, 3, 1, 2, 2, width),
        )
        self.conv1 = nn.Conv2d(width, width, 1)

    def forward(self, x: Images) -> Images:
        return x * self.conv1(self.spatial(self.conv0(x)))
