"""A share of the fuzzers of requests; `make nightly` tries 100,000 and more."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(("kind", "inputs"), [("http", 1_000), ("declared", 50), ("sequences", 30)])
def test_requests_are_answered_or_refused(kind: str, inputs: int) -> None:
    # In a process of its own: what it took of memory is its own.
    command = [sys.executable, "-m", "tests.hostile.hunt", kind, "--inputs", str(inputs)]
    tried = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    # The status also tells how long the interpreter was held, which is the machine's matter as well.
    assert "; 0 faults" in tried.stdout, tried.stderr
