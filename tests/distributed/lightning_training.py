"""What torchrun starts: two processes of Lightning, with DistributedDataParallel and with fully_shard."""

# ruff: noqa: E402

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

sys.modules["tensorflow"] = None  # type: ignore[assignment]  # TensorBoard does without it, and starts sooner

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy

from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.lightning import ActiVisCallback
from tests.distributed.training import LAYERS, SUBSETS, Net, X, Y


class Module(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = Net()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.net(x)
        return out

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]), sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 0.01)


class Sharded(Module):
    def configure_model(self) -> None:
        from torch.distributed.fsdp import fully_shard

        mesh = self.device_mesh["data_parallel"]
        fully_shard(self.net.body, mesh=mesh)
        fully_shard(self.net, mesh=mesh)


class Several(Module):
    """Is validated on two loaders."""

    def validation_step(self, batch: list[torch.Tensor], index: int, dataloader_idx: int = 0) -> None:
        super().validation_step(batch, index)

    def val_dataloader(self) -> Any:
        return [DataLoader(TensorDataset(X, Y), size) for size in (4, 5)]


class Silent(Module):
    """Logs no metric, for which the processes would wait for each other."""

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        self(batch[0])


class Stream(IterableDataset[Any]):
    """Gives the first process all instances but the last few, and the second one these."""

    def __init__(self, last: int) -> None:
        self.last = last

    def __iter__(self) -> Iterator[Any]:
        split = len(X) - self.last
        rows = range(split) if dist.get_rank() == 0 else range(split, len(X))
        yield from ((X[row], Y[row], row) for row in rows)


def train_unevenly(where: Path, last: int) -> None:
    """Validates different numbers of batches, and writes what is said of it to a file."""
    callback = ActiVisCallback(
        log_dir=where, layers=["net.body.0"], unpack=lambda batch: batch[:2], id=lambda batch: batch[2]
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=2,
        strategy=DDPStrategy(broadcast_buffers=False),  # its forward passes wait for each other otherwise
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
        max_epochs=1,
        callbacks=callback,
    )
    module = Silent()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        trainer.fit(module, DataLoader(TensorDataset(X, Y), 3), DataLoader(Stream(last), 3))
    told = [str(warning.message) for warning in said if issubclass(warning.category, ActiVisWarning)]
    torch.save((module.net.body[0].state_dict(), told), where / f"told-{trainer.global_rank}")


def train(where: Path, module: Any, strategy: Any, *callbacks: Any) -> None:
    loader = DataLoader(TensorDataset(X, Y), 3)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=2,
        strategy=strategy,
        default_root_dir=where,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=TensorBoardLogger(where),
        max_epochs=2,
        callbacks=list(callbacks),
    )
    torch.manual_seed(1)
    trainer.fit(module, loader, None if isinstance(module, Several) else loader)
    state = {
        name: value.full_tensor() if hasattr(value, "full_tensor") else value
        for name, value in module.state_dict().items()
    }
    torch.save((state, torch.rand(3)), where / f"state-{trainer.global_rank}-{len(callbacks)}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=UserWarning)
    torch.set_num_threads(1)
    directory = Path(sys.argv[1])
    for name, module, strategy, data in (
        ("ddp", Module, lambda: "ddp", None),
        ("sharded", Sharded, lambda: ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1), None),
        ("several", Several, lambda: "ddp", None),
        ("own", Module, lambda: "ddp", DataLoader(TensorDataset(X, Y), 3)),
    ):
        layers = [f"net.{layer}" for layer in LAYERS]
        callback = ActiVisCallback(data, layers=layers, subsets=SUBSETS, sample=11, strict=True, pinned=(X[:2], Y[:2]))
        train(directory / name, module(), strategy(), callback)
        train(directory / name, module(), strategy())
    for last in (4, 0):
        train_unevenly(directory / f"uneven-{last}", last)
    # A group that is left to the interpreter's end may end the process with it.
    dist.barrier()
    dist.destroy_process_group()
