"""Modules of architectures that people train, written out at a small size."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

CLASSES = 3
WORDS = 31


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
            conv_norm_activation(inputs, inputs * 2),
            conv_norm_activation(inputs * 2, inputs * 2, groups=inputs * 2),
            nn.Conv2d(inputs * 2, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return x + y if self.use_res_connect else y


class Conv2dNormActivation(nn.Sequential):
    """A Sequential of a class of its own, as in torchvision."""


def conv_norm_activation(inputs: int, outputs: int, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups, bias=False)
    return Conv2dNormActivation(conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class MobileNet(nn.Module):
    """The order and the names of torchvision's mobilenet_v2."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv_norm_activation(3, 4),
            InvertedResidual(4, 4),
            InvertedResidual(4, 6),
            InvertedResidual(6, 6),
            conv_norm_activation(6, 10),
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


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(5, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 6), nn.Tanh(), nn.Identity(), nn.Linear(6, CLASSES)
    )
