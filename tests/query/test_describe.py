"""Descriptions, strips, columns and the table, against the data that were logged."""

from dataclasses import fields, replace

import numpy as np
import pyarrow as pa
import pytest

from tensorboard_activis.errors import ExpressionError, NotFoundError, QueryError, UnreadableError
from tensorboard_activis.query.describe import describe_snapshot
from tensorboard_activis.query.instances.columns import TextIds, columns
from tensorboard_activis.query.instances.table import Page, select, table_page
from tensorboard_activis.query.matrix import strips
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.read.summary_arrays import SummaryArrays
from tests.records import CLASSES, Data

LAYER = "stem/relu"


def test_a_snapshot(snapshot: SnapshotReader, data: Data) -> None:
    found = describe_snapshot(snapshot, "run")
    assert (found.step, found.seen, found.sample_size, found.task) == (2, 17, 17, "classification")
    layers = found.layers
    assert layers[0].max_abs == pytest.approx(data.activations[LAYER].max())
    assert layers[1].max_abs == pytest.approx(np.abs(data.activations["head"]).max())
    assert found.problems == ()


def test_damage_is_a_problem_not_an_error(snapshot: SnapshotReader) -> None:
    def broken(name: str) -> None:
        raise UnreadableError("the file is missing")

    setattr(snapshot, "check_activations", broken)  # noqa: B010
    found = describe_snapshot(snapshot, "run")
    assert found.problems == (f"{LAYER}, head cannot be shown: the file is missing",)


def test_states_of_neurons(snapshot: SnapshotReader) -> None:
    low = np.array([[0, 2, -5, -1, np.nan, 0]], np.float32)
    high = np.array([[0, 2, -1, 3, np.nan, 4]], np.float32)
    count = np.array([[17, 17, 17, 16, 0, 17]])
    summary = SummaryArrays(("all",), count, low, low, low, high)
    layer = snapshot.layers[LAYER]
    fed = replace(layer, info=replace(layer.info, feeds_relu=True))
    assert strips.states(fed, summary, 17).tolist() == [1, 2, 4, 3, 3, 0]
    assert strips.states(layer, summary, 17).tolist() == [1, 2, 0, 3, 3, 0]
    assert strips.largest(summary) == 5


def test_strips_are_relative_to_the_layers_largest(snapshot: SnapshotReader, data: Data) -> None:
    found = strips.strip(snapshot, "head")
    values = data.activations["head"]
    np.testing.assert_allclose(found.values, values.mean(axis=0) / np.abs(values).max(), rtol=1e-5)


def test_columns(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    found = columns(snapshot)
    assert np.array_equal(found.id, data.ids[rank])  # type: ignore[arg-type]
    assert np.array_equal(found.label, data.labels[rank])
    assert np.array_equal(found.prediction, data.logits.argmax(axis=1)[rank])
    arrays = {each.name: getattr(found, each.name) for each in fields(found)}
    assert (arrays.pop("user"), arrays.pop("categories"), arrays.pop("times")) == ({}, {}, {})
    assert arrays.pop("names") == ()
    assert {name: str(values.dtype) for name, values in arrays.items()} == {
        "id": "int64",
        "label": "int32",
        "prediction": "int32",
        "correct": "uint8",
        "score": "float32",
        "loss": "float32",
        "label_score": "float32",
    }


def test_user_columns_and_texts_as_ids(snapshot: SnapshotReader) -> None:
    table = pa.table(
        {
            "id": ["é", "", "xyz"],
            "city": ["b", None, "a"],
            "age": [1, None, 3],
            "flag": [True, None, False],
            "image": [b"1", b"2", b"3"],
        }
    )
    snapshot.__dict__["instances"] = table
    snapshot.record = replace(snapshot.record, sample_size=3, columns={})
    found = columns(snapshot)
    assert isinstance(found.id, TextIds)
    assert found.id.bytes.tobytes().decode() == "éxyz"
    assert found.id.offsets.tolist() == [0, 2, 2, 5]
    assert found.user["city"].tolist() == [0, -1, 1]
    assert found.categories == {"city": ("b", "a")}
    np.testing.assert_array_equal(found.user["age"], np.array([1, np.nan, 3], np.float32))
    np.testing.assert_array_equal(found.user["flag"], np.array([1, np.nan, 0], np.float32))
    assert found.label.tolist() == [-1, -1, -1]
    assert found.correct.tolist() == [255, 255, 255]
    assert np.isnan(found.loss).all()
    assert "image" not in found.user


def test_the_table_filters_orders_and_pages(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    labels = data.labels[rank]
    assert select(snapshot, Page(expression='label == "bee"')).tolist() == np.flatnonzero(labels == 1).tolist()
    assert select(snapshot, Page(order="id")).tolist() == np.argsort(rank).tolist()
    assert select(snapshot, Page(order="id", descending=True)).tolist() == np.argsort(-rank).tolist()
    assert select(snapshot, Page(order="label")).tolist() == np.argsort(labels, kind="stable").tolist()
    assert select(snapshot, Page(order="row", descending=True)).tolist() == list(range(16, -1, -1))
    page = table_page(snapshot, Page(indices=[3, 9, 4], offset=1, limit=1))
    rows = page.rows
    assert page.total == 3
    assert [row["row"] for row in rows] == [9]
    assert rows[0]["label"] == CLASSES[labels[9]]
    assert "image" not in rows[0]


def test_missing_values_come_last(snapshot: SnapshotReader) -> None:
    snapshot.__dict__["instances"] = pa.table({"id": [1, 2, 3, 4], "x": [2.0, float("nan"), None, 1.0]})
    snapshot.record = replace(snapshot.record, sample_size=4)
    assert select(snapshot, Page(order="x")).tolist() == [3, 0, 1, 2]
    assert select(snapshot, Page(order="x", descending=True)).tolist() == [0, 3, 1, 2]


@pytest.mark.parametrize(
    ("page", "error"),
    [
        (Page(expression="x > 1"), ExpressionError),
        (Page(indices=[17]), NotFoundError),
        (Page(order="x"), NotFoundError),
        (Page(order="image"), QueryError),
        (Page(limit=1001), QueryError),
        (Page(offset=-1), QueryError),
    ],
)
def test_wrong_pages(snapshot: SnapshotReader, page: Page, error: type[Exception]) -> None:
    with pytest.raises(error):
        table_page(snapshot, page)
