"""Fuzzes the HTTP routes: one request after another, each asked twice, which must give the same answer."""

import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from tests.hostile.board import Board
from tests.hostile.requests import request


def main(inputs: int, seed: int, first: int, only: int | None) -> int:
    """Tries the requests of these numbers; returns 1 if there was a fault."""
    warnings.simplefilter("error")
    os.environ["TENSORBOARD_ACTIVIS_CACHE"] = ""
    numbers = range(first, first + inputs) if only is None else [only]
    faults, begun = 0, time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
        board = Board(Path(directory))
        for number in numbers:
            one = request(random.Random(f"http {seed} {number}"))
            try:
                answers = {board.ask(one).get_data() for _ in range(2)}
                assert len(answers) == 1, "two different answers to the same request"
            except Exception:
                faults += 1
                print(f"input {number} of seed {seed}: {one!r:.600}", file=sys.stderr)
                traceback.print_exc(limit=-4)
    print(f"{len(numbers):,} requests in {time.monotonic() - begun:.0f} s; {faults} faults")
    return 1 if faults else 0
