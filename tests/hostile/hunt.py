"""Runs one of the structure-aware fuzzers.

    python -m tests.hostile.hunt parquet --inputs 100000            # input n of seed s is the same everywhere
    python -m tests.hostile.hunt parquet --seed 3 --only 17         # one of them, with its traceback

Every kind is a module with `main(inputs, seed, first, only)`, which tries that many inputs beginning with number `first`, or just
the one with number `only`, prints what it found, and returns the exit status: 0 if there was no fault.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

#: Kind of input -> its module.
KINDS: dict[str, str] = {
    "http": "tests.hostile.http_hunt",
    "parquet": "tests.hostile.parquet_hunt",
    "logging": "tests.hostile.logging_hunt",
    "declared": "tests.hostile.declared_hunt",
    "sequences": "tests.hostile.sequences_hunt",
    "threads": "tests.hostile.thread_hunt",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, metavar="N")
    parser.add_argument("--only", type=int, metavar="N")
    options = parser.parse_args(arguments)
    status: int = importlib.import_module(KINDS[options.kind]).main(
        options.inputs, options.seed, options.first, options.only
    )
    return status


if __name__ == "__main__":
    sys.exit(main())
