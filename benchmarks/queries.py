"""What a question to the sample costs, each beside its peer in the same run: python benchmarks/queries.py [instances] [neurons]"""

import sys
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from tensorboard_activis.predicate import compile_expression
from tensorboard_activis.query.statistics import mean_and_std
from tensorboard_activis.query.projection import pca
from tensorboard_activis.query.sorting import Sort, order


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The shortest of a few runs."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def main(instances: int = 100_000, neurons: int = 2_048) -> None:
    """Prints one line per question: its time, and its peer's."""
    generator = np.random.default_rng(0)
    activations = generator.standard_normal((instances, neurons), dtype=np.float32).astype(np.float16)
    one = generator.random((1, instances)) < 0.5
    ten = generator.random((10, instances)) < 0.5
    first = slice(0, 16_384)
    texts = pa.table({"text": [f"how many of the people who ask number {i} are there" for i in range(instances)]})
    predicate = compile_expression('"who" in text', {"text": pa.string()})
    mean, std = generator.normal(size=(2, 16_384)), generator.random((2, 16_384))
    copy = seconds(activations.copy)
    lines = [
        ("plain copy of the array", copy, None),
        ("mean and deviation of one ad-hoc subset", seconds(lambda: mean_and_std(activations, one, finite=True)), copy),
        (
            "  numpy: astype(float32).mean",
            seconds(lambda: activations[one[0]].astype(np.float32).mean(axis=0), 1),
            copy,
        ),
        ("ten ad-hoc subsets", seconds(lambda: mean_and_std(activations, ten, finite=True)), copy),
        (
            "first answer from a prefix, one subset",
            seconds(lambda: mean_and_std(activations[first], one[:, first], finite=True)),
            copy,
        ),
        ("text expression", seconds(lambda: predicate.mask(texts)), None),
        (
            "sort 16,384 neurons by effect size",
            seconds(lambda: order(Sort("difference", 0, 1), mean, std, np.full((2, 16_384), 99))),
            None,
        ),
        ("PCA", seconds(lambda: pca(activations), 1), None),
    ]
    print(f"{instances:,} x {neurons:,}")
    for name, taken, against in lines:
        print(f"{name:<42}{taken * 1000:>10,.1f} ms" + (f"{taken / against:>8.2f} copies" if against else ""))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
