"""What `health=True` costs training: CPU time of steps with and without it, in turns in the same process.

python -m benchmarks.training_health [--steps N] [--rounds N]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from statistics import median

import torch
import torch.nn.functional as F
from torch import nn

from tensorboard_activis.capture.health import DEFAULT_EVERY
from tensorboard_activis.torch import ActiVisLogger

Step = Callable[[], None]


class Block(nn.Module):
    """Two convolutions with batch norms, and a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


def cnn() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A ResNet of four blocks on 16 pictures of 16 x 16 pixels."""
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        *(Block(32) for _ in range(4)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )
    return model, torch.randn(16, 3, 16, 16), torch.randint(0, 10, (16,))


class Transformer(nn.Module):
    """Four blocks of width 128 over 64 tokens, whose mean is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 128)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(128, 4, 512, dropout=0.1, batch_first=True) for _ in range(4)
        )
        self.head = nn.Linear(128, 10)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        scores: torch.Tensor = self.head(x.mean(dim=1))
        return scores


def transformer() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """It, and 8 sequences."""
    return Transformer(), torch.randint(0, 1000, (8, 64)), torch.randint(0, 10, (8,))


def trained(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Step:
    """One step of training by Adam."""
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def seconds(step: Step, steps: int) -> float:
    """CPU time of so many steps."""
    begun = time.process_time()
    for _ in range(steps):
        step()
    return time.process_time() - begun


def ratio(
    make: Callable[[], tuple[nn.Module, torch.Tensor, torch.Tensor]], every: int, steps: int, rounds: int
) -> tuple[float, float]:
    """Median over rounds of CPU time with health ÷ that without; and the milliseconds of a step without."""
    torch.manual_seed(0)
    model, x, y = make()
    step = trained(model, x, y)
    seconds(step, 3)
    ratios, plain = [], []
    with tempfile.TemporaryDirectory() as directory:
        for index in range(rounds):
            before = seconds(step, steps)
            with ActiVisLogger(f"{directory}/{index}", model, health=every):
                measured = seconds(step, steps)
            after = seconds(step, steps)
            ratios.append(2 * measured / (before + after))
            plain += [before, after]
    return median(ratios), 1000 * median(plain) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3 * DEFAULT_EVERY)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| model | step (ms) | every step | health=True |\n| --- | --- | --- | --- |")
    for make in (cnn, transformer):
        each, plain = ratio(make, 1, max(5, arguments.steps // 5), arguments.rounds)
        default, _ = ratio(make, DEFAULT_EVERY, arguments.steps, arguments.rounds)
        print(f"| {make.__name__} | {plain:.1f} | {each:.3f} | {default:.3f} |")


if __name__ == "__main__":
    main()
