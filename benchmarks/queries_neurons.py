"""One neuron of 1,000,000 x 2,048 (histograms, top instances, AUC per class), and 16,384 neurons sorted by effect size.

Usage: python benchmarks/queries_neurons.py
"""

import sys
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._synthetic import LAYER, NEURONS, runs
from benchmarks._timing import line, seconds
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.matrix.sorting import Sort, order
from tensorboard_activis.query.neurons.neuron import NeuronDetail, neuron
from tensorboard_activis.read.run import open_run

INSTANCES = 1_000_000
ROWS = [Row(subset="all"), Row(subset="class 3"), Row(expression="score < 0.5"), Row(expression='"who" in text')]


def main() -> None:
    with runs(INSTANCES) as (directory,):
        snapshot = open_run(directory).latest
        numbers = count()

        def detail(prefix: int | None) -> NeuronDetail:
            return neuron(snapshot, LAYER, next(numbers) * 37 % NEURONS, ROWS, prefix)

        times = seconds({"first": partial(detail, 16_384), "exact": partial(detail, None)})
        line("one neuron and four rows, first answer from 16,384", times["first"], 50)
        line("the same, exact", times["exact"], 1_000)
        activations = snapshot.activations(LAYER)
        column = seconds({"column": lambda: np.sort(activations[:, next(numbers) * 37 % NEURONS])}, repeats=3)
        line("  numpy: the neuron's values read and sorted, nothing else", column["column"])
    random = np.random.default_rng(0)
    mean, std = random.normal(size=(2, 16_384)), random.random((2, 16_384)) + 0.1
    counts = np.broadcast_to(np.array([[5_000], [7_000]]), mean.shape)
    rules = {
        name: partial(order, Sort(name, 0, 1), mean, std.__getitem__, counts)
        for name in ("difference", "row", "strongest")
    }
    for name, taken in seconds(rules).items():
        line(f"16,384 neurons sorted by {name}, beyond the means", taken, 20)


if __name__ == "__main__":
    main()
