"""Some interleavings of loggers, threads and interrupts; more are `python -m tests.hostile.hunt threads --inputs 5000`."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
INPUTS = 12


def test_nothing_is_left_changed() -> None:
    command = [sys.executable, "-m", "tests.hostile.hunt", "threads", "--inputs", str(INPUTS)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    tried = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert tried.returncode == 0, tried.stderr
    assert "no fault" in tried.stdout
