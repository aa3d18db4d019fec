"""What torchrun starts: two processes of Lightning, with DistributedDataParallel and with fully_shard."""

# ruff: noqa: E402

import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

sys.modules["tensorflow"] = None  # type: ignore[assignment]  # TensorBoard does without it, and starts sooner

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import ModelParallelStrategy

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
    # A group that is left to the interpreter's end may end the process with it.
    dist.barrier()
    dist.destroy_process_group()
