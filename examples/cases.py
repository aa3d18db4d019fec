"""What case studies in docs/cases have in common: variants of a model are trained with several seeds and compared.

A program beside this file, such as digits_writers.py, gives the model and its data.
"""

import argparse
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch

from tensorboard_activis import open_run

#: Trains a variant with a seed and logs to a directory, where there is one; returns figures by name: shares, or losses where the
#: name ends in ", nats".
Train = Callable[[str, int, Path | None], Mapping[str, float]]


def arguments(documentation: str, logs: str) -> argparse.ArgumentParser:
    """The arguments of every case: where to log, how many seeds and, for a test, little data."""
    torch.set_num_threads(1)  # on other numbers of cores sums are rounded otherwise, and lead to another network
    parser = argparse.ArgumentParser(description=documentation.splitlines()[0])
    parser.add_argument("--log-dir", type=Path, default=Path(logs))
    parser.add_argument("--seeds", type=int, default=3, help="how often each variant is trained")
    parser.add_argument("--small", action="store_true", help="little data and training, to try the program")
    return parser


def compare(train: Train, variants: Sequence[str], seeds: Iterable[int], log_dir: Path) -> None:
    """Trains each variant with each seed, and prints the figures of each and what was found in the first one logged.

    The first seed of each variant is logged, as a run of that name.
    """
    figures: dict[str, list[Mapping[str, float]]] = {}
    for variant in variants:
        for place, seed in enumerate(seeds):
            figures.setdefault(variant, []).append(train(variant, seed, None if place else log_dir / variant))
    for variant in variants:
        print_findings(variant, log_dir / variant)
    for name in figures[variants[0]][0]:
        print(f"{name}:")
        for variant in variants:
            print(f"  {variant}: {described([one[name] for one in figures[variant]], nats=name.endswith(', nats'))}")


def described(values: Sequence[float], *, nats: bool) -> str:
    """Mean, standard deviation and values of a figure, in percent or in nats."""
    factor, digits, unit = (1, 3, "nats") if nats else (100, 1, "%")
    values = [factor * value for value in values]
    spread = statistics.stdev(values) if len(values) > 1 else 0
    shown = ", ".join(f"{value:.{digits}f}" for value in values)
    return f"{statistics.mean(values):.{digits}f} {unit} ± {spread:.{digits}f} ({shown})"


def print_findings(name: str, log_dir: Path) -> None:
    """Prints what the tool says of a run, as `tensorboard-activis report` does, without concepts."""
    findings = open_run(log_dir).findings()
    print(f"findings of {name}:")
    for one in findings:
        if one.kind != "concept":
            print(f"  {one.kind}: {one.sentence}")
