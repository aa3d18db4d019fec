"""What torchrun starts: `effects_training.py DIRECTORY`. Each process has its part; then a model is spread over them."""

import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tensorboard_activis.torch import ActiVisLogger
from tests.torch.effects import Cnn, images

INSTANCES = 61
LAYERS = ["act", "hidden", "head"]
OPTIONS: dict[str, Any] = {"effects": "tried", "effects_share": 0.25, "layers": LAYERS, "sample": 50, "strict": True}


def model() -> nn.Module:
    torch.manual_seed(5)
    return Cnn()


def main() -> None:
    """Logs our own pass in DistributedDataParallel, a watched one of which a process has nothing, and one of a sharded model."""
    dist.init_process_group("gloo")
    where, rank = Path(sys.argv[1]), dist.get_rank()
    x, y = images(INSTANCES)
    data = TensorDataset(x, y)
    loader = DataLoader(data, 5, sampler=DistributedSampler(data, shuffle=True))
    parallel = nn.parallel.DistributedDataParallel(model())
    with ActiVisLogger(where / "own", parallel, loader, **OPTIONS) as activis:
        activis.log(1)
    assert all(parameter.grad is None for parameter in parallel.parameters())
    plain = model().eval()
    with (
        ActiVisLogger(where / "watched", plain, (x[:3], y[:3]), **OPTIONS) as activis,
        activis.watch(1) as watched,
        torch.no_grad(),
    ):
        for rows in torch.arange(INSTANCES).split(9) if rank == 0 else ():
            plain(x[rows])
            watched.batch(labels=y[rows], ids=rows)
    from torch.distributed.fsdp import fully_shard

    sharded = model()
    fully_shard(sharded)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ActiVisLogger(where / "sharded", sharded, loader, **OPTIONS) as activis:
            activis.log(1)
    (where / f"said-{rank}").write_text("\n".join(str(each.message) for each in caught))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
