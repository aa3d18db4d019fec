"""CPU time and bytes of logging with positions beside logging without: `positions=16` against `positions=0`. One thread.

Each figure is the median of the ratios of passes that take turns. Bytes are those of all files of the last snapshot, without the
table of instances, which snapshots share.

Usage: python benchmarks/positions.py [REPEATS] [INSTANCES]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._networks import resnet
from benchmarks._pairs import in_turns, line
from tensorboard_activis.torch import ActiVisLogger

LIMIT, BYTES_LIMIT, BATCH = 1.10, 2.0, 64


def bert() -> nn.Module:
    """BERT of 6 blocks, 256 wide."""
    import transformers

    config = transformers.BertConfig(
        vocab_size=1000,
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=1024,
        num_labels=4,
    )
    model: nn.Module = transformers.BertForSequenceClassification(config)
    return model


def images(instances: int) -> DataLoader[Any]:
    """Random images of 32 pixels, of ten classes."""
    data = TensorDataset(torch.randn(instances, 3, 32, 32), torch.randint(0, 10, (instances,)))
    return DataLoader(data, BATCH)


def texts(instances: int) -> list[dict[str, torch.Tensor]]:
    """Random texts of 20 to 128 tokens, padded to the longest of their batch."""
    batches = []
    for start in range(0, instances, BATCH):
        count = min(BATCH, instances - start)
        lengths = torch.randint(20, 129, (count,))
        mask = torch.arange(int(lengths.max())) < lengths[:, None]
        ids = torch.randint(5, 1000, mask.shape)
        batches.append({"input_ids": ids * mask, "attention_mask": mask.long(), "labels": ids.sum(1) % 4})
    return batches


def measure(title: str, model: nn.Module, data: object, sample: int | None, repeats: int) -> None:
    """Lines of one network: seconds, and bytes of a snapshot."""
    with tempfile.TemporaryDirectory() as directory:
        loggers = {
            name: ActiVisLogger(
                Path(directory, name), model, data, sample=sample, positions=positions, progress=False, strict=True
            )
            for name, positions in (("without", 0), ("with", 16))
        }
        steps = iter(range(10**9))

        def way(name: str) -> Callable[[], object]:
            return lambda: loggers[name].log(next(steps))

        taken = in_turns({name: way(name) for name in loggers}, repeats, time.process_time)
        size = {name: last_snapshot(Path(directory, name, "activis")) for name in loggers}
        for logger in loggers.values():
            logger.close()
    print(line(f"{title}, without", taken["without"], taken["without"]))
    print(line(f"{title}, with", taken["with"], taken["without"], LIMIT))
    grown = size["with"] / size["without"]
    verdict = "held" if grown <= BYTES_LIMIT else "MISSED"
    print(
        f"{title}, bytes{size['without']:>14,}{size['with']:>14,}{grown:>8.2f}   at most {BYTES_LIMIT:g}: {verdict}",
        flush=True,
    )


def last_snapshot(directory: Path) -> int:
    """Bytes of the arrays of the last snapshot."""
    return max(directory.glob("step-*"), key=lambda path: path.name).stat().st_size


def main() -> None:
    """Lines for each network, with a sample and with all instances kept."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    instances = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for title, model, data in (("ResNet-18", resnet(), images(instances)), ("BERT-6", bert(), texts(instances))):
        for kept, sample in ((f"1,000 of {instances:,}", 1000), (f"all of {instances:,}", None)):
            measure(f"{title}, {kept}", model.eval(), data, sample, repeats)


if __name__ == "__main__":
    main()
