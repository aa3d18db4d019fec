"""The cost of statistics per subset and neuron for 1,024 instances in batches of 256, 16 and 8, and their memory. One thread.

Limits: 8 ms for 1,024 instances and 50 MB per layer with 1,000 classes x 2,048 neurons; 10 ns a value in small batches. Beside
it the plain way, a loop over the subsets in numpy's float64, and torch's `index_add_` and `scatter_reduce_` on the same float64
sums; medians of rounds that take turns.

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

from tensorboard_activis.capture.gathering import GatheredBatch, Gathering
from tensorboard_activis.summarize.layer_moments import LayerMoments
from tensorboard_activis.summarize.membership import Membership

LIMIT_MS, LIMIT_MB, LIMIT_NS = 8.0, 50.0, 10.0
#: Instances of a round.
INSTANCES = 1024
#: Different rounds take turns, so that no batch is in the processor's memory when it comes.
ROUNDS = 4
NONE = np.zeros(0, np.intp)


class Batch:
    """Activations, labels at random, and half of them correct."""

    def __init__(self, random: np.random.Generator, instances: int, neurons: int, classes: int) -> None:
        self.values = random.normal(1, 2, (instances, neurons)).astype(np.float32)
        self.label = random.integers(0, classes, instances)
        self.correct = random.random(instances) < 0.5
        of_class = [np.flatnonzero(self.label == index) for index in range(classes)]
        self.members = [np.arange(instances), *of_class, np.flatnonzero(self.correct), np.flatnonzero(~self.correct)]
        self.membership = Membership.of_lists(self.members, instances)


def ours(neurons: int, classes: int) -> tuple[Callable[[Batch], None], float]:
    """A function that adds a batch, as the collector does, and the memory of the statistics in megabytes."""
    moments, gathering = LayerMoments(classes + 3, [neurons]), Gathering()

    def add(batch: Batch) -> None:
        gathering.add(GatheredBatch([batch.values], batch.membership, NONE, NONE, {}))
        if gathering.is_full:
            batches = gathering.take()
            moments.add(
                [each.activations for each in batches], Membership.joined([each.membership for each in batches])
            )

    arrays = [value for tile in moments.tiles for value in vars(tile).values() if isinstance(value, np.ndarray)]
    return add, sum(value.nbytes for value in arrays) / 1e6


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


def milliseconds(ways: list[Callable[[Batch], None]], rounds: list[list[Batch]], repeats: int) -> list[float]:
    """The median of each for a round; they take turns, each time with other batches."""
    times: list[list[float]] = [[] for _ in ways]
    for turn in range(repeats + 1):
        for way, taken in zip(ways, times, strict=True):
            started = time.thread_time()  # of this thread's own work, whatever else the machine does
            for batch in rounds[turn % ROUNDS]:
                way(batch)
            taken.append(time.thread_time() - started)
    return [median(taken[1:]) * 1e3 for taken in times]


def main() -> None:
    """Prints a line for each size of batches, neurons and classes."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    random = np.random.default_rng(0)
    print(f"{INSTANCES:,} instances         {'ours':>9} {'numpy loop':>12} {'torch':>9}   ours/loop ours/torch   ours")
    for size, neurons, classes in ((256, 2048, 1000), (256, 512, 10), (16, 2048, 10), (8, 2048, 10), (8, 2048, 1000)):
        batches = [Batch(random, size, neurons, classes) for _ in range(ROUNDS * INSTANCES // size)]
        rounds = [batches[start::ROUNDS] for start in range(ROUNDS)]
        add, megabytes = ours(neurons, classes)
        mine, plain, peer = milliseconds(
            [add, loop(neurons, classes), with_torch(neurons, classes)], rounds, repeats if size > 16 else repeats // 4
        )
        value = mine * 1e6 / (INSTANCES * neurons)
        times = f"{mine:>6.2f} ms {plain:>9.2f} ms {peer:>6.2f} ms   {mine / plain:>9.2f} {mine / peer:>10.2f}"
        verdict = ""
        if size <= 16:
            verdict = f"   at most {LIMIT_NS:g} ns: {'held' if value <= LIMIT_NS else 'MISSED'}"
        print(f"{size:>4}: {classes:>5} x {neurons:,}    {times} {value:>5.1f} ns{verdict}", flush=True)
        if classes == 1000 and size > 16:
            memory = f"{megabytes:.1f} MB held, {megabytes / LIMIT_MB:.2f} of {LIMIT_MB:g} MB"
            print(f"  {mine / LIMIT_MS:.2f} of the limit of {LIMIT_MS:g} ms; {memory}")


if __name__ == "__main__":
    main()
