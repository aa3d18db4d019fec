"""Ctrl-C from outside of Python, at random times, while loggers are made and log; `test_interrupts.py` chooses the lines."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SIGNALS = 24


def test_signals_at_random_times_leave_nothing_changed() -> None:
    command = [sys.executable, "-m", "tests.torch.signalled", str(SIGNALS), "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    tried = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False, timeout=300)
    assert tried.returncode == 0, tried.stderr
    counts = re.fullmatch(r"(\d+) signals, (\d+) interrupted, (\d+) steps logged\n", tried.stdout)
    assert counts is not None
    signals, interrupted, logged = map(int, counts.groups())
    assert signals >= SIGNALS
    assert interrupted > signals // 2
    assert logged > 0
