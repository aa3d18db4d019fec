"""The cost of a snapshot in PyTorch beside a plain evaluation pass over the same images, and the cost of its peers. One thread.

A snapshot is all of `ActiVisLogger.log`: forward passes, one number per neuron and image, statistics of every neuron over ten
classes, right and wrong, thumbnails of the sample, files on disk. The peers do less: TensorBoard's `add_histogram` per layer and
batch keeps no instance, and whole maps that are copied to numpy are not even written. Medians of runs that take turns.

Usage: python benchmarks/capture.py [REPEATS]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._networks import ResNet, perceptron
from benchmarks._pairs import in_turns, line
from tensorboard_activis.torch import ActiVisLogger

CLASSES = 10
Batches = list[tuple[torch.Tensor, torch.Tensor]]


def evaluation(model: nn.Module, batches: Batches) -> Callable[[], object]:
    """The plain pass: loss and accuracy, as every training script has it."""

    def run() -> float:
        model.eval()
        loss, right = 0.0, 0
        with torch.no_grad():
            for x, y in batches:
                logits = model(x)
                loss += float(nn.functional.cross_entropy(logits, y, reduction="sum"))
                right += int((logits.argmax(1) == y).sum())
        return loss + right

    return run


def hooked(
    model: nn.Module, batches: Batches, names: Sequence[str], take: Callable[[str, torch.Tensor], object]
) -> Any:
    """The plain pass with a hook of the peer on these layers."""
    plain = evaluation(model, batches)

    def run() -> None:
        handles = [
            model.get_submodule(name).register_forward_hook(lambda module, args, out, name=name: take(name, out))
            for name in names
        ]
        plain()
        for handle in handles:
            handle.remove()

    return run


def measure(
    title: str, model: nn.Module, batches: Batches, few_limit: float | None, all_limit: float | None, repeats: int
) -> None:
    """The table of one model."""
    from torch.utils.tensorboard import SummaryWriter

    instances = sum(len(y) for _, y in batches)
    with tempfile.TemporaryDirectory() as directory:
        few = ActiVisLogger(f"{directory}/few", model, batches, strict=True)
        leaves = [name for name, module in model.named_modules() if not list(module.children())]
        every = ActiVisLogger(f"{directory}/all", model, batches, layers=leaves, strict=True)
        steps = iter(range(10**9))
        chosen = [layer.name for layer in few.layers]
        maps: dict[str, list[Any]] = {}
        writer = SummaryWriter(f"{directory}/peer")

        def keep(name: str, output: torch.Tensor) -> None:
            maps.setdefault(name, []).append(output.numpy())

        def histogram(name: str, output: torch.Tensor) -> None:
            writer.add_histogram(name, output, next(steps))

        copying = hooked(model, batches, chosen, keep)

        def copied() -> None:
            maps.clear()
            copying()

        ways = {
            "plain": evaluation(model, batches),
            "few": lambda: few.log(next(steps)),
            "all": lambda: every.log(next(steps)),
            "maps": copied,
            "histograms": hooked(model, batches, chosen, histogram),
        }
        taken = in_turns(ways, repeats)
        writer.close()
        size = sum(array.nbytes for arrays in maps.values() for array in arrays)
        plain = taken["plain"]
        print(f"{title}, {instances:,} instances")
        print(line("  evaluation pass", plain, plain))
        print(line(f"  ActiVis, {len(chosen)} layers (the default)", taken["few"], plain, few_limit))
        print(line(f"  ActiVis, all {len(leaves)} leaves", taken["all"], plain, all_limit))
        print(
            line(
                f"  full outputs to numpy, {len(chosen)} layers",
                taken["maps"],
                plain,
                what=f"   {size / 1e6:,.0f} MB held",
            )
        )
        print(line(f"  SummaryWriter.add_histogram, {len(chosen)} layers", taken["histograms"], plain))
        few.close()
        every.close()


def main() -> None:
    """Prints two tables."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = [(torch.randn(64, 3, 32, 32), torch.randint(0, CLASSES, (64,))) for _ in range(3)]
    measure("ResNet-18 at 32 pixels", ResNet(), images, 1.05, 1.15, repeats)
    rows = [(torch.randn(256, 2048), torch.randint(0, CLASSES, (256,))) for _ in range(8)]
    measure("4 x 2,048 perceptron", perceptron(), rows, 1.15, None, repeats)


if __name__ == "__main__":
    main()
