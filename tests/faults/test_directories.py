"""Whose directory it is, and what is in it, when runs are copied, moved, renamed and resumed, by processes one after the other."""

import gc
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.capture.isolation.forks import keep_from_children
from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.read.run import open_run
from tests.faults.board import steps_by_loader
from tests.faults.kill import ROOT
from tests.faults.victim import activations

LOG = """
import sys
from pathlib import Path
from tests.faults import victim
snapshot = victim.log_with_recorder(Path(sys.argv[1]), int(sys.argv[2]))
for step in map(int, sys.argv[3:]):
    snapshot(step)
"""
#: Holds a directory and starts a process of its own, as a DataLoader does, that outlives it.
HOLD = """
import os, sys, time
from tensorboard_activis.capture.isolation.forks import keep_from_children
from tensorboard_activis.capture.run_directory import RunDirectory
held = RunDirectory(sys.argv[1])
if not os.fork():
    print(os.getpid(), flush=True)  # after it has let go of what it must not hold
time.sleep(60)
"""


def logged(log_dir: Path, seed: int, *steps: int) -> None:
    command = [sys.executable, "-c", LOG, str(log_dir), str(seed), *map(str, steps)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def assert_shown(log_dir: Path, seeds: dict[int, int]) -> None:
    """These steps are there, each as its seed demands, in Python and under both of TensorBoard's loaders."""
    run = open_run(log_dir)
    assert (run.steps, run.problems) == (sorted(seeds), ())
    for step, seed in seeds.items():
        snapshot = run.snapshot(step)
        rows = np.array(snapshot.instances["id"].to_pylist())
        expected = activations(seed, step)[0][rows]
        np.testing.assert_allclose(snapshot.activations("stem"), expected, rtol=2e-3, atol=2e-3)
    shown = steps_by_loader(log_dir.parent, log_dir.name, set(seeds))
    assert shown == {"Python's loader": sorted(seeds), "RustBoard": sorted(seeds)}
    assert check_directory(log_dir / "activis").problems == []


def test_a_copy_is_a_run_of_its_own_also_when_it_is_resumed(tmp_path: Path) -> None:
    logged(tmp_path / "run", 1, 1, 2, 3)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    logged(tmp_path / "copy", 2, 2)
    logged(tmp_path / "run", 3, 4)
    assert_shown(tmp_path / "copy", {1: 1, 2: 2})
    assert_shown(tmp_path / "run", {1: 1, 2: 1, 3: 1, 4: 3})


def test_a_run_that_is_moved_and_renamed_goes_on_at_its_new_place(tmp_path: Path) -> None:
    logged(tmp_path / "run", 1, 1, 2)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").rename(tmp_path / "elsewhere" / "renamed")
    logged(tmp_path / "elsewhere" / "renamed", 2, 3)
    logged(tmp_path / "run", 3, 1)
    assert_shown(tmp_path / "elsewhere" / "renamed", {1: 1, 2: 1, 3: 2})
    assert_shown(tmp_path / "run", {1: 3})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_second_process_is_refused_until_the_first_is_gone_whatever_it_started(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    child = int(first.stdout.readline())
    try:
        with pytest.raises(ConfigurationError, match="Another logger is writing to .*/run. Close it first"):
            RunDirectory(tmp_path / "run")
        first.kill()
        first.wait()
        os.kill(child, 0)  # is there
        RunDirectory(tmp_path / "run").close()
    finally:
        first.kill()
        first.stdout.close()
        first.wait()
        os.kill(child, signal.SIGKILL)


def in_a_child(text: str, descriptor: int) -> bytes:
    """What a forked process reads of a file that this one has open."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, os.pread(descriptor, 100, 0) + text.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read, "rb") as found:
        return found.read()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_children_lose_the_lock_and_no_other_file(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_bytes(b"mine")
    other.write_bytes(b"other")
    with mine.open("rb") as a, other.open("rb") as b:
        owner = RunDirectory(tmp_path / "run")
        keep_from_children(owner, mine)
        assert in_a_child("!", a.fileno()) == b"!"
        assert in_a_child("!", b.fileno()) == b"other!"
        owner.close()  # its number may now be another's
        assert in_a_child("!", a.fileno()) == b"mine!"
        owner = RunDirectory(tmp_path / "run")
        keep_from_children(owner, mine)
        del owner
        gc.collect()
        assert in_a_child("!", a.fileno()) == b"mine!"
