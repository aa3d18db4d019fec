"""Networks for images of the blocks of torchvision and timm."""

from collections.abc import Callable

import torch
from torch import nn

from tests.zoo.vision_blocks import (
    Block,
    Bottleneck,
    ConvNeXtBlock,
    DenseLayers,
    Fire,
    Ghost,
    Images,
    LargeKernel,
    Mixed,
    Mixer,
    NonLocal,
    NormOfMaps,
    Pooling,
    Residual,
    Shuffle,
    Splits,
    StandardizedConv,
    Windows,
    convolved,
    inverted,
)


class Network(nn.Module):
    """Stem, blocks, mean over the map, classes."""

    def __init__(self, width: int, *blocks: nn.Module, out: int | None = None) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(out or width, 3)

    def forward(self, x: Images) -> torch.Tensor:
        return self.head(torch.flatten(self.pool(self.blocks(self.stem(x))), 1))


class ViT(nn.Module):
    """Patches, a class token, positions; its classes are read from the token."""

    def __init__(self, width: int, heads: int, patches: int, *, mean: bool = False) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, width, 2, 2)
        self.cls_token, self.positions = (
            nn.Parameter(torch.randn(1, 1, width)),
            nn.Parameter(torch.randn(1, patches + 1, width)),
        )
        self.blocks = nn.Sequential(Block(width, heads), Block(width, heads))
        self.norm, self.head, self.mean = nn.LayerNorm(width), nn.Linear(width, 3), mean

    def forward(self, x: Images) -> torch.Tensor:
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.positions
        x = self.norm(self.blocks(x))
        return self.head(x[:, 1:].mean(1) if self.mean else x[:, 0])


class UNet(nn.Module):
    """Down, up, and what was on the way down beside it; a class for every place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down, self.pool, self.middle = convolved(3, width, 3), nn.MaxPool2d(2), convolved(width, width, 3)
        self.up, self.join, self.classes = (
            nn.ConvTranspose2d(width, width, 2, 2),
            convolved(2 * width, width, 3),
            nn.Conv2d(width, 3, 1),
        )

    def forward(self, x: Images) -> Images:
        first = self.down(x)
        return self.classes(self.join(torch.cat([first, self.up(self.middle(self.pool(first)))], 1)))


class Films(nn.Module):
    """R(2+1)D's: convolutions over space, then over time, of the image and its shifted copies."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.space, self.time = (
            nn.Conv3d(3, width, (1, 3, 3), padding=(0, 1, 1)),
            nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0)),
        )
        self.norm, self.relu, self.fc = nn.BatchNorm3d(width), nn.ReLU(inplace=True), nn.Linear(width, 3)

    def forward(self, x: Images) -> torch.Tensor:
        film = torch.stack([x, x.roll(1, 3), x.roll(2, 3)], 2)
        return self.fc(self.relu(self.norm(self.time(self.space(film)))).mean((2, 3, 4)))


class ClassAttention(nn.Module):
    """CaiT's: a token that attends to all places."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.attn, self.norm = nn.MultiheadAttention(width, heads, batch_first=True), nn.LayerNorm(width)
        self.head = nn.Linear(width, 3)
        self.stem = nn.Conv2d(3, width, 2, 2)

    def forward(self, x: Images) -> torch.Tensor:
        places = self.stem(x).flatten(2).transpose(1, 2)
        token = self.token.expand(len(x), -1, -1)
        return self.head(self.norm(token + self.attn(token, places, places, need_weights=False)[0]).squeeze(1))


#: By name, functions of width, heads and the side of the images.
VISION: dict[str, Callable[[int, int, int], nn.Module]] = {
    "resnet": lambda w, h, s: Network(w, Bottleneck(w), Bottleneck(w)),
    "resnext": lambda w, h, s: Network(w, Bottleneck(w, groups=4), nn.MaxPool2d(2), Bottleneck(w)),
    "densenet": lambda w, h, s: Network(w, DenseLayers(w), nn.AvgPool2d(2), DenseLayers(w)),
    "inception": lambda w, h, s: Network(w, Mixed(w), Mixed(w)),
    "squeezenet": lambda w, h, s: Network(w, Fire(w), Fire(w)),
    "mobilenet": lambda w, h, s: Network(w, inverted(w, nn.Hardswish), inverted(w, nn.ReLU6)),
    "efficientnet": lambda w, h, s: Network(w, inverted(w, nn.SiLU), inverted(w, nn.SiLU)),
    "shufflenet": lambda w, h, s: Network(w, Shuffle(w), Shuffle(w)),
    "convnext": lambda w, h, s: Network(w, ConvNeXtBlock(w), ConvNeXtBlock(w)),
    "norms of maps": lambda w, h, s: Network(w, NormOfMaps(w), nn.GELU(), NormOfMaps(w)),
    "vgg": lambda w, h, s: nn.Sequential(
        convolved(3, w, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(w * (s // 2) ** 2, 3)
    ),
    "vit": lambda w, h, s: ViT(w, h, (s // 2) ** 2),
    "vit, mean": lambda w, h, s: ViT(w, h, (s // 2) ** 2, mean=True),
    "swin": lambda w, h, s: Network(w, Windows(w, h, 0), Windows(w, h, 1)),
    "maxvit": lambda w, h, s: Network(w, inverted(w, nn.GELU), Windows(w, h, 0), Windows(w, h, 0, grid=True)),
    "mixer": lambda w, h, s: Network(w, Mixer(w, s * s), Mixer(w, s * s)),
    "convmixer": lambda w, h, s: Network(
        w, Residual(nn.Conv2d(w, w, 3, 1, 1, groups=w), nn.GELU(), nn.BatchNorm2d(w)), nn.Conv2d(w, w, 1)
    ),
    "poolformer": lambda w, h, s: Network(w, Residual(nn.GroupNorm(1, w), Pooling()), Residual(nn.Conv2d(w, w, 1))),
    "nfnet": lambda w, h, s: Network(w, StandardizedConv(w, w, 3), nn.SiLU(), StandardizedConv(w, w, 3)),
    "res2net": lambda w, h, s: Network(w, Splits(w), Splits(w)),
    "ghostnet": lambda w, h, s: Network(w, Ghost(w), Ghost(w)),
    "non-local": lambda w, h, s: Network(w, NonLocal(w), nn.ReLU(inplace=True)),
    "van": lambda w, h, s: Network(w, LargeKernel(w), LargeKernel(w)),
    "unet": lambda w, h, s: UNet(w),
    "r2plus1d": lambda w, h, s: Films(w),
    "cait": lambda w, h, s: ClassAttention(w, h),
}
