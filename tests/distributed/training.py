"""What torchrun starts: `training.py DIRECTORY CASE [CASE ...]`, each a function here; all processes go through all of them."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, Subset, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tensorboard_activis.capture.torch.distributed import processes as torch_processes
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.torch import ActiVisLogger

INSTANCES, FEATURES, CLASSES = 23, 5, 3
LAYERS = ["body.0", "body.2", "head"]
SUBSETS = {"few": "x0 > 1.5", "low": "score < 0.5"}
X = torch.randn(INSTANCES, FEATURES, generator=torch.Generator().manual_seed(0))
Y = torch.randint(0, CLASSES, (INSTANCES,), generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    """Dropout and BatchNorm: what logging could disturb."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(FEATURES, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout(0.4))
        self.head = nn.Linear(7, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.body(x))
        return out


def options(**others: Any) -> dict[str, Any]:
    return {"layers": LAYERS, "subsets": SUBSETS, "sample": 11, "strict": True} | others


def dealt(where: Path, shuffle: bool = False) -> None:
    """DistributedSampler, which pads with instances that come twice; in DistributedDataParallel."""
    data = TensorDataset(X, Y)
    sampler: Any = DistributedSampler(data, shuffle=shuffle)
    model = nn.parallel.DistributedDataParallel(Net())
    with ActiVisLogger(where, model, DataLoader(data, 3, sampler=sampler), **options()) as activis:
        activis.log(1)
        sampler.set_epoch(5)
        activis.log(2)


def averaged(where: Path) -> None:
    """BatchNorm's averages differ between processes after a step of training; what counts are the first one's."""
    model = nn.parallel.DistributedDataParallel(Net())
    part = slice(0, 9) if dist.get_rank() == 0 else slice(9, INSTANCES)
    model(X[part]).sum().backward()
    before = model.module.body[1].running_mean.clone()
    with ActiVisLogger(where, model, (X, Y), **options()) as activis:
        activis.log(1)
    assert torch.equal(before, model.module.body[1].running_mean)
    told(where, repr(before.tolist()))
    if dist.get_rank() == 0:
        torch.save(model.module.state_dict(), where / "state")


def shuffled(where: Path) -> None:
    dealt(where, shuffle=True)


def subsets(where: Path) -> None:
    """Parts of unequal length, each a Subset; the last process has none."""
    size, rank = dist.get_world_size(), dist.get_rank()
    cuts = [0, 4, *([INSTANCES] * size)] if size == 2 else [0, 4, 9, INSTANCES, INSTANCES]
    part = Subset(TensorDataset(X, Y), range(cuts[rank], cuts[rank + 1]))
    with ActiVisLogger(where, Net(), DataLoader(part, 4), **options()) as activis:
        activis.log(1)


def named(where: Path) -> None:
    """Lists of batches with ids of the user's own, of which some are in two parts; one process has nothing."""
    size, rank = dist.get_world_size(), dist.get_rank()
    rows = (
        [torch.arange(0, 15), torch.arange(11, INSTANCES)][rank] if rank < 2 and size > 2 else torch.arange(INSTANCES)
    )
    if size == 2:
        rows = rows if rank else rows[:0]
    batches = [{"x": X[part], "labels": Y[part], "row": part} for part in rows.split(6) if len(part)]
    with ActiVisLogger(
        where, Net(), batches, **options(id=lambda batch: [f"row {row}" for row in batch["row"].tolist()])
    ) as activis:
        activis.log(1)


def whole(where: Path) -> None:
    """All data on each; pinned instances, and columns by the order of the data."""
    columns = {"number": [row / 2 for row in range(INSTANCES)]}
    with (
        patch("tensorboard_activis.capture.data.batch_forms.BATCH_SIZE", 4),
        ActiVisLogger(where, Net(), (X, Y), **options(columns=columns, pinned=(X[:2], Y[:2]))) as activis,
    ):
        passes = []
        activis._capture.recorded.module.register_forward_pre_hook(lambda module, args: passes.append(len(args[0])))
        activis.log(1)
    told(where, str(sum(passes)))


class Words(nn.Module):
    """A language model of sequences without an order, for tokens as instances."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(19, 6)
        self.head = nn.Linear(6, 19)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.embed(input_ids))
        return out


def sentences() -> list[dict[str, Any]]:
    """Twelve sequences of 1 to 6 tokens, in four batches."""
    ids = torch.randint(1, 19, (12, 6), generator=torch.Generator().manual_seed(2))
    mask = torch.arange(6) < (torch.arange(12) % 6 + 1)[:, None]
    labels = torch.where(mask, ids, -100)
    names = [f"text {row}" for row in range(12)]
    return [
        {"input_ids": ids[part], "attention_mask": mask[part].long(), "labels": labels[part], "names": names[part]}
        for part in (slice(start, start + 3) for start in range(0, 12, 3))
    ]


def tokens(where: Path) -> None:
    """Every token is an instance; the second process has one batch more, the last of which the first one has as well."""
    rank, batches = dist.get_rank(), sentences()
    own = batches[:2] if rank == 0 else [batches[3], batches[2], batches[1]]
    with ActiVisLogger(
        where,
        Words(),
        own,
        unit="position",
        id=lambda batch: batch["names"],
        unpack=lambda batch: ({name: batch[name] for name in ("input_ids", "attention_mask")}, batch["labels"]),
        texts=lambda batch: [f"all of {name}" for name in batch["names"]],
        subsets={"third": 'token == "3"', "long": '"text 11" in text'},
        layers=["embed"],
        sample=20,
        strict=True,
    ) as activis:
        activis.log(1)


def watched(where: Path) -> None:
    """The user's own loop, with more batches on one process than on the others; then one process fails in the midst of it."""
    rank = dist.get_rank()
    rows = [torch.arange(0, 14), torch.arange(14, INSTANCES)][rank]
    model = nn.parallel.DistributedDataParallel(Net())
    with ActiVisLogger(where, model, **options(strict=False)) as activis:
        for step in (1, 2, 3):
            model.eval()
            with warnings.catch_warnings(record=True) as raised, torch.no_grad():
                warnings.simplefilter("always", ActiVisWarning)
                with activis.watch(step) as watch:
                    for number, part in enumerate(rows.split(4)):
                        model(X[part])
                        labels = Y[part][1:] if step == 2 and rank == 1 and number == 1 else Y[part]
                        watch.batch(labels=labels, ids=part)
            told(where, " ".join(str(warning.message) for warning in raised))


def all_rows(where: Path) -> None:
    """Every instance is kept, of so wide a layer that each process needs a file."""
    data = TensorDataset(X, Y)
    wide = nn.Sequential(nn.Linear(FEATURES, 9_000), nn.ReLU(), nn.Linear(9_000, CLASSES))
    with torch.no_grad():
        for number, parameter in enumerate(wide.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number)))
    loader = DataLoader(data, 3, sampler=DistributedSampler(data, shuffle=False))
    with ActiVisLogger(where, wide, loader, layers=["0", "2"], sample=None, strict=True) as activis:
        activis.log(1)


class Breaking(TensorDataset):
    """Cannot be read at one place, for a while."""

    broken = False

    def __getitem__(self, index: int) -> Any:
        if self.broken and index == 13:
            raise ValueError("no thirteenth")
        return super().__getitem__(index)


def fault(where: Path) -> None:
    """One process's loader raises, then its disk is full: the snapshot is lost, what comes after is not."""
    data = Breaking(X, Y)
    loader = DataLoader(data, 3, sampler=DistributedSampler(data, shuffle=False))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ActiVisLogger(where, Net(), loader, **options(sample=None, strict=False)) as activis:
            Breaking.broken = True
            activis.log(1)
            Breaking.broken = False
            full = patch(
                "tensorboard_activis.write.instances.unfinished", side_effect=OSError(28, "No space left on device")
            )
            if dist.get_rank() == 1:
                with full:
                    activis.log(2)
            else:
                activis.log(2)
            activis.log(3)
    told(where, "\n".join(str(one.message) for one in caught if one.category is ActiVisWarning))


def refused(where: Path) -> None:
    """What one process refuses before training is refused by all, and the directory is free afterwards."""
    for attempt in range(2):
        layers = ["body.0", "nowhere"] if dist.get_rank() == 1 and not attempt else LAYERS
        try:
            ActiVisLogger(where, Net(), (X, Y), **options(layers=layers)).close()
        except ConfigurationError as error:
            told(where, str(error))


def first_alone(where: Path) -> None:
    """One process logs for itself: with a word, and without."""
    if dist.get_rank() == 0:
        with ActiVisLogger(where, Net(), (X, Y), distributed=False, **options()) as activis:
            activis.log(1)
        with warnings.catch_warnings(record=True) as caught, patch.object(torch_processes, "PATIENCE", 0.3):
            warnings.simplefilter("always")
            with ActiVisLogger(where, Net(), (X, Y), **options()) as activis:
                activis.log(2)
        told(where, "\n".join(str(one.message) for one in caught))


def late(where: Path) -> None:
    """One process gives up before the other comes: nobody waits for ever, and the one that comes late is told."""
    if dist.get_rank() == 0:
        with warnings.catch_warnings(), patch.object(torch_processes, "PATIENCE", 0.3):
            warnings.simplefilter("ignore")
            ActiVisLogger(where, Net(), (X, Y), **options()).close()
    dist.barrier()
    if dist.get_rank() == 1:
        try:
            ActiVisLogger(where, Net(), (X, Y), **options())
        except ConfigurationError as error:
            told(where, str(error))


def sharded(where: Path) -> None:
    """fully_shard: parameters spread over the processes."""
    from torch.distributed.fsdp import fully_shard

    def shard(model: Net) -> nn.Module:
        fully_shard(model.body)
        fully_shard(model)
        return model

    log_sharded(where, shard)


def flat(where: Path) -> None:
    """FSDP 1: parameters spread over the processes, flattened into one for each wrapped module."""
    from torch.distributed.fsdp import FullyShardedDataParallel

    def shard(model: Net) -> nn.Module:
        model.add_module("body", FullyShardedDataParallel(model.body, device_id=torch.device("cpu")))
        return FullyShardedDataParallel(model, device_id=torch.device("cpu"))

    log_sharded(where, shard)


def log_sharded(where: Path, shard: Callable[[Net], nn.Module]) -> None:
    """Trains a sharded model on unequal numbers of batches, with the logger and without."""
    part = slice(0, 15) if dist.get_rank() == 0 else slice(15, INSTANCES)
    ends = []
    for log in (True, False):
        net = Net()
        plain = [parameter.detach().clone() for parameter in net.parameters()]
        model = shard(net)
        assert sum(
            each.to_local().numel() if hasattr(each, "to_local") else each.numel() for each in model.parameters()
        ) < sum(each.numel() for each in plain)
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        torch.manual_seed(7 + dist.get_rank())
        activis = None
        if log:
            with ActiVisLogger(where / "watched", model, **options()) as activis, activis.watch(0) as watch:
                for rows in torch.arange(INSTANCES)[part].tensor_split(4):
                    with torch.no_grad():
                        model.eval()(X[rows])
                    watch.batch(labels=Y[rows], ids=rows)
            model.train()
            data = [(X[rows], Y[rows]) for rows in torch.arange(INSTANCES)[part].split(3)]
            ids = [f"row {row}" for row in range(INSTANCES)][part]
            activis = ActiVisLogger(where, model, data, **options(id=ids, pinned=(X[:2], Y[:2])))
            activis.log(0)
        for step in range(1, 4):
            loss = nn.functional.cross_entropy(model(X[part]), Y[part])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            if activis is not None:
                activis.log(step)
        if activis is not None:
            activis.close()
        state = [
            value.full_tensor() if hasattr(value, "full_tensor") else value for value in model.state_dict().values()
        ]
        ends.append([*(value.double().flatten() for value in state), torch.rand(3).double()])
        assert any(not torch.equal(a, b) for a, b in zip(plain, state, strict=False))
    told(where, str(torch.equal(torch.cat(ends[0]), torch.cat(ends[1]))))
    try:
        ActiVisLogger(where / f"alone-{dist.get_rank()}", model, (X, Y), distributed=False)
    except ConfigurationError as error:
        told(where, str(error))


def dies(where: Path) -> None:
    """One process ends in the middle of a pass."""

    class Deadly(TensorDataset):
        def __getitem__(self, index: int) -> Any:
            if activis is not None and dist.get_rank() == 1 and index > 9:
                os._exit(0)
            return super().__getitem__(index)

    activis = None
    data = Deadly(X, Y)
    loader = DataLoader(data, 3, sampler=DistributedSampler(data, shuffle=False))
    activis = ActiVisLogger(where, Net(), loader, **options(strict=False))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        activis.log(1)
        activis.log(2)
    told(where, "\n".join(str(one.message) for one in caught))


def told(where: Path, text: str) -> None:
    """What a process has to say to the test, in a file of its own."""
    where.mkdir(parents=True, exist_ok=True)
    with (where / f"told-{dist.get_rank()}").open("a") as file:
        file.write(text + "\n")


@contextmanager
def group() -> Iterator[None]:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", timeout=timedelta(seconds=20))
    yield
    dist.destroy_process_group()


if __name__ == "__main__":
    with group():
        for case in sys.argv[2:]:
            globals()[case](Path(sys.argv[1]) / case)
