"""The CPU time of a snapshot in PyTorch beside a plain evaluation pass over the same instances, and that of its peers. One thread.

A snapshot is all of `ActiVisLogger.log`: forward passes, one number per neuron and instance, statistics of every neuron by class,
right and wrong, thumbnails of the sample, files on disk. "All" layers are the leaves: every module without children. The peers do
less: TensorBoard's `add_histogram` per layer and batch keeps no instance, and whole maps that are copied to numpy are not even
written. Medians of the ratios of runs that take turns.

Usage: python benchmarks/capture.py [REPEATS [NAME...]]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._mobile_networks import efficientnet, mobilenet
from benchmarks._networks import GPT, perceptron, resnet
from benchmarks._pairs import in_turns, line
from tensorboard_activis.torch import ActiVisLogger

Batches = list[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Case:
    """A network, its evaluation data, and the limits of a snapshot of the default layers and of all.

    Attributes:
        repeats: the most; a pass of some takes long.
        peers: whether the peers are measured too.
    """

    title: str
    model: Callable[[], nn.Module]
    batches: Callable[[], Batches]
    few_limit: float | None
    all_limit: float | None
    repeats: int = 99
    peers: bool = False


def images(count: int, size: int, pixels: int) -> Callable[[], Batches]:
    """Random images of ten classes, in batches of `size`."""
    return lambda: [(torch.randn(size, 3, pixels, pixels), torch.randint(0, 10, (size,))) for _ in range(count // size)]


def rows(count: int, features: int, classes: int) -> Callable[[], Batches]:
    """Random vectors, in batches of 256."""
    return lambda: [(torch.randn(256, features), torch.randint(0, classes, (256,))) for _ in range(count // 256)]


def texts(count: int, words: int) -> Callable[[], Batches]:
    """Random sequences of 128 tokens, in batches of 16; the label of a token is the next one."""
    batches = [torch.randint(0, words, (16, 128)) for _ in range(count // 16)]
    return lambda: [(batch, batch) for batch in batches]


CASES = {
    "resnet": Case("ResNet-18, torchvision's stem, 32 px", resnet, images(1000, 100, 32), 1.06, 1.20, peers=True),
    "gpt": Case("GPT, 6 x 256, 128 tokens, vocabulary 1,000", lambda: GPT(6), texts(128, 1000), 1.05, 1.15, 5),
    "perceptron": Case("4 x 2,048 perceptron", perceptron, rows(2048, 2048, 10), 1.08, 1.15, peers=True),
    "mobilenet": Case("MobileNetV3-Large, 64 px", mobilenet, images(500, 50, 64), None, None, 5),
    "efficientnet": Case("EfficientNet-B0, 64 px", efficientnet, images(500, 50, 64), None, None, 5),
    "vocabulary": Case(
        "GPT, 6 x 256, 128 tokens, vocabulary 16,384", lambda: GPT(6, words=16_384), texts(64, 16_384), None, None, 5
    ),
    "classes": Case(
        "48 x 500 perceptron, 1,000 classes",
        lambda: perceptron(512, 500, 48, 1000),
        rows(10_240, 512, 1000),
        1.15,
        None,
        3,
    ),
}


def evaluation(model: nn.Module, batches: Batches) -> Callable[[], object]:
    """The plain pass: loss and accuracy, as every training script has it."""

    def run() -> float:
        model.eval()
        loss, right = 0.0, 0
        with torch.no_grad():
            for x, y in batches:
                logits = model(x)
                if logits.dim() == 3:
                    logits, labels = logits[:, :-1].flatten(0, 1), y[:, 1:].flatten()
                else:
                    labels = y
                loss += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
                right += int((logits.argmax(1) == labels).sum())
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


def leaves(model: nn.Module) -> list[str]:
    """All modules without children, but embeddings of positions, which are the same for every instance."""
    return [name for name, module in model.named_modules() if not list(module.children()) and name != "positions"]


def measure(case: Case, repeats: int) -> None:
    """The table of one network."""
    from torch.utils.tensorboard import SummaryWriter

    model, batches = case.model(), case.batches()
    instances = sum(len(y) for _, y in batches)
    with tempfile.TemporaryDirectory() as directory:
        few = ActiVisLogger(f"{directory}/few", model, batches, strict=True)
        every = ActiVisLogger(f"{directory}/all", model, batches, layers=leaves(model), strict=True)
        steps = iter(range(10**9))
        chosen = [layer.name for layer in few.layers]
        maps: dict[str, list[Any]] = {}
        writer = SummaryWriter(f"{directory}/peer")

        def keep(name: str, output: torch.Tensor) -> None:
            maps.setdefault(name, []).append(output.numpy())

        def histogram(name: str, output: torch.Tensor) -> None:
            writer.add_histogram(name, output, next(steps))

        ways: dict[str, Callable[[], object]] = {
            "plain": evaluation(model, batches),
            "few": lambda: few.log(next(steps)),
            "all": lambda: every.log(next(steps)),
        }
        if case.peers:
            copying = hooked(model, batches, chosen, keep)

            def copied() -> None:
                maps.clear()
                copying()

            ways |= {"maps": copied, "histograms": hooked(model, batches, chosen, histogram)}
        taken = in_turns(ways, min(repeats, case.repeats), time.process_time)
        writer.close()
        size = sum(array.nbytes for arrays in maps.values() for array in arrays)
        plain = taken["plain"]
        print(f"{case.title}, {instances:,} instances")
        print(line("  evaluation pass", plain, plain))
        for name, logger, limit in (("the default", few, case.few_limit), ("all leaves", every, case.all_limit)):
            neurons = sum(layer.neurons for layer in logger.layers)
            what = f"  ActiVis, {len(logger.layers)} layers ({name}), {neurons:,}"
            print(line(what, taken["few" if logger is few else "all"], plain, limit), flush=True)
        if case.peers:
            held = f"   {size / 1e6:,.0f} MB held"
            print(line(f"  full outputs to numpy, {len(chosen)} layers", taken["maps"], plain, what=held))
            print(line(f"  SummaryWriter.add_histogram, {len(chosen)} layers", taken["histograms"], plain), flush=True)
        few.close()
        every.close()


def main() -> None:
    """Prints a table for each network, or for those named."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    for name in sys.argv[2:] or CASES:
        torch.manual_seed(0)
        measure(CASES[name], repeats)


if __name__ == "__main__":
    main()
