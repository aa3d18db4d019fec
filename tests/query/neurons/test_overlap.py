"""Instances that rows share, counted by id in the data that were logged."""

import math
from pathlib import Path

import pytest

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.neurons.overlap import SharedInstances, overlap
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import CLASSES, Data, small_data, small_graph, small_layers

IDS = Row(expression="id >= 103 and id < 109")


def test_shared_instances(snapshot: SnapshotReader, data: Data) -> None:
    """Every instance was kept, so that the ids of each row are known."""
    six = set(range(103, 109))
    bees = set(data.ids[data.labels == 1].tolist())
    answer = overlap(snapshot, IDS, [Row(subset="bee"), Row(expression="id < 105"), Row(subset="all"), IDS])
    assert answer.n == 6
    assert answer.rows[0] == SharedInstances(len(bees), len(six & bees), len(six & bees) / len(six | bees))
    assert answer.rows[1] == SharedInstances(5, 2, 2 / 9)  # 100 to 104, of which 103 and 104
    assert answer.rows[2] == SharedInstances(17, 6, 6 / 17)
    assert answer.rows[3] == SharedInstances(6, 6, 1)


def test_rows_without_instances(snapshot: SnapshotReader) -> None:
    nobody = Row(expression="score > 2")
    (one,) = overlap(snapshot, nobody, [nobody]).rows
    assert (one.n, one.shared) == (0, 0)
    assert math.isnan(one.jaccard)
    assert overlap(snapshot, nobody, [IDS]).rows[0] == SharedInstances(6, 0, 0)


def test_an_instance_is_a_row_of_one(snapshot: SnapshotReader) -> None:
    index = snapshot.instances["id"].to_pylist().index(104)
    assert overlap(snapshot, IDS, [Row(instance=index)]).rows[0] == SharedInstances(1, 1, 1 / 6)


def test_pinned_instances_are_not_counted(tmp_path: Path) -> None:
    data = small_data()
    recorder = Recorder(tmp_path, small_graph(), small_layers(), class_names=CLASSES, sample=4, strict=True)
    with recorder.snapshot(1) as collector:
        collector.add(BatchRecord(data.activations, labels=data.labels, outputs=data.logits))
        pinned = {name: values[:2] for name, values in data.activations.items()}
        collector.add(BatchRecord(pinned, labels=data.labels[:2], outputs=data.logits[:2], pinned=True))
    recorder.close()
    snapshot = open_run(tmp_path).latest
    assert snapshot.stored_instances == 6
    answer = overlap(snapshot, Row(subset="all"), [Row(subset="all")])
    assert (answer.n, answer.rows[0]) == (4, SharedInstances(4, 4, 1))


def test_an_unknown_subset(snapshot: SnapshotReader) -> None:
    with pytest.raises(NotFoundError, match="no subset dog"):
        overlap(snapshot, IDS, [Row(subset="dog")])
