"""How large a failing slice must be to be found, by the errors that the network makes anyway: what chance allows, what is found.

1,000 instances of ten classes with eight columns, as in benchmarks/findings.py; the network is wrong in a share of each class, and
a slice (a value of one column, drawn anew) has a share of its labels wrong besides. Three readers of the same data:

- oracle: it knows the slice, tests it alone (exact, within the label, p <= .05) and asks for no more;
- best of all: the statistic of the slice beats the largest of all candidates in 95 % of shuffles, which no search over these
  candidates can do without and keep its error rate;
- found: `failing-slice` as it is, which lists this slice first.

Usage: python benchmarks/findings_power.py [--trials N] [--rates .05 .1 .22] [--wrong .35 .2] [--sizes 24 50 100 200]
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tensorboard_activis.query.findings.conditions import conditions
from tensorboard_activis.query.findings.scan import LEVEL, Scan
from tensorboard_activis.query.findings.slices import best_failing

N, CLASSES, DRAWS = 1_000, 10, 199


def made(random: np.random.Generator, rate: float, wrong: float, size: int) -> tuple[np.ndarray, ...]:
    """Labels, errors, and which instances are in the slice."""
    labels = random.integers(0, CLASSES, N)
    rates = np.clip(rate * random.uniform(0.4, 1.6, CLASSES), 0, 1)
    inside = np.isin(np.arange(N), random.choice(N, size, replace=False))
    return labels, (random.random(N) < rates[labels]) | (inside & (random.random(N) < wrong)), inside


def oracle(random: np.random.Generator, labels: np.ndarray, errors: np.ndarray, inside: np.ndarray) -> bool:
    """Whether the slice by itself has more errors than in 95 % of shuffles within the label."""
    wrong = np.bincount(labels, errors, CLASSES).astype(int)
    n, own = np.bincount(labels, minlength=CLASSES), np.bincount(labels[inside], minlength=CLASSES)
    drawn = random.hypergeometric(wrong, n - wrong, own, (DRAWS, CLASSES)).sum(axis=1)
    return bool((1 + (drawn >= errors[inside].sum()).sum()) / (1 + DRAWS) <= LEVEL)


def measured(seed: int, rate: float, wrong: float, size: int) -> tuple[bool, bool, bool]:
    """What the three readers say of one data set."""
    random = np.random.default_rng((seed, int(1000 * rate), int(1000 * wrong), size))
    labels, errors, inside = made(random, rate, wrong, size)
    others = random.choice(list("ABCDE"), N)
    table = pa.table(
        {
            "site": np.where(inside, "Z", others),
            "device": random.choice(["x", "y", "z"], N),
            "batch": random.choice(list("KLMNOPQRST"), N),
            "flag": random.random(N) < 0.3,
            **{name: random.normal(size=N) for name in ("age", "gain", "ink", "contrast")},
            "label": pa.array([f"{label}" for label in labels]),
        }
    )
    conds = conditions(table, np.ones(N, bool))
    alone = np.array([one.column != "label" for one in conds.conditions])
    scan = Scan(conds.members, alone, labels, errors)
    place = next(index for index, one in enumerate(conds.conditions) if one.shown == "site = Z")
    best = best_failing(scan)
    return (
        oracle(random, labels, errors, inside),
        scan.p(scan.single(place).statistic) <= LEVEL,
        best is not None and best[0].conditions == (place,),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.05, 0.1, 0.22])
    parser.add_argument("--wrong", type=float, nargs="+", default=[0.35, 0.2])
    parser.add_argument("--sizes", type=int, nargs="+", default=[24, 50, 75, 100, 150, 217])
    options = parser.parse_args()
    print("errors  more wrong  size  oracle  best of all  found")
    for rate in options.rates:
        for wrong in options.wrong:
            for size in options.sizes:
                found = np.mean([measured(seed, rate, wrong, size) for seed in range(options.trials)], axis=0)
                shown = "  ".join(f"{100 * one:5.0f} %" for one in found)
                print(f"{100 * rate:4.0f} %  {100 * wrong:8.0f} %  {size:4}  {shown}", flush=True)


if __name__ == "__main__":
    main()
