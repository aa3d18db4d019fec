"""Leftovers of killed processes are told apart from everything that somebody may still need."""

from pathlib import Path

import pytest

from tensorboard_activis.leftovers import leftovers, remove_leftovers
from tensorboard_activis.read.run import open_run
from tests.records import small_data, write_run

STEP = "step-0000000009-0123abcd.safetensors"
TABLE = "instances-0123456789abcdef.parquet"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of two snapshots with large arrays, beside it what a killed process left and what is somebody else's."""
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    write_run(tmp_path, small_data(), (1, 2))
    directory = tmp_path / "activis"
    for name in (STEP, TABLE, f".{STEP}.partial", f".{TABLE}.partial", "notes.txt", ".notes.txt.partial", "x.parquet"):
        (directory / name).write_bytes(b"left")
    (directory / "step-0000000008-0123abcd.safetensors").symlink_to(directory / "notes.txt")
    (directory / "step-0000000007-0123abcd.safetensors").mkdir()
    return directory


def names(paths: list[Path]) -> set[str]:
    return {path.name for path in paths}


def test_what_no_event_names_is_left_over(directory: Path) -> None:
    before = {path.name for path in directory.iterdir()}
    expected = {STEP, TABLE, f".{STEP}.partial", f".{TABLE}.partial"}
    assert names(leftovers(directory)) == expected
    assert names(remove_leftovers(directory)) == expected
    assert {path.name for path in directory.iterdir()} == before - expected
    run = open_run(directory)
    assert run.steps == [1, 2]
    for snapshot in (run.snapshot(1), run.snapshot(2)):
        assert snapshot.activations("head").shape == (17, 3)
        assert snapshot.instances.num_rows == 17


def test_half_a_record_announces_nothing(directory: Path) -> None:
    events = next(directory.glob("*tfevents*"))
    content = events.read_bytes()
    events.write_bytes(content[:-9])
    second = {path.name for path in directory.glob("step-0000000002-*")}
    assert len(second) == 1
    assert names(leftovers(directory)) == second | {STEP, TABLE, f".{STEP}.partial", f".{TABLE}.partial"}


def test_where_an_event_cannot_be_read_nothing_finished_is_left_over(directory: Path) -> None:
    events = next(directory.glob("*tfevents*"))
    content = bytearray(events.read_bytes())
    content[-20] ^= 1
    events.write_bytes(content)
    assert names(leftovers(directory)) == {f".{STEP}.partial", f".{TABLE}.partial"}


def test_files_of_a_newer_format_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.metadata.FORMAT_VERSION", 2)
    write_run(tmp_path, small_data())
    monkeypatch.undo()
    (tmp_path / "activis" / STEP).write_bytes(b"")
    assert leftovers(tmp_path / "activis") == []


def test_superseded_snapshots_are_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    write_run(tmp_path, small_data(), (1, 2, 3))
    write_run(tmp_path, small_data(), (2,))
    assert leftovers(tmp_path / "activis") == []
    assert len(list((tmp_path / "activis").glob("step-*"))) == 4


def test_a_directory_that_is_gone_is_nobodys_fault(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path / "gone") == []
