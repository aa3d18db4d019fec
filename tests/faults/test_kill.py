"""Processes that are killed while they log lose at most the snapshot in flight; the next one goes on in their place.

The short version: 200 kills with PyTorch and Keras are `python -m tests.faults.kill`.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.leftovers import leftovers
from tests.faults.board import steps_by_loader
from tests.faults.kill import ROOT, kill_in_a_row, victims_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")


def test_what_was_announced_survives_the_process(tmp_path: Path) -> None:
    with victims_of("recorder") as victims:
        figures = kill_in_a_row(victims, tmp_path / "run", 10, random.Random(1))
    assert figures.kills == 10
    assert figures.announced > 0


#: Logs steps, and is killed when it has written so many bytes of the event of the last one.
SCRIPT = """
import os, signal, sys
from pathlib import Path
from tensorboard_activis.write import events
from tests.faults import victim
log_dir, room, *steps = sys.argv[1:]
snapshot = victim.log_with_recorder(Path(log_dir), 7)
written = events._write
def torn(file, content):
    written(file, content[:int(room)])
    os.kill(os.getpid(), signal.SIGKILL)
for step in map(int, steps):
    if room and step == int(steps[-1]):
        events._write = torn
    snapshot(step)
"""


def logged(log_dir: Path, room: str, *steps: int) -> None:
    command = [sys.executable, "-c", SCRIPT, str(log_dir), room, *map(str, steps)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == (-9 if room else 0), done.stderr


@pytest.mark.parametrize("room", ["0", "90", "20000"])
def test_a_session_that_is_killed_in_its_first_event_supersedes_nothing(tmp_path: Path, room: str) -> None:
    """Not even when the record of its start, which makes TensorBoard forget later steps, was written."""
    run = tmp_path / "run"
    logged(run, "", 1, 2, 3)
    logged(run, room, 2)
    assert steps_by_loader(tmp_path, "run", {1, 2, 3}) == {"Python's loader": [1, 2, 3], "RustBoard": [1, 2, 3]}
    begun, arrays = leftovers(run / "activis")
    assert begun.name.startswith(".events-")
    assert arrays.name.startswith("step-0000000002-")
    logged(run, "", 2)
    assert leftovers(run / "activis") == []
    assert steps_by_loader(tmp_path, "run", {1, 2}) == {"Python's loader": [1, 2], "RustBoard": [1, 2]}
    assert check_directory(run / "activis").problems == []


def test_half_a_later_event_costs_one_snapshot(tmp_path: Path) -> None:
    run = tmp_path / "run"
    logged(run, "5000", 1, 2, 3)
    assert steps_by_loader(tmp_path, "run", {1, 2}) == {"Python's loader": [1, 2], "RustBoard": [1, 2]}
    (problem,) = check_directory(run / "activis").problems
    assert problem.wrong == "ends in the middle of a record (5,000 bytes)."
    assert [path.name[:15] for path in leftovers(run / "activis")] == ["step-0000000003"]
    logged(run, "", 3, 4)
    assert steps_by_loader(tmp_path, "run", {1, 2, 3, 4}) == {
        "Python's loader": [1, 2, 3, 4],
        "RustBoard": [1, 2, 3, 4],
    }
