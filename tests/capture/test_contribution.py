"""Parts of the data that were evaluated apart give what all of them together give, whatever the parts and their order."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.collector import SnapshotCollector
from tensorboard_activis.capture.contribution import Contribution
from tensorboard_activis.capture.publication import SnapshotOptions
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.read.run import open_run
from tests.capture.test_merging import USER, doubts_of, same, write
from tests.records import CLASSES, Data, depth_of, small_data, small_graph, small_layers

OPTIONS: dict[str, Any] = {"class_names": CLASSES, "subsets": USER, "task": None}


def record(data: Data, rows: np.ndarray, *, ids: Any = None, pinned: bool = False) -> BatchRecord:
    return BatchRecord(
        {name: values[rows] for name, values in data.activations.items()},
        labels=data.labels[rows],
        outputs=data.logits[rows],
        ids=ids if ids is not None else None if pinned else rows.tolist(),
        texts=[f"number {row}" for row in rows],
        columns={"number": [None if row % 3 else row + 0.5 for row in rows], "name": [None] * len(rows)},
        depth=depth_of(data, rows),
        pinned=pinned,
        doubts=doubts_of(rows),
    )


def part(data: Data, rows: np.ndarray, decided: Any, sample: int | None, bound: Any, pinned: int) -> Contribution:
    """What an actor gives: nothing but bytes come back from there, into memory that cannot be written to."""
    options = SnapshotOptions.of({**OPTIONS, "sample": sample}, small_layers(), positions=16)
    collector = SnapshotCollector(options, 0, bound=bound)
    collector.decide_as(decided)
    for start in range(0, rows.size, 5):
        collector.add(record(data, rows[start : start + 5]))
    if pinned:
        collector.add(record(data, np.arange(pinned), pinned=True))
    buffers: list[pickle.PickleBuffer] = []
    sent = pickle.dumps(collector.contribution(), 5, buffer_callback=buffers.append)
    received: Contribution = pickle.loads(sent, buffers=[bytes(buffer) for buffer in buffers])
    assert not received.order.flags.writeable
    return received


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_parts_in_any_order_give_what_one_pass_gives(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, 40))
    source = small_data(count)
    if data.draw(st.booleans()):
        source.activations["head"][0, 1] = np.nan
    sample, pinned = data.draw(st.sampled_from([None, 1, 7, 1000])), min(data.draw(st.sampled_from([0, 3])), count)
    ends = np.unique(np.r_[0, data.draw(st.lists(st.integers(1, count), max_size=4)), count]).astype(int)
    order = data.draw(st.permutations(range(len(ends) - 1)))
    where = tmp_path_factory.mktemp("runs")
    write(where / "one", source, [[np.arange(count)]], pinned, sample=sample)

    options = SnapshotOptions.of({**OPTIONS, "sample": sample}, (), positions=16)
    first = SnapshotCollector(options, 0)
    first.add(record(source, np.arange(min(count, 5))))
    recorder = Recorder(
        where / "parts", small_graph(), small_layers(), class_names=CLASSES, subsets=USER, sample=sample, strict=True
    )
    with recorder.guard(1), recorder.snapshot(1) as collector:
        collector.decide_as(first.decided)
        for number in order:
            rows = np.arange(ends[number], ends[number + 1])
            bound = collector.collected.sample.bound  # as it is when the part is given away
            collector.merge(part(source, rows, first.decided, sample, bound, pinned if not number else 0))
    recorder.close()
    one, parts = open_run(where / "one").latest, open_run(where / "parts").latest
    same(one, parts)
    assert one.notes == parts.notes
    padding = (5 - np.arange(count) % 6).sum()
    assert any(f"{padding} of {6 * count} positions" in note for note in one.notes) == (count > 1)


def test_of_many_classes_only_those_with_instances_are_sent() -> None:
    options = SnapshotOptions.of(
        {"class_names": None, "subsets": None, "sample": 1, "task": None}, small_layers(), positions=0
    )
    collector = SnapshotCollector(options, 0)
    data = small_data(4)
    logits = np.zeros((4, 900), np.float32)
    collector.add(BatchRecord(data.activations, labels=np.array([3, 3, 899, 3]), outputs=logits))
    sent = collector.contribution().moments
    rows = np.array([0, 1 + 3, 1 + 899, 902])  # all, the two classes, wrong: logits of 0 are for class 0
    for moments in sent:
        np.testing.assert_array_equal(moments.subsets, rows)
        assert len(moments.sum) == len(moments.min) == rows.size


def test_ids_of_two_kinds_are_refused(tmp_path: Path) -> None:
    data = small_data(6)
    options = SnapshotOptions.of({**OPTIONS, "subsets": None, "sample": 3}, small_layers(), positions=0)
    whole, parts = SnapshotCollector(options, 0), []
    for ids in ([1, 2, 3], ["a", "b", "c"]):
        collector = SnapshotCollector(options, 0)
        collector.add(record(data, np.arange(3), ids=ids))
        whole.decide_as(collector.decided)
        parts.append(collector.contribution())
    whole.merge(parts[0])
    with pytest.raises(ActiVisError, match="Make them all texts"):
        whole.merge(parts[1])
