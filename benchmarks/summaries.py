"""The cost of statistics per subset and neuron for a batch of 256, and their memory. One thread.

Limits: 2 ms and 50 MB per layer with 1,000 classes x 2,048 neurons. Beside it the plain way, a loop over the subsets in numpy's
float64, and torch's `index_add_` and `scatter_reduce_` on the same float64 sums; medians of pairs that take turns.

Usage: python benchmarks/summaries.py [REPEATS]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from tensorboard_activis.summarize.groups import Groups
from tensorboard_activis.summarize.moments import Moments

LIMIT_MS, LIMIT_MB = 2.0, 50.0
INSTANCES = 256
#: Different batches take turns, so that none is in the processor's memory when it comes.
BATCHES = 8


class Batch:
    """Activations, labels at random, and half of them correct."""

    def __init__(self, random: np.random.Generator, neurons: int, classes: int) -> None:
        self.values = random.normal(1, 2, (INSTANCES, neurons)).astype(np.float32)
        self.label = random.integers(0, classes, INSTANCES)
        self.correct = random.random(INSTANCES) < 0.5
        of_class = [np.flatnonzero(self.label == index) for index in range(classes)]
        self.members = [np.arange(INSTANCES), *of_class, np.flatnonzero(self.correct), np.flatnonzero(~self.correct)]


def ours(neurons: int, classes: int) -> tuple[Callable[[Batch], None], float]:
    """A function that adds a batch, and the memory of the statistics in megabytes."""
    moments = Moments(classes + 3, neurons)
    groups: Groups | None = None

    def add(batch: Batch) -> None:
        nonlocal groups
        groups = Groups(batch.members, INSTANCES, groups)
        moments.add(batch.values, groups)

    arrays = [value for value in vars(moments).values() if isinstance(value, np.ndarray)]
    return add, sum(value.nbytes for value in arrays) / 1e6


def arrangement() -> Callable[[Batch], None]:
    """What is done once per batch for all layers; part of `ours` here, where there is one."""

    def arrange(batch: Batch) -> None:
        Groups(batch.members, INSTANCES).blocks(32)

    return arrange


def loop(neurons: int, classes: int) -> Callable[[Batch], None]:
    """One subset after the other."""
    shape = (classes + 3, neurons)
    sums, squares = np.zeros(shape), np.zeros(shape)
    lowest, highest = np.full(shape, np.inf, np.float32), np.full(shape, -np.inf, np.float32)
    pivot = np.ones(neurons)

    def add(batch: Batch) -> None:
        for subset, rows in enumerate(batch.members):
            if rows.size:
                values = batch.values[rows]
                deviation = values.astype(np.float64) - pivot
                sums[subset] += deviation.sum(axis=0)
                squares[subset] += (deviation * deviation).sum(axis=0)
                lowest[subset] = np.minimum(lowest[subset], values.min(axis=0))
                highest[subset] = np.maximum(highest[subset], values.max(axis=0))

    return add


def with_torch(neurons: int, classes: int) -> Callable[[Batch], None]:
    """All classes by index_add_ and scatter_reduce_; all, correct and wrong from two parts of the batch."""
    torch.set_num_threads(1)
    shape = (classes + 3, neurons)
    sums, squares = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    lowest, highest = torch.full(shape, torch.inf), torch.full(shape, -torch.inf)
    pivot = torch.ones(neurons)

    def add(batch: Batch) -> None:
        values, label = torch.from_numpy(batch.values), torch.from_numpy(batch.label)
        deviation = (values - pivot).double()
        square = deviation * deviation
        sums.index_add_(0, label + 1, deviation)
        squares.index_add_(0, label + 1, square)
        index = (label + 1)[:, None].expand(-1, neurons)
        lowest.scatter_reduce_(0, index, values, "amin")
        highest.scatter_reduce_(0, index, values, "amax")
        correct = torch.from_numpy(batch.correct)
        for subset, rows in ((classes + 1, correct), (classes + 2, ~correct)):
            part = values[rows]
            if part.shape[0]:
                parts = (deviation[rows].sum(0), square[rows].sum(0), part.amin(0), part.amax(0))
                for into in (0, subset):
                    sums[into] += parts[0]
                    squares[into] += parts[1]
                    torch.minimum(lowest[into], parts[2], out=lowest[into])
                    torch.maximum(highest[into], parts[3], out=highest[into])

    return add


def milliseconds(ways: list[Callable[[Batch], None]], batches: list[Batch], repeats: int) -> list[float]:
    """The median of each; they take turns, each time with another batch."""
    times: list[list[float]] = [[] for _ in ways]
    for turn in range(repeats + BATCHES):
        for way, taken in zip(ways, times, strict=True):
            batch = batches[turn % BATCHES]
            started = time.thread_time()  # of this thread's own work, whatever else the machine does
            way(batch)
            taken.append(time.thread_time() - started)
    return [median(taken[BATCHES:]) * 1e3 for taken in times]


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 51
    random = np.random.default_rng(0)
    print(f"a batch of {INSTANCES}   {'ours':>9} {'numpy loop':>11} {'torch':>9}   ours/loop ours/torch")
    for neurons, classes in ((2048, 1000), (512, 10)):
        batches = [Batch(random, neurons, classes) for _ in range(BATCHES)]
        add, megabytes = ours(neurons, classes)
        ways = [add, loop(neurons, classes), with_torch(neurons, classes), arrangement()]
        mine, plain, peer, arranged = milliseconds(ways, batches, repeats)
        times = f"{mine:>6.2f} ms {plain:>8.2f} ms {peer:>6.2f} ms"
        print(f"{classes:>5} x {neurons:,}    {times}   {mine / plain:>9.2f} {mine / peer:>10.2f}")
        if classes == 1000:
            memory = f"{megabytes:.1f} MB held, {megabytes / LIMIT_MB:.2f} of {LIMIT_MB:g} MB"
            print(
                f"  {mine / LIMIT_MS:.2f} of the limit of {LIMIT_MS:g} ms, of it {arranged:.2f} ms for all layers; {memory}"
            )


if __name__ == "__main__":
    main()
