"""Snapshots that are held for the next question, and the tables that they hold."""

from pathlib import Path

import pytest

from tensorboard_activis.read.run import Run
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.reader_cache import ReaderCache
from tests.records import small_data, write_run


@pytest.fixture
def snapshots(tmp_path: Path) -> list[SnapshotReader]:
    write_run(tmp_path, small_data(), (1, 2, 3))
    run = Run(tmp_path / "activis")
    return [run.snapshot(step) for step in run.steps]


def cached(readers: ReaderCache, snapshots: list[SnapshotReader]) -> list[int]:
    return [one.step for one in snapshots if any(one is other for other in readers._readers.values())]


def test_what_was_asked_for_longest_ago_goes_first(snapshots: list[SnapshotReader]) -> None:
    readers = ReaderCache(count=2)
    for step in (1, 2, 1, 3):
        assert readers.get(step, lambda step=step: snapshots[step - 1]) is snapshots[step - 1]  # type: ignore[misc]
    assert cached(readers, snapshots) == [1, 3]
    assert readers.get(3, lambda: pytest.fail("it is held")) is snapshots[2]


def test_tables_are_counted_once_they_are_read(snapshots: list[SnapshotReader]) -> None:
    assert snapshots[0].table_bytes == 0
    size = snapshots[0].instances.nbytes
    assert snapshots[0].table_bytes == size > 0
    readers = ReaderCache(limit=2 * size)
    for snapshot in snapshots:
        readers.get(snapshot.step, lambda snapshot=snapshot: snapshot)  # type: ignore[misc]
        assert snapshot.instances.num_rows == 17
    assert cached(readers, snapshots) == [1, 2, 3]  # the third's table is read only now
    readers.get(3, lambda: pytest.fail("it is held"))
    assert cached(readers, snapshots) == [2, 3]


def test_one_that_is_larger_than_all_together_may_be_is_kept_alone(snapshots: list[SnapshotReader]) -> None:
    readers = ReaderCache(limit=1)
    for _ in range(2):
        for snapshot in snapshots:
            readers.get(snapshot.step, lambda snapshot=snapshot: snapshot)  # type: ignore[misc]
            assert snapshot.instances.num_rows == 17
    assert cached(readers, snapshots) == [3]


def test_what_cannot_be_read_is_not_remembered(snapshots: list[SnapshotReader]) -> None:
    readers = ReaderCache()
    with pytest.raises(ZeroDivisionError):
        readers.get(1, lambda: snapshots[1 // 0])
    assert readers.get(1, lambda: snapshots[0]) is snapshots[0]
