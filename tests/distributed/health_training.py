"""What torchrun starts: `health_training.py DIRECTORY`. Training health and `train_data=` on two processes; some are refused."""

import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.torch import ActiVisLogger

STEPS, INSTANCES = 4, 24
X = torch.randn(STEPS, INSTANCES, 5, generator=torch.Generator().manual_seed(0))
Y = torch.randint(0, 3, (STEPS, INSTANCES), generator=torch.Generator().manual_seed(1))
KINDS = ("plain", "accumulated", "mixed")


class Net(nn.Module):
    """Without what draws random numbers, so that one process computes the same."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.fc2 = nn.Linear(5, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc2(F.relu(self.fc1(x)))
        return out


def train(model: nn.Module, kind: str, rank: int, size: int) -> None:
    """Each process has its half of each batch; accumulated: in two parts of it, of which the first is not shared."""
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0) if kind == "mixed" else None
    for x, y in zip(X, Y, strict=True):
        x, y = x.chunk(size)[rank], y.chunk(size)[rank]
        parts = list(zip(x.chunk(2), y.chunk(2), strict=True)) if kind == "accumulated" else [(x, y)]
        optimizer.zero_grad()
        for index, (part, labels) in enumerate(parts):
            last = index == len(parts) - 1
            alone: Any = nullcontext if last else getattr(model, "no_sync", nullcontext)
            with alone(), torch.autocast("cpu", enabled=scaler is not None):
                loss = F.cross_entropy(model(part), labels) / len(parts)
            (loss if scaler is None else scaler.scale(loss)).backward()
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()


def measured(where: Path) -> None:
    """In DistributedDataParallel, with and without."""
    rank, size = dist.get_rank(), dist.get_world_size()
    for kind in KINDS:
        for health in (1, False):
            model = nn.parallel.DistributedDataParallel(Net())
            with ActiVisLogger(where / f"{kind}-{health}", model, (X[0], Y[0]), health=health, strict=True) as activis:
                train(model, kind, rank, size)
                activis.log(STEPS)
            torch.save(model.module.state_dict(), where / f"{kind}-{health}" / f"state-{rank}")


def sharded(where: Path) -> None:
    """A model that is spread over the processes, before the logger is made, and after."""
    from torch.distributed.fsdp import fully_shard

    said = []
    model: Any = Net()
    fully_shard(model)
    try:
        ActiVisLogger(where / "sharded", model, (X[0], Y[0]), health=True)
    except ConfigurationError as error:
        said.append(str(error))
    model = Net()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ActiVisLogger(where / "later", model, health=1):
            fully_shard(model)
            train(model, "plain", dist.get_rank(), dist.get_world_size())
    said += [str(each.message) for each in caught]
    (where / f"said-{dist.get_rank()}").write_text("\n".join(said))


def with_training_data(where: Path) -> None:
    """Training data: a loader that deals instances out, all of them on each process, a part on each; in a watched loop, too."""
    rank, size = dist.get_rank(), dist.get_world_size()
    train, evaluation = training_data()
    labels = torch.arange(len(evaluation)) % 3
    data = TensorDataset(train)
    dealt = DataLoader(data, 8, sampler=DistributedSampler(data, shuffle=True))
    parts = TensorDataset(evaluation, labels)
    own = DataLoader(parts, 5, sampler=DistributedSampler(parts, shuffle=False))
    for name, source in (("dealt", dealt), ("whole", [train]), ("parts", [train.chunk(size)[rank]])):
        with ActiVisLogger(where / name, Net(), own, train_data=source, strict=True) as activis:
            activis.log(0)
    model = Net().eval()
    with ActiVisLogger(where / "watched", model, train_data=dealt, strict=True) as activis, activis.watch(0) as watched:
        for rows in torch.arange(len(evaluation)).chunk(size)[rank].split(6):
            model(evaluation[rows])
            watched.batch(labels=labels[rows], ids=rows)


def training_data() -> tuple[torch.Tensor, torch.Tensor]:
    """60 training instances; of the evaluation's 40, 5 and 6 are among them, and 37 nearly."""
    generator = torch.Generator().manual_seed(3)
    train, evaluation = torch.rand(60, 5, generator=generator), 3 + torch.rand(40, 5, generator=generator)
    evaluation[[5, 6, 37]] = train[[50, 3, 11]]
    evaluation[37] += 1e-3
    return train, evaluation


def main() -> None:
    """All of it."""
    dist.init_process_group("gloo")
    where = Path(sys.argv[1])
    measured(where)
    sharded(where)
    with_training_data(where)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
