"""Our event files are what TensorBoard's own loader reads."""

import errno
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tensorboard_activis import metadata
from tensorboard_activis.framing import OVERHEAD, records
from tensorboard_activis.write.clock import Clock, session_time
from tensorboard_activis.write.events import EventWriter


def test_tensorboards_loader_reads_what_was_written(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path, "s")
    writer.write_blob(metadata.GRAPH_TAG, 3, b"graph", 12.5)
    writer.write_blob(metadata.SNAPSHOT_TAG, 7, bytes(range(256)) * 400, 13.5)
    writer.close()

    first, begun, graph, snapshot = EventFileLoader(str(writer.path)).Load()
    assert begun.step == 3
    assert begun.session_log.status == begun.session_log.START

    assert first.file_version == "brain.Event:2"
    assert (graph.step, graph.wall_time) == (3, 12.5)
    value = snapshot.summary.value[0]
    assert (snapshot.step, value.tag) == (7, "activis/snapshot")
    assert value.metadata.plugin_data.plugin_name == "activis"
    assert value.metadata.plugin_data.content == b"1"
    assert [dim.size for dim in value.tensor.tensor_shape.dim] == [1]
    assert list(value.tensor.string_val) == [bytes(range(256)) * 400]


def test_names_sort_by_session_whatever_the_process_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of processes sort as text, and begin again: of two sessions in one second the later must come later."""
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.5)
    names = []
    for pid, host in ((99_999, "b"), (100_000, "a"), (7, "0")):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        clock = Clock(tmp_path)
        writer = EventWriter(tmp_path, f"{session_time(clock.now())}-0a1b2c3d", clock)
        writer.write_blob(metadata.GRAPH_TAG, 1, b"graph", 1.0)
        names.append(writer.path.name)
        writer.close()
    assert sorted(names) == names
    assert len({name.split(".")[3] for name in names}) == 1  # the same second


def test_names_sort_by_session_however_late_a_file_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on by 9 s until the first session goes back to step 3, and is set back before the second session."""
    now = [1_700_000_000.5]
    monkeypatch.setattr("time.time", lambda: now[-1])
    names = []
    for steps in ((3, 4, 3), (1, 1)):
        clock = Clock(tmp_path)
        writer = EventWriter(tmp_path, f"{session_time(clock.now())}-0a1b2c3d", clock)
        for step in steps:
            now.append(now[-1] + 3)
            writer.write_blob(metadata.GRAPH_TAG, step, b"graph", 1.0)
            names.append(writer.path.name)
        writer.close()
        now.append(now[0])
    assert len(set(names)) == 4
    assert sorted(names) == names


def test_a_session_starts_where_its_first_file_could_not_be_written(
    tmp_path: Path, full_after: Callable[[int], None]
) -> None:
    writer = EventWriter(tmp_path, "s")
    full_after(5)
    with pytest.raises(OSError, match="No space left"):
        writer.write_blob(metadata.SNAPSHOT_TAG, 1, b"lost", 1.0)
    assert list(tmp_path.iterdir()) == []
    full_after(1 << 40)
    writer.write_blob(metadata.SNAPSHOT_TAG, 2, b"kept", 2.0)
    writer.close()
    _, begun, snapshot = EventFileLoader(str(writer.path)).Load()
    assert (begun.session_log.status, begun.step, snapshot.step) == (begun.session_log.START, 2, 2)


def test_a_step_that_does_not_rise_begins_a_file_with_a_start(tmp_path: Path) -> None:
    """Whole, as every start: half of it would make TensorBoard forget the older without giving the newer."""
    writer = EventWriter(tmp_path, "s")
    for number, step in enumerate((10, 20, 20, 30, 15, 25)):
        assert writer.goes_back(metadata.SNAPSHOT_TAG, step) is (number in (2, 4))
        writer.write_blobs({metadata.GRAPH_TAG: b"graph", metadata.SNAPSHOT_TAG: bytes([number])}, step, float(number))
    writer.close()
    assert not writer.goes_back(metadata.SNAPSHOT_TAG, 26)
    files = [list(EventFileLoader(str(path)).Load()) for path in sorted(tmp_path.iterdir())]
    assert [[event.step for event in events] for events in files] == [
        [0, 10, 10, 10, 20, 20],
        [0, 20, 20, 20, 30, 30],
        [0, 15, 15, 15, 25, 25],
    ]
    for events in files:
        assert events[1].session_log.status == events[1].session_log.START
        assert sum(event.HasField("session_log") for event in events) == 1


def test_an_interrupted_step_that_reached_its_file_was_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = EventWriter(tmp_path, "s")
    writer.write_blob(metadata.SNAPSHOT_TAG, 1, b"first", 1.0)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", interrupted)
        patch.setattr("tensorboard_activis.write.events.suppress", interrupted)  # nor can it be cut off again
        with pytest.raises(KeyboardInterrupt):
            writer.write_blob(metadata.SNAPSHOT_TAG, 2, b"second", 2.0)
    assert writer.reached
    assert writer.goes_back(metadata.SNAPSHOT_TAG, 2)
    writer.close()


def test_a_logger_that_never_logs_leaves_no_file(tmp_path: Path) -> None:
    EventWriter(tmp_path, "s").close()
    assert list(tmp_path.iterdir()) == []


def test_a_deleted_file_is_begun_again(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path, "s")
    writer.write_blob(metadata.GRAPH_TAG, 1, b"lost", 1.0)
    writer.path.unlink()
    writer.write_blob(metadata.GRAPH_TAG, 2, b"kept", 2.0)
    writer.close()
    assert [event.step for event in EventFileLoader(str(writer.path)).Load() if event.summary.value] == [2]


@pytest.fixture
def full_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Plays a disk with so much room: like a real one it takes a part, and refuses only what comes then."""
    room = [1 << 40]

    class Disk(io.FileIO):
        def write(self, content: Any) -> int:
            if not room[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            taken = super().write(bytes(content[: room[0]]))
            room[0] -= taken
            return taken

    def set_room(size: int) -> None:
        room[0] = size

    monkeypatch.setattr("tensorboard_activis.write.events.io.FileIO", Disk)
    return set_room


@pytest.mark.parametrize("room", [0, 5, 70])
def test_a_full_disk_tears_nothing_and_later_blobs_are_read(
    tmp_path: Path, full_after: Callable[[int], None], room: int
) -> None:
    writer = EventWriter(tmp_path, "s")
    for step, size in ((1, 1 << 40), (2, room), (3, room), (4, 1 << 40)):
        full_after(size)
        try:
            writer.write_blob(metadata.SNAPSHOT_TAG, step, b"blob" * 100, float(step))
        except OSError as error:
            assert (step, error.errno) in ((2, errno.ENOSPC), (3, errno.ENOSPC))
    writer.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    for path in files:
        with path.open("rb") as file:
            assert sum(OVERHEAD + len(record) for record in records(file)) == path.stat().st_size
    events = [event for path in files for event in EventFileLoader(str(path)).Load()]
    assert [event.step for event in events if event.summary.value] == [1, 4]
    # Only a session's own start makes TensorBoard forget what came before.
    assert sum(event.HasField("session_log") for event in events) == 1


def test_ctrl_c_in_the_middle_leaves_whole_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = EventWriter(tmp_path, "s")
    writer.write_blob(metadata.SNAPSHOT_TAG, 1, b"first", 1.0)

    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.write_blob(metadata.SNAPSHOT_TAG, 2, b"second", 2.0)
    writer.write_blob(metadata.SNAPSHOT_TAG, 3, b"third", 3.0)
    writer.close()
    found = [event for path in sorted(tmp_path.iterdir()) for event in EventFileLoader(str(path)).Load()]
    assert [event.step for event in found if event.summary.value] == [1, 3]
