"""What torchrun starts: `positions_training.py DIRECTORY`. Maps and sequences, each process with its part of shuffled data."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tensorboard_activis.torch import ActiVisLogger

INSTANCES = 101


class Maps(nn.Module):
    """A map, and a sequence of its rows."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.rows = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.rows(x[:, 0])
        result: torch.Tensor = self.conv(x).mean((2, 3))
        return result


def images() -> torch.Tensor:
    """[instances, 1, 7, 5]"""
    return torch.randn(INSTANCES, 1, 7, 5, generator=torch.Generator().manual_seed(3))


def pinned() -> torch.Tensor:
    """[2, 1, 7, 5]"""
    return images()[:2] * 2


def main() -> None:
    """Logs two steps with a sample, and one with all instances kept."""
    dist.init_process_group("gloo")
    where = Path(sys.argv[1])
    data = TensorDataset(images(), torch.arange(INSTANCES) % 4)
    loader = DataLoader(data, 6, sampler=DistributedSampler(data, shuffle=True))
    for name, sample in (("some", 40), ("all", None)):
        with ActiVisLogger(
            where / name, Maps(), loader, layers=["conv", "rows"], sample=sample, pinned=pinned(), strict=True
        ) as log:
            log.log(1)
            log.log(2)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
