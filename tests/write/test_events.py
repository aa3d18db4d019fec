"""Our event files are what TensorBoard's own loader reads."""

from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tensorboard_activis import metadata
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
