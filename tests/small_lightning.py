"""A small LightningModule, its data and its trainer. Sizes differ on all axes."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CLASSES = 3
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(23, 5, generator=GENERATOR)
Y = torch.randint(0, CLASSES, (23,), generator=GENERATOR)

#: Lightning's advice on data loaders, of no use for a few rows; its use of what torch is giving up.
IGNORED_WARNINGS = [
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
    pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.. is deprecated:FutureWarning"),
]


class Module(pl.LightningModule):
    """Dropout and BatchNorm: what logging could disturb."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(inplace=True), nn.Dropout(0.4))
        self.head = nn.Linear(7, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.body(x))
        return out

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 0.01)


class Parts(Module):
    """Its steps call parts of it, and never the module itself."""

    def step(self, batch: Any) -> torch.Tensor:
        return nn.functional.cross_entropy(self.head(self.body(batch[0])), batch[1])

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return self.step(batch)

    def validation_step(self, batch: Any, index: int) -> None:
        self.log("val_loss", self.step(batch))


def loader(shuffle: bool = False, rows: int = 23) -> Any:
    return DataLoader(TensorDataset(X[:rows], Y[:rows]), 6, shuffle=shuffle)


def trainer(where: Path, *callbacks: Any, **options: Any) -> Any:
    arguments: dict[str, Any] = {
        "accelerator": "cpu",
        "default_root_dir": where,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": False,
        "logger": False,
        "max_epochs": 2,
    } | options
    return pl.Trainer(callbacks=list(callbacks), **arguments)


def fit(where: Path, *callbacks: Any, data: Any = None, **options: Any) -> tuple[Any, Any]:
    model = Module()
    made = trainer(where, *callbacks, **options)
    torch.manual_seed(1)
    made.fit(model, loader(shuffle=True), loader() if data is None else data)
    return made, model


def train(where: Path, module: Any, *callbacks: Any, data: Any = None, **options: Any) -> Any:
    made = trainer(where, *callbacks, **options)
    torch.manual_seed(1)
    made.fit(module, loader(), loader() if data is None else data)
    return made
