"""1,000 hostile Parquet files; more are `python -m tests.hostile.hunt parquet --inputs 100000`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.trials import Fault, hunt

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_hostile_tables_are_read_or_refused() -> None:
    command = [sys.executable, "-m", "tests.hostile.hunt", "parquet", "--inputs", "1000"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1,000 inputs" in done.stdout
    assert "no fault" in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_faults_and_processes_that_end_are_counted(capfd: pytest.CaptureFixture[str]) -> None:
    """What finds faults has to find those that are there."""

    def prepared(number: int) -> str:
        if number == 3:
            raise Fault("the third is wrong")
        if number == 5:
            os.kill(os.getpid(), 11)
        return "fine"

    assert hunt(8, 0, 0, None, lambda directory: lambda number: lambda: prepared(number)) == 1
    out = capfd.readouterr()
    assert "8 inputs" in out.out
    assert "2 faults" in out.out
    assert "input 3 of seed 0: Fault: the third is wrong" in out.err
    assert "input 5 of seed 0 ended the process by signal 11" in out.err
