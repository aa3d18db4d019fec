"""A log directory that others may write to: what they put there under our names is neither followed nor written to."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tensorboard_activis import metadata
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.check.command import run_check
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.read.run import open_run
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.events import EventWriter
from tensorboard_activis.write.instances import InstanceWriter
from tests.records import small_data, small_graph, small_layers, write_run

Link = Callable[[Path, Path], None]
PRECIOUS = b"somebody's work"


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file elsewhere that nobody may change."""
    path = tmp_path / "elsewhere"
    path.write_bytes(PRECIOUS)
    path.chmod(0o640)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "activis").mkdir(parents=True)
    return tmp_path / "run"


def assert_untouched(precious: Path) -> None:
    assert precious.read_bytes() == PRECIOUS
    assert stat.S_IMODE(precious.stat().st_mode) == 0o640


def table_and_name(directory: Path) -> tuple[pa.Table, str]:
    """A table, and the name under which it is written."""
    table = pa.table({"id": [3, 1, 2]})
    directory.mkdir()
    return table, InstanceWriter(directory).write(table)


LINKS = pytest.mark.parametrize("link", [os.symlink, os.link], ids=["link", "hard link"])


@LINKS
def test_a_table_replaces_what_is_planted_under_its_name(tmp_path: Path, run: Path, precious: Path, link: Link) -> None:
    table, name = table_and_name(tmp_path / "first")
    activis = run / "activis"
    link(precious, activis / name)
    link(precious, activis / f".{name}.partial")
    assert InstanceWriter(activis).write(table) == name
    assert not (activis / name).is_symlink()
    assert (activis / name).read_bytes() == (tmp_path / "first" / name).read_bytes()
    assert_untouched(precious)


def test_a_table_that_was_damaged_is_written_again(tmp_path: Path) -> None:
    table, name = table_and_name(tmp_path / "run")
    path = tmp_path / "run" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    InstanceWriter(tmp_path / "run").write(table)
    assert path.read_bytes() == whole
    before = path.stat().st_ino
    InstanceWriter(tmp_path / "run").write(table)
    assert path.stat().st_ino == before


@LINKS
def test_a_snapshots_file_replaces_what_is_planted(run: Path, precious: Path, link: Link) -> None:
    activis = run / "activis"
    writer = ArrayWriter(activis, 1, "s")
    writer.hold("a", np.arange(5.0))
    link(precious, activis / writer.name)
    link(precious, activis / f".{writer.name}.partial")
    writer.close()
    assert not (activis / writer.name).is_symlink()
    assert (activis / writer.name).stat().st_size > 40
    assert_untouched(precious)


@LINKS
def test_an_event_file_replaces_what_is_planted(run: Path, precious: Path, link: Link) -> None:
    activis = run / "activis"
    writer = EventWriter(activis, "s")
    first = Path(str(writer.path))
    link(precious, first)
    link(precious, activis / ".events-s.partial")
    writer.write_blob(metadata.SNAPSHOT_TAG, 1, b"blob", 1.0)
    writer.close()
    assert writer.path != first
    assert b"blob" in Path(str(writer.path)).read_bytes()
    assert_untouched(precious)


@pytest.mark.parametrize("opened", [False, True])
@LINKS
def test_an_event_file_that_is_exchanged_is_not_written_to(run: Path, precious: Path, link: Link, opened: bool) -> None:
    writer = EventWriter(run / "activis", "s")
    for step in range(1 + opened):
        writer.write_blob(metadata.SNAPSHOT_TAG, step, b"blob", 1.0)
    first = Path(str(writer.path))
    first.unlink()
    link(precious, first)
    writer.write_blob(metadata.SNAPSHOT_TAG, 5, b"later", 2.0)
    writer.close()
    assert writer.path != first
    assert b"later" in Path(str(writer.path)).read_bytes()
    assert_untouched(precious)


def test_names_of_what_is_begun_cannot_be_foreseen() -> None:
    for make, name in ((metadata.partial_name, "instances-0123abcd.parquet"), (metadata.partial_events_name, "0123")):
        names = {make(name) for _ in range(100)}
        assert len(names) == 100
        assert all(metadata.is_partial_name(one) for one in names)
    assert metadata.is_partial_name(".instances-0123abcd.parquet.partial")  # an older version's
    assert not metadata.is_partial_name(".instances-0123abcd.parquet.notes.partial")


def test_a_link_as_lock_is_refused_in_words(run: Path, precious: Path) -> None:
    (run / "activis" / ".lock").symlink_to(precious)
    with pytest.raises(ConfigurationError, match="cannot be written to"):
        RunDirectory(run)
    assert run_check(run) == 0  # nor does `check` follow it
    assert_untouched(precious)


def test_a_hard_link_as_lock_is_not_emptied(run: Path, precious: Path) -> None:
    os.link(precious, run / "activis" / ".lock")
    RunDirectory(run).close()
    assert_untouched(precious)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_as_directory_is_refused_in_words(tmp_path: Path, there: bool) -> None:
    target = tmp_path / "target"
    if there:
        target.mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "activis").symlink_to(target)
    with pytest.raises(ConfigurationError, match="it is a link, and a run is written into a directory of its own"):
        RunDirectory(tmp_path / "run")
    assert not there or list(target.iterdir()) == []


def test_a_directory_that_becomes_a_link_costs_a_snapshot(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    run = tmp_path / "run"
    log = Recorder(run, small_graph(), small_layers())
    data = small_data()
    (run / "activis").rename(run / "before")
    (run / "activis").symlink_to(tmp_path / "target")
    with (
        pytest.warns(ActiVisWarning, match="lost the snapshot of step 1; training goes on.*it is a link"),
        log.guard(1),
        log.snapshot(1) as evaluation,
    ):
        evaluation.add(BatchRecord(data.activations, labels=data.labels, outputs=data.logits))
    log.close()
    assert list((tmp_path / "target").iterdir()) == []


#: Logs a run in a process of its own: the umask is a process's.
LOGGING = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[2], 8))
import tensorboard_activis.write.arrays as arrays
arrays.INLINE_BYTES = 0
from tests.records import small_data, write_run
write_run(Path(sys.argv[1]), small_data(), (1, 2))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="rights are Unix's")
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077, 0o002])
def test_files_are_as_private_as_the_umask_says(tmp_path: Path, umask: int) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-c", LOGGING, str(run), f"{umask:o}"]
    subprocess.run(command, check=True, cwd=Path(__file__).resolve().parents[2])
    files = sorted((run / "activis").iterdir())
    kinds = {re.sub(r"[-.][0-9a-z].*?(\.\w+)?$", r"\1", path.name) or path.name for path in files}
    assert len(kinds) >= 4, kinds  # events, arrays, instances, lock
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in files} == {
        path.name: oct(0o666 & ~umask) for path in files
    }
    for directory in (run, run / "activis"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o777 & ~umask
    assert open_run(run).steps == [1, 2]


@pytest.mark.parametrize("planted", ["{}", ".{}.partial"])
def test_a_run_is_written_beside_links_under_every_name_that_can_be_foreseen(
    tmp_path: Path, precious: Path, planted: str
) -> None:
    """As before, with the names that an earlier run of the same data used."""
    write_run(tmp_path / "before", small_data(), (1,))
    run = tmp_path / "run" / "activis"
    run.mkdir(parents=True)
    for path in (tmp_path / "before" / "activis").iterdir():
        if path.name != ".lock":
            (run / planted.format(path.name)).symlink_to(precious)
    write_run(tmp_path / "run", small_data(), (1, 2))
    assert_untouched(precious)
    written = open_run(tmp_path / "run")
    assert written.steps == [1, 2]
    assert written.latest.instances.equals(open_run(tmp_path / "before").latest.instances)
