"""The gallery's run with training health: a small network on digits, whose learning rate is 40 times too high for three steps."""

import sys
from pathlib import Path

import torch
from playwright.sync_api import FrameLocator, Page
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.gallery_shots import Shot  # noqa: E402
from scripts.tab import link  # noqa: E402
from tensorboard_activis.torch import ActiVisLogger  # noqa: E402

RUN = "digits-spike"
STEPS, EVERY, BATCH = 120, 20, 64
#: The training steps of too high a learning rate.
SPIKE = range(60, 63)


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.conv2(functional.relu(self.conv1(x))))


class DigitsNet(nn.Module):
    """A stem, three blocks, two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential()
        self.stem.add_module("conv", nn.Conv2d(1, 8, 3, padding=1))
        self.stem.add_module("relu", nn.ReLU())
        self.blocks = nn.ModuleList(Block(8) for _ in range(3))
        self.head = nn.Sequential()
        self.head.add_module("fc1", nn.Linear(8 * 16, 64))
        self.head.add_module("relu", nn.ReLU())
        self.head.add_module("fc2", nn.Linear(64, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        logits: torch.Tensor = self.head(functional.max_pool2d(x, 2).flatten(1))
        return logits


def write(log_dir: Path) -> None:
    """Trains, measures every step and logs every twentieth."""
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.from_numpy(digits.images.astype("float32") / 16)[:, None]
    labels = torch.from_numpy(digits.target)
    held_out = DataLoader(TensorDataset(images[900:], labels[900:]), batch_size=256)
    model = DigitsNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    order = torch.Generator().manual_seed(1)
    with ActiVisLogger(log_dir / RUN, model, held_out, health=1) as logger:
        for step in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * (1 - step / STEPS) * (40 if step in SPIKE else 1)
            batch = torch.randint(0, 900, (BATCH,), generator=order)
            loss = functional.cross_entropy(model(images[batch]), labels[batch])
            logger.training_loss(loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % EVERY == EVERY - 1:
                logger.log(step)


def point(page: Page, tab: FrameLocator) -> None:
    """At a cell of the steps that are marked."""
    plot = tab.get_by_role("application", name="over the steps of training")
    box = plot.bounding_box()
    if box is not None:
        plot.hover(position={"x": box["width"] * (SPIKE[1] + 0.5) / STEPS, "y": box["height"] * 0.4})


def shots() -> list[Shot]:
    """The map, a cell that is pointed at, another measure."""
    return [
        Shot("health", link(run=RUN, model="health"), narrow=True),
        Shot("health pointed", link(run=RUN, model="health"), point),
        Shot("health dead", link(run=RUN, model="health", measure="dead_share"), narrow=True),
    ]
