"""What can go wrong with the disk under a logger: one clear warning each, training goes on, later snapshots work again.

In processes of their own, which may lose rights, room and their directory for good. Where the system lets us, with a real file
system that is full or read-only; otherwise the test says that it was left out.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.leftovers import leftovers
from tensorboard_activis.read.run import open_run
from tests.faults.board import steps_by_loader
from tests.faults.mounts import mounted, needs_linux
from tests.faults.victim import INSTANCES, activations

ROOT = Path(__file__).resolve().parent.parent.parent
SEED = 11

#: Logs step 1, brings the fault about, logs 2 and 3, takes the fault away, logs 4; prints the warnings of every step.
SCRIPT = """
import json, os, shutil, subprocess, sys, warnings
from pathlib import Path
import tensorboard_activis.capture.recorder  # now: once it has lost its rights, the process may not read all modules
from tests.faults import victim
log_dir = Path(sys.argv[1])

{before}
snapshot = victim.FACES["{face}"](log_dir, {seed}, strict=False)
said = {{}}
def log(step):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        snapshot(step)
    said[step] = [str(warning.message) for warning in caught]
log(1)
{fault}
log(2)
log(3)
{remedy}
log(4)
print(json.dumps(said))
"""


def logged_through(
    log_dir: Path, fault: str, remedy: str, before: str = "", face: str = "recorder"
) -> dict[str, list[str]]:
    """The warnings of every step."""
    script = SCRIPT.format(face=face, seed=SEED, before=before, fault=fault, remedy=remedy)
    done = subprocess.run(
        [sys.executable, "-c", script, str(log_dir)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, list[str]] = json.loads(done.stdout)
    return said


def assert_lost_once(said: dict[str, list[str]], cause: str) -> None:
    assert said["1"] == said["3"] == said["4"] == []
    (warning,) = said["2"]
    assert warning.startswith("ActiVis lost the snapshot of step 2; training goes on. ")
    assert cause in warning


def assert_said_once(said: dict[str, list[str]], what: str) -> None:
    assert said["1"] == said["3"] == said["4"] == []
    (warning,) = said["2"]
    assert what in warning


def assert_right(log_dir: Path, steps: list[int]) -> None:
    """These steps are there, complete and right, and nothing is left over."""
    run = open_run(log_dir)
    assert (run.steps, run.problems) == (steps, ())
    for step in steps:
        snapshot = run.snapshot(step)
        rows = np.array(snapshot.instances["id"].to_pylist())
        assert sorted(rows) == list(range(INSTANCES))
        for layer, expected in zip(snapshot.layers, activations(SEED, step), strict=True):
            np.testing.assert_allclose(snapshot.activations(layer), expected[rows], rtol=2e-3, atol=2e-3)
    assert check_directory(log_dir / "activis").problems == []
    assert leftovers(log_dir / "activis") == []


@needs_linux
@pytest.mark.parametrize(
    "room", ["0", "30_000", "next((log_dir / 'activis').glob('step-*')).stat().st_blocks * 512 + 12_288"]
)
def test_a_disk_that_is_full(room: str) -> None:
    """Full at once, full in the middle of the file of arrays, full in the middle of the event."""
    fault = f"""
free = os.statvfs(log_dir.parent)
(log_dir.parent / "filler").write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - {room})))
"""
    with mounted("size=4m") as disk:
        said = logged_through(disk / "run", fault, '(log_dir.parent / "filler").unlink()')
        assert_lost_once(said, "No space left on device")
        assert_right(disk / "run", [1, 4])


@needs_linux
@pytest.mark.parametrize("face", ["torch", "keras"])
def test_a_disk_that_is_full_under_a_callback(face: str) -> None:
    """The same cause, whichever the framework; what Keras and PyTorch themselves say of it is nothing."""
    fault = """
free = os.statvfs(log_dir.parent)
(log_dir.parent / "filler").write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - 30_000)))
"""
    with mounted("size=4m") as disk:
        said = logged_through(disk / "run", fault, '(log_dir.parent / "filler").unlink()', face=face)
        assert_lost_once(said, "No space left on device")
        assert_right(disk / "run", [1, 4])


def test_a_quota_that_is_said_when_files_are_synced(tmp_path: Path) -> None:
    """As network file systems do it: writing itself meets no fault."""
    fault = """
import errno
synced = os.fsync
def refused(descriptor):
    raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
os.fsync = refused
"""
    said = logged_through(tmp_path / "run", fault, "os.fsync = synced")
    assert_lost_once(said, "Disk quota exceeded")
    assert_right(tmp_path / "run", [1, 4])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits are Unix's")
def test_a_quota_of_the_process(tmp_path: Path) -> None:
    """As a quota does it: the file may grow to some size, which the event file reaches in the middle of a record."""
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, ({}, resource.RLIM_INFINITY))"
    fault = "import resource\n" + limit.format("next((log_dir / 'activis').glob('*tfevents*')).stat().st_size + 10_000")
    said = logged_through(tmp_path / "run", fault, limit.format("resource.RLIM_INFINITY"))
    assert_lost_once(said, "File too large")
    assert_right(tmp_path / "run", [1, 4])


@needs_linux
def test_a_file_system_that_is_mounted_anew_for_reading_only() -> None:
    # A disk that fails is mounted so by the kernel, whatever is open on it; `mount` refuses while a file is open for writing.
    closed = """
import gc
from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.write.events import EventWriter
for one in gc.get_objects():
    if type(one) in (EventWriter, RunDirectory):
        one.close()
"""
    remount = 'subprocess.run(["mount", "-o", "remount,{}", str(log_dir.parent)], check=True)'
    with mounted("size=4m") as disk:
        said = logged_through(disk / "run", closed + remount.format("ro"), remount.format("rw"))
        assert_lost_once(said, "Read-only file system")
        assert_right(disk / "run", [1, 4])


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="rights are Unix's")
def test_rights_that_are_lost() -> None:
    """Root may write anywhere, so the process becomes nobody first."""
    with tempfile.TemporaryDirectory() as name:
        parent = Path(name)
        parent.chmod(0o777)
        said = logged_through(
            parent / "run",
            fault='os.chmod(log_dir / "activis", 0o500)',
            remedy='os.chmod(log_dir / "activis", 0o700)',
            before="if os.geteuid() == 0:\n    os.setgid(65534); os.setuid(65534)",
        )
        assert_lost_once(said, "Permission denied")
        assert_right(parent / "run", [1, 4])


@pytest.mark.parametrize("what", ["log_dir", "log_dir / 'activis'"])
def test_a_directory_that_is_deleted_costs_what_was_in_it(tmp_path: Path, what: str) -> None:
    said = logged_through(tmp_path / "run", f"shutil.rmtree({what})", "")
    assert_said_once(said, "was deleted or moved while it was logged to")
    assert_right(tmp_path / "run", [2, 3, 4])


def test_an_event_file_that_is_deleted_costs_what_was_in_it(tmp_path: Path) -> None:
    """What an earlier session logged stays, and is superseded as before, under TensorBoard's loaders as well."""
    logged_through(tmp_path / "run", "", "")
    fault = "max((log_dir / 'activis').glob('*tfevents*')).unlink()"
    said = logged_through(tmp_path / "run", fault, "")
    assert_said_once(said, "was deleted or moved while it was logged to, or what was in it")
    shown = steps_by_loader(tmp_path, "run", {1, 2, 3, 4})
    assert shown == {"Python's loader": [1, 2, 3, 4], "RustBoard": [1, 2, 3, 4]}
    first, second = (open_run(tmp_path / "run").snapshot(step).record for step in (1, 2))
    assert first.session < second.session


def test_a_file_in_the_place_of_the_directory(tmp_path: Path) -> None:
    said = logged_through(tmp_path / "run", 'shutil.rmtree(log_dir); log_dir.write_text("")', "log_dir.unlink()")
    (warning,) = said.pop("4")
    assert "was deleted or moved while it was logged to" in warning
    assert_lost_once(said | {"4": []}, "Not a directory")
    assert_right(tmp_path / "run", [4])


def test_a_directory_that_is_renamed_goes_on_under_the_old_name(tmp_path: Path) -> None:
    said = logged_through(tmp_path / "run", 'log_dir.rename(log_dir.with_name("renamed"))', "")
    assert_said_once(said, "was deleted or moved while it was logged to")
    assert_right(tmp_path / "renamed", [1])
    assert_right(tmp_path / "run", [2, 3, 4])


def test_a_clock_that_is_set_back(tmp_path: Path) -> None:
    """A new process starts an hour earlier than the one before it ended; what it logs counts as the newer all the same."""
    logged_through(tmp_path / "run", "", "")
    before = "import time\nreal = time.time\ntime.time = lambda: real() - 3600\n"
    again = SCRIPT.format(face="recorder", seed=SEED + 1, before=before, fault="", remedy="").replace(
        f'snapshot = victim.FACES["recorder"](log_dir, {SEED + 1}, strict=False)',
        "with warnings.catch_warnings(record=True) as caught:\n    warnings.simplefilter('always')\n"
        f"    snapshot = victim.log_with_recorder(log_dir, {SEED + 1}, strict=False)\n"
        "said = {0: [str(one.message) for one in caught]}",
    )
    again = again.replace("\nsaid = {}\n", "\n").replace("log(4)\n", "")
    done = subprocess.run(
        [sys.executable, "-c", again, str(tmp_path / "run")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    (warning,) = said["0"]
    assert warning.startswith("ActiVis: the clock was set back. It says ")
    assert said["1"] == said["2"] == said["3"] == []
    run = open_run(tmp_path / "run")
    assert run.steps == [1, 2, 3]
    rows = np.array(run.snapshot(2).instances["id"].to_pylist())
    expected = activations(SEED + 1, 2)[1][rows]
    np.testing.assert_allclose(run.snapshot(2).activations("head"), expected, rtol=2e-3, atol=2e-3)
    files = sorted((tmp_path / "run" / "activis").glob("*tfevents*"))
    assert len(files) == 2
    assert b"activis/snapshot" in files[1].read_bytes()
