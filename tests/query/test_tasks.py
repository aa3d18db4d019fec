"""Every question to a snapshot, for every task: nothing breaks, and lists of labels are said as such."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.query.describe import describe_snapshot
from tensorboard_activis.query.instances.classes import briefs, label_sets
from tensorboard_activis.query.instances.column_statistics import vocabulary
from tensorboard_activis.query.instances.columns import columns
from tensorboard_activis.query.instances.export import export_table, to_csv, to_parquet
from tensorboard_activis.query.instances.table import Page, table_page
from tensorboard_activis.query.matrix.matrix import matrix
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.neurons.instance import instance
from tensorboard_activis.query.neurons.neuron import neuron
from tensorboard_activis.query.neurons.subset import subset
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.encoding import encode
from tests.records import CLASSES, small_data, small_graph, small_layers

TASKS = ("classification", "multilabel", "regression", "numbers", "ranking", "tokens", "none")


def given(task: str) -> dict[str, Any]:
    """Outputs and labels of 17 instances, and options of the recorder."""
    random, data = np.random.default_rng(1), small_data()
    names: dict[str, Any] = {"class_names": CLASSES}
    match task:
        case "classification":
            return {"outputs": data.logits, "labels": data.labels} | names
        case "multilabel":
            return {"outputs": data.logits, "labels": random.integers(0, 2, (17, 3))} | names
        case "regression":
            return {"outputs": data.logits[:, 0], "labels": random.normal(size=17)}
        case "numbers":
            return {"outputs": data.logits[:, :2], "labels": random.normal(size=(17, 2))}
        case "ranking":
            columns = {"group": [f"q{index % 4}" for index in range(17)]}
            return {"outputs": data.logits[:, 0], "labels": data.labels, "columns": columns, "task": "ranking"}
        case "tokens":
            labels = random.integers(-1, 3, (17, 5))
            labels[2] = -100
            return {"outputs": random.normal(size=(17, 5, 3)), "labels": labels} | names
        case _:
            return {"outputs": data.logits, "labels": None}


@pytest.fixture(params=TASKS)
def snapshot(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotReader:
    asked, data = given(request.param), small_data()
    options = {name: asked[name] for name in ("class_names", "task") if name in asked}
    recorder = Recorder(tmp_path, small_graph(), small_layers(), sample=9, strict=True, **options)
    batch: dict[str, Any] = {name: asked.get(name) for name in ("outputs", "labels", "columns")}
    with recorder.snapshot(1) as evaluation:
        evaluation.add(BatchRecord(data.activations, **batch))
        some: dict[str, Any] = {
            name: None if values is None else values[:2] for name, values in batch.items() if name != "columns"
        }
        evaluation.add(
            BatchRecord({name: values[:2] for name, values in data.activations.items()}, pinned=True, **some)
        )
    recorder.close()
    return open_run(tmp_path).latest


def test_every_question_has_an_answer(snapshot: SnapshotReader) -> None:
    task = snapshot.record.task
    described = describe_snapshot(snapshot, "run")
    assert described.task == task
    assert described.problems == ()
    rows = [Row(subset=each.name) for each in snapshot.record.subsets] + [Row(expression="id > 3"), Row(instance=10)]
    found = matrix(snapshot, "head", rows)
    assert np.isfinite(found.mean[[row.subset == "all" for row in rows]]).all()
    answers: list[object] = [described, neuron(snapshot, "head", 1, rows)]
    answers += [instance(snapshot, "head", row) for row in range(snapshot.stored_instances)]
    answers += [subset(snapshot, "head", row) for row in rows[:-1]]
    for column in described.columns:
        answers.append(table_page(snapshot, Page(order=column.name, limit=11)))
    answers.append(vocabulary(snapshot, None, "", 20))
    for answer in answers:
        json.loads(encode(answer)[0])
    found_columns = columns(snapshot)
    assert {len(found_columns.label), len(found_columns.loss), *map(len, found_columns.user.values())} == {11}
    exported = export_table(snapshot, Page())
    assert len(to_csv(exported).splitlines()) == 12
    assert to_parquet(exported)
    for each in snapshot.record.subsets[1:]:
        assert snapshot.where(each.expression)[: snapshot.record.sample_size].sum() <= each.count


def test_absent_where_it_has_no_meaning(snapshot: SnapshotReader) -> None:
    names = set(snapshot.instances.column_names)
    absent = {
        "classification": set(),
        "multilabel": set(),
        "tokens": set(),
        "regression": {"correct", "score", "label_score"},
        "ranking": {"correct", "prediction", "label_score"},
        "none": {"label", "prediction", "correct", "score", "loss", "label_score"},
    }[snapshot.record.task]
    everything = {"label", "prediction", "correct", "score", "loss", "label_score"}
    several = {"prediction"} if snapshot.instances.schema.names and _numbers(snapshot) else set()
    assert names & everything == everything - absent - several


def _numbers(snapshot: SnapshotReader) -> bool:
    """Several predicted numbers are no column, only an array."""
    return snapshot.record.task == "regression" and snapshot.column("prediction").ndim == 2


@pytest.mark.parametrize("snapshot", ["multilabel", "tokens"], indirect=True)
def test_lists_of_labels(snapshot: SnapshotReader) -> None:
    lists = snapshot.instances["label"].to_pylist()
    found = label_sets(snapshot)
    assert found is not None
    for name, members in zip(*found, strict=True):
        assert members.tolist() == [own is not None and name in own for own in lists]
    for row, brief in enumerate(briefs(snapshot, range(snapshot.stored_instances))):
        assert brief.label == (None if lists[row] is None else ", ".join(lists[row]))
    page = table_page(snapshot, Page(indices=[0]))
    assert page.rows[0]["label"] == ", ".join(lists[0])
    detail = neuron(snapshot, "head", 1, [Row(subset="all")])
    kept = snapshot.record.sample_size
    values = snapshot.neuron("head", 1)[:kept].astype(np.float64)
    assert detail.classes
    for one in detail.classes:
        inside = np.array([own is not None and one.class_ in own for own in lists[:kept]])
        wins = [(a > b) + (a == b) / 2 for a in values[inside] for b in values[~inside]]
        assert one.auc == pytest.approx(np.mean(wins))
        assert one.n == inside.sum()
