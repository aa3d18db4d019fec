"""What many requests need of a snapshot is computed once for each reader."""

from pathlib import Path

import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.query.instances.classes import label_values, prediction_values
from tensorboard_activis.read.snapshot import SnapshotReader, once_per_snapshot
from tests.records import small_data, write_run


@pytest.fixture
def snapshots(tmp_path: Path) -> tuple[SnapshotReader, SnapshotReader]:
    write_run(tmp_path, small_data(), (1, 2))
    run = open_run(tmp_path)
    return run.snapshot(1), run.snapshot(2)


def test_once_for_each_reader_and_arguments(snapshots: tuple[SnapshotReader, SnapshotReader]) -> None:
    calls = []

    @once_per_snapshot
    def product(snapshot: SnapshotReader, factor: int) -> int:
        calls.append((snapshot.step, factor))
        return snapshot.step * factor

    values = [product(snapshot, factor) for snapshot in (*snapshots, *snapshots) for factor in (3, 5)]
    assert values == [3, 5, 6, 10] * 2
    assert calls == [(1, 3), (1, 5), (2, 3), (2, 5)]


def test_an_error_is_not_remembered(snapshots: tuple[SnapshotReader, SnapshotReader]) -> None:
    problems = [UnreadableError("away for a moment")]

    @once_per_snapshot
    def step(snapshot: SnapshotReader) -> int:
        if problems:
            raise problems.pop()
        return snapshot.step

    with pytest.raises(UnreadableError):
        step(snapshots[0])
    assert step(snapshots[0]) == 1


@pytest.mark.parametrize("values", [label_values, prediction_values])
def test_arrays_cannot_be_changed(snapshots: tuple[SnapshotReader, SnapshotReader], values: object) -> None:
    array = values(snapshots[0])  # type: ignore[operator]
    assert array is values(snapshots[0])  # type: ignore[operator]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0
