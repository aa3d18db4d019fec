"""A log directory in a store whose every request takes 50 ms: what a first picture costs, and how many requests it is.

Run: python -m benchmarks.object_stores [--seconds 0.05]

In a process of its own for each line (`tests/stores/serving.py`): two runs are logged, then a new plugin answers what the tab
asks for first: the runs, the graph, the matrix of the newest step with a subset and an expression, and the table. TensorBoard's own
reading of the event files is not in it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from tensorboard_activis.private_cache import VARIABLE


def measure(seconds: float, steps: int) -> dict[str, Any]:
    """What the process prints."""
    command = [sys.executable, "-m", "tests.stores.serving", "slow://bucket/runs"]
    command += ["--seconds", str(seconds), "--steps", str(steps), "--others", "200"]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, VARIABLE: cache}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(seconds: float) -> None:
    """Prints the table."""
    print("| steps per run | each request takes | requests | MB | runs listed | first picture |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for steps in (3, 100):
        for wire in (0.0, seconds):
            found = measure(wire, steps)
            size, took = found["bytes"] / 1e6, found["seconds"]
            line = f"| {steps} | {wire * 1e3:.0f} ms | {found['requests']} | {size:.2f} "
            print(f"{line}| {took['runs']:.2f} s | {took['picture']:.2f} s |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.05)
    main(parser.parse_args().seconds)
