"""A convolutional network on scikit-learn's handwritten digits: what does it get wrong of people whose hand it has not seen?

    python examples/digits_writers.py                       # logs to logs/digits
    tensorboard --logdir logs/digits

The 1,797 images are of 13 people (Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998) and, as far as
can be told, stand one person after another. The network learns from the first half and is tried on the second.
docs/cases/digits.md goes through what was found.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import arguments, compare
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from tensorboard_activis.torch import ActiVisLogger

EPOCHS, BATCH = 20, 30


class DigitsNet(nn.Module):
    """Images [instances, 1, 8, 8] -> logits [instances, 10].

    Arguments:
        normalised: with batch normalisation before each activation function.
    """

    def __init__(self, normalised: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 4 * 4, 64)
        self.fc2 = nn.Linear(64, 10)
        self.norm1 = nn.BatchNorm2d(16) if normalised else nn.Identity()
        self.norm2 = nn.BatchNorm2d(32) if normalised else nn.Identity()
        self.norm3 = nn.BatchNorm1d(64) if normalised else nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Two convolutions, the larger of every four places, two dense layers."""
        maps = functional.relu(self.norm1(self.conv1(images)))
        maps = functional.max_pool2d(functional.relu(self.norm2(self.conv2(maps))), 2)
        return self.fc2(functional.relu(self.norm3(self.fc1(maps.flatten(1)))))


def described(images: np.ndarray) -> dict[str, np.ndarray]:
    """What can be said of images [instances, 8, 8] without a network: where the ink is, and how far it spreads."""
    ink = images.sum(axis=(1, 2))
    rows, columns = np.mgrid[:8, :8]

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray((images * values).sum(axis=(1, 2)) / ink)

    x, y = mean(columns), mean(rows)
    width = np.sqrt(mean((columns - x[:, None, None]) ** 2))
    height = np.sqrt(mean((rows - y[:, None, None]) ** 2))
    return {"ink": ink / 64, "x": x, "y": y, "width": width, "height": height}


def main() -> None:
    """Trains without and with batch normalisation."""
    chosen = arguments(__doc__, "logs/digits").parse_args()
    data = load_digits()
    images, labels = torch.from_numpy(data.images / 16).float()[:, None], torch.from_numpy(data.target)
    known, unseen = np.array_split(np.arange(len(labels)), [len(labels) // 2])

    def train(variant: str, seed: int, log_dir: Path | None) -> Mapping[str, float]:
        torch.manual_seed(seed)
        model = DigitsNet(normalised=variant == "normalised")
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        logger = watcher(model, log_dir) if log_dir else None
        for epoch in range(1, 3 if chosen.small else EPOCHS + 1):
            model.train()
            for batch in torch.from_numpy(known)[torch.randperm(len(known))].split(BATCH):
                optimizer.zero_grad()
                functional.cross_entropy(model(images[batch]), labels[batch]).backward()
                optimizer.step()
            if logger and (epoch % 5 == 0 or chosen.small):
                logger.log(epoch)
        if logger:
            logger.close()
        model.eval()
        with torch.inference_mode():
            right = model(images[unseen]).argmax(1) == labels[unseen]
        return {"second half, people not seen": right.float().mean().item()}

    def watcher(model: nn.Module, log_dir: Path) -> ActiVisLogger:
        columns: dict[str, Any] = {"place": unseen, **described(data.images[unseen])}
        batches = [(images[part], labels[part]) for part in np.array_split(unseen, 9)]
        return ActiVisLogger(log_dir, model, batches, id=unseen.tolist(), columns=columns, sample=None)

    compare(train, ["plain", "normalised"], range(chosen.seeds), chosen.log_dir)


if __name__ == "__main__":
    main()
