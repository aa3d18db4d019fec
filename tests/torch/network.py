"""A small network with everything that logging might disturb (dropout, BatchNorm), and its data in batches."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    """Dropout, BatchNorm and a ReLU in place: what logging could disturb."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3)
        self.norm = nn.BatchNorm2d(5)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(5 * 36, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.norm(self.conv(x)))
        out: torch.Tensor = self.fc(self.drop(x.flatten(1)))
        return out


def batches(data: tuple[torch.Tensor, torch.Tensor], size: int = 9, shuffle: bool = False) -> DataLoader[object]:
    """41 instances in batches of 9: the last has 5."""
    return DataLoader(TensorDataset(*data), size, shuffle=shuffle)


#: 12 instances of three classes.
X = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(1))
Y = torch.arange(12) % 3
