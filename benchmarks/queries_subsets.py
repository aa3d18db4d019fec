"""Mean and standard deviation of undeclared subsets: 10,000 to 1,000,000 instances of 2,048 neurons, beside a plain copy.

Peers: numpy's `astype(float32).mean`, pandas' `groupby().mean()`, the way of LIT (the whole matrix as float32, then a mean of
chosen rows) and that of the embedding projector (the matrix as JSON; timed on a hundredth of it).

Usage: python benchmarks/queries_subsets.py
"""

import json
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._pairs import in_turns
from benchmarks._synthetic import LAYER, runs
from benchmarks._timing import line, seconds
from tensorboard_activis.query.matrix.matrix import Matrix, matrix
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader

SIZES = (10_000, 100_000, 1_000_000)
PREFIX = 16_384
ONE = [Row(expression="score < 0.5")]
#: Independent of each other: no two hundred instances are in the same ones.
TEN = [
    Row(expression=text)
    for text in (
        *("score < 0.5", "label_score < 0.5", "loss < 0.6931", "id % 2 == 0", "id % 4 < 2", "id % 8 < 4"),
        *("score * 10 % 1 < 0.5", "label_score * 10 % 1 < 0.5", "score * 100 % 1 < 0.5", "loss * 10 % 1 < 0.5"),
    )
]


def mean_and_deviation(snapshot: SnapshotReader, rows: list[Row], prefix: int | None = None) -> Matrix:
    return matrix(snapshot, LAYER, rows, prefix=prefix, wanted=("mean", "std"))


def against_a_copy(snapshot: SnapshotReader) -> None:
    activations = snapshot.activations(LAYER)
    chosen = snapshot.where(ONE[0].expression or "")
    times = seconds(
        {
            "copy": lambda: np.array(activations),
            "one": lambda: mean_and_deviation(snapshot, ONE),
            "ten": lambda: mean_and_deviation(snapshot, TEN),
        },
        repeats=7,
    )
    copy = times["copy"]
    line("100,000 instances: a plain copy of the array", copy)
    line("  one subset, half of the rows", times["one"], 2, "copies", copy)
    line("  ten subsets at once, each half of the rows", times["ten"], 4, "copies", copy)
    peers = {
        "numpy: one subset, astype(float32).mean, no deviation": lambda: (
            activations[chosen].astype(np.float32).mean(axis=0)
        ),
        "LIT's way: the whole as float32, then a mean and a deviation": lambda: _in_float32(activations, chosen),
    }
    for name, taken in seconds(peers, repeats=1).items():
        line(f"  {name}", taken, reference=copy, unit="copies")
    part = activations[: len(activations) // 100]
    taken = seconds({"json": lambda: json.dumps(part.tolist())}, repeats=1)["json"] * 100
    line("  the projector's way: the whole as JSON (100 times a hundredth)", taken, reference=copy, unit="copies")
    try:
        import pandas
    except ImportError:
        print('  pandas is not installed: pip install -e ".[bench]"')
        return
    label = snapshot.instances.column("label").combine_chunks().indices.to_numpy()
    ten_classes = [Row(expression=f'label == "class {index}"') for index in range(10)]
    of_classes = {
        "  ten classes that share no instance": lambda: mean_and_deviation(snapshot, ten_classes),
        "  pandas: the same, groupby().mean() of float32, no deviation": lambda: (
            pandas.DataFrame(activations.astype(np.float32)).groupby(label).mean()
        ),
    }
    for name, taken in seconds(of_classes, repeats=1).items():
        line(name, taken, reference=copy, unit="copies")


def _in_float32(activations: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    whole = activations.astype(np.float32)
    return whole[chosen].mean(axis=0), whole[chosen].std(axis=0)


def main() -> None:
    with runs(*SIZES) as directories:
        snapshots = [open_run(directory).latest for directory in directories]
        against_a_copy(snapshots[1])
        for rows, name in ((ONE, "one subset"), (TEN, "ten subsets")):
            prefix = PREFIX if len(rows) <= 4 else PREFIX // 2  # as the tab asks
            first = seconds({"first": partial(mean_and_deviation, snapshots[2], rows, prefix)}, repeats=7)["first"]
            line(f"1,000,000 instances: {name}, first answer from {prefix:,}", first, 50)
            answer = {"first": partial(mean_and_deviation, snapshots[2], rows, prefix)}
            line("  its processor time, of all threads", median(in_turns(answer, 9, time.process_time)["first"]), 50)
            exact = [
                seconds({"exact": partial(mean_and_deviation, one, rows)}, repeats=3)["exact"] for one in snapshots
            ]
            line(f"1,000,000 instances: {name}, exact", exact[2], 2500)
            growth = " ".join(f"{size:,}: {taken * 1e9 / size:,.0f}" for size, taken in zip(SIZES, exact, strict=True))
            print(f"  growth, nanoseconds per instance: {growth}")


if __name__ == "__main__":
    main()
