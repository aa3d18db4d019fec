"""Tries many inputs of a fuzzer in this process, each with its own random numbers, and reports those at fault."""

import gc
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from tests.hostile.watch import HELD, HeldError

#: Tries one input, made with these random numbers; raises what is wrong.
TryOne = Callable[[random.Random], None]
_MOST_FAULTS = 20
#: What held the interpreter is tried so many times.
_TRIES = 3


def try_all(
    kind: str, inputs: int, seed: int, first: int, only: int | None, start: Callable[[Path], TryOne], *, unit: str
) -> int:
    """Tries so many inputs beginning with `first`, or only one; prints what was wrong and returns the exit status.

    Inputs that held the interpreter for too long are reported beside the faults: how long something takes depends on the machine.
    After 20 faults the rest is not tried.

    Args:
        kind: of the fuzzer; with seed and number it determines the random numbers.
        start: called once, with an empty directory.
        unit: what an input is, in the plural, for the summary.
    """
    warnings.simplefilter("error")
    numbers = range(first, first + inputs) if only is None else [only]
    tried, faults, held, begun = 0, 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
        try_one = start(Path(directory))
        gc.collect()
        gc.freeze()  # collecting the objects of all the libraries that tests import would hold the interpreter as well
        for number in numbers:
            tried += 1
            try:
                problems = _held(lambda number=number: try_one(random.Random(f"{kind} {seed} {number}")))  # type: ignore[misc]
            except Exception:
                faults += 1
                print(f"input {number} of seed {seed}", file=sys.stderr)
                traceback.print_exc(limit=-6)
            else:
                held += len(problems) == _TRIES
                for problem in problems:
                    print(f"input {number} of seed {seed}: {problem}", file=sys.stderr)
            if faults >= _MOST_FAULTS:
                break
    print(
        f"{tried:,} {unit} in {time.monotonic() - begun:.0f} s; {faults} faults; "
        f"{held} held the interpreter for more than {1000 * HELD:.0f} ms in each of {_TRIES} tries"
    )
    return 1 if faults or held else 0


def _held(try_one: Callable[[], None]) -> list[str]:
    """Tries an input until it does not hold the interpreter, or three times; says what was wrong each time."""
    problems: list[str] = []
    for _ in range(_TRIES):
        try:
            try_one()
        except HeldError as error:
            problems.append("; ".join([str(error), *getattr(error, "__notes__", [])]))
        else:
            break
    return problems
