"""5,000 hostile inputs; a million are `python -m tests.hostile.fuzz --inputs 1000000`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
INPUTS, PROCESSES = 5_000, 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_hostile_inputs_are_answered_or_refused() -> None:
    each = INPUTS // PROCESSES
    command = [sys.executable, "-m", "tests.hostile.fuzz", "--inputs", str(each), "--first"]
    # In processes of their own: a crash, and what it took of memory, is theirs.
    tried = [
        subprocess.Popen([*command, str(first * each)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
        for first in range(PROCESSES)
    ]
    said = [process.communicate()[0].decode() for process in tried]
    assert [process.returncode for process in tried] == [0] * PROCESSES, "\n".join(said)
    assert all("no fault" in one for one in said)
