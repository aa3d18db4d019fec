"""Rows from JSON, and the instances that they stand for."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.errors import ExpressionError, NotFoundError, QueryError
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.query.matrix.rows import Row, members, parse_rows, translate_rows
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import Data, small_data, write_run


def test_rows_from_json() -> None:
    parsed = parse_rows([{"subset": "all"}, {"expression": "score < 1"}, {"instance": 0}])
    assert parsed == [Row(subset="all"), Row(expression="score < 1"), Row(instance=0)]


@pytest.mark.parametrize(
    "rows",
    [
        None,
        [],
        {},
        "all",
        [1],
        [{}],
        [{"subset": 1}],
        [{"instance": True}],
        [{"instance": 1.5}],
        [{"a": 1}],
        [{"subset": "a", "instance": 1}],
    ],
)
def test_anything_else_is_refused(rows: object) -> None:
    with pytest.raises(QueryError):
        parse_rows(rows)


def test_too_many_rows() -> None:
    with pytest.raises(TooLargeError, match="1,000"):
        parse_rows([{"subset": "all"}] * 1_001)


def test_members(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    rows = [Row(subset="all"), Row(subset="bee"), Row(subset="wrong"), Row(subset="nobody"), Row(instance=4)]
    found = members(snapshot, rows)
    assert found[0].all()
    assert np.array_equal(found[1], data.labels[rank] == 1)
    assert np.array_equal(found[2], (data.logits.argmax(axis=1) != data.labels)[rank])
    assert not found[3].any()
    assert np.flatnonzero(found[4]).tolist() == [4]


def test_where_knows_neurons(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    expected = data.activations["head"][rank, 2].astype(np.float16) > 0.5
    assert np.array_equal(snapshot.where('neuron("head", 2) > 0.5'), expected)
    with pytest.raises(ExpressionError, match="neurons 0 to 2"):
        snapshot.where('neuron("head", 3) > 0.5')


def test_what_is_not_there(snapshot: SnapshotReader) -> None:
    with pytest.raises(NotFoundError, match="There are: all, ant, bee, cat, correct, wrong, unsure, nobody"):
        members(snapshot, [Row(subset="dog")])
    with pytest.raises(NotFoundError, match="0 to 16"):
        members(snapshot, [Row(instance=17)])


def test_rows_of_another_snapshot_are_the_same_instances_by_id(snapshot: SnapshotReader, tmp_path: Path) -> None:
    write_run(tmp_path, small_data(), sample=7, subsets={"sure": "score > 0.6"})
    here = open_run(tmp_path).latest
    ids, others = (each.instances.column("id").to_pylist() for each in (here, snapshot))
    gone = next(row for row, identity in enumerate(others) if identity not in ids)
    asked = [Row(subset="bee"), Row(subset="unsure"), Row(expression="label == 1"), Row(instance=gone)]
    assert translate_rows(here, snapshot, asked) == [asked[0], Row(), asked[2], Row()]
    kept = translate_rows(here, snapshot, [Row(instance=others.index(identity)) for identity in ids])
    assert [row.instance for row in kept] == list(range(7))
    assert not members(here, [Row()]).any()
    assert translate_rows(snapshot, snapshot, asked) == asked
    for lost in (Row(subset="dog"), Row(instance=17)):
        with pytest.raises(NotFoundError):
            translate_rows(here, snapshot, [lost])
