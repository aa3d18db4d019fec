"""Tries many inputs of a fuzzer in this process, each with its own random numbers, and reports those at fault."""

import random
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

#: Tries one input, made with these random numbers; raises what is wrong.
TryOne = Callable[[random.Random], None]


def try_all(
    kind: str, inputs: int, seed: int, first: int, only: int | None, start: Callable[[Path], TryOne], *, unit: str
) -> int:
    """Tries so many inputs beginning with `first`, or only one; prints what was wrong and returns the exit status.

    Args:
        kind: of the fuzzer; with seed and number it determines the random numbers.
        start: called once, with an empty directory.
        unit: what an input is, in the plural, for the summary.
    """
    warnings.simplefilter("error")
    numbers = range(first, first + inputs) if only is None else [only]
    faults, begun = 0, time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
        try_one = start(Path(directory))
        for number in numbers:
            try:
                try_one(random.Random(f"{kind} {seed} {number}"))
            except Exception:
                faults += 1
                print(f"input {number} of seed {seed}", file=sys.stderr)
                traceback.print_exc(limit=-6)
    print(f"{len(numbers):,} {unit} in {time.monotonic() - begun:.0f} s; {faults} faults")
    return 1 if faults else 0
