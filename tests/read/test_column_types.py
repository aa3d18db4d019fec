"""What a column may be: all that this project writes or wrote is read, all else is refused in one message."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.tables import read_table
from tensorboard_activis.write.instances import InstanceWriter
from tests.hostile.route_parameters import ROUTE_PARAMETERS
from tests.records import small_data, small_graph, small_layers, write_run
from tests.serve.client import Client
from tests.serve.route_parameters import about

ROWS = 120


def all_kinds() -> pa.Table:
    """A column of every kind that the writer makes, with missing values where there may be some."""
    numbers = np.arange(ROWS)
    labels = pa.array(numbers % 3, pa.int32(), mask=numbers % 11 == 0)
    return pa.table(
        {
            "id": pa.array(range(ROWS)),
            "probe": pa.array([index > 117 for index in range(ROWS)]),
            "label": pa.DictionaryArray.from_arrays(labels, ["ant", "bee", "cat"]),
            "number": pa.array([index / 4 if index % 5 else None for index in range(ROWS)]),
            "count": pa.array([index * 7 for index in range(ROWS)]),
            "known": pa.array([bool(index % 2) if index % 3 else None for index in range(ROWS)]),
            "kind": pa.array([f"kind {index % 4}" if index % 9 else None for index in range(ROWS)]),
            "nothing": pa.nulls(ROWS),
            "x0": pa.array(np.arange(ROWS, dtype=np.float32)),
            "text": pa.array([f"text {index} é" for index in range(ROWS)], pa.string()),
            "words": pa.array([["text", str(index)][: index % 3] if index % 8 else None for index in range(ROWS)]),
            "classes": pa.array([list(range(index % 4)) for index in range(ROWS)], pa.list_(pa.int64())),
            "features": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(ROWS * 3, dtype=np.float32)), 3),
            "audio": pa.array([b"RIFF" + bytes([index]) for index in range(ROWS)], pa.binary()),
            "image": pa.array([b"\x89PNG" + bytes([index]) * index for index in range(ROWS)], pa.binary()),
        }
    ).replace_schema_metadata({"activis.content": "image", "activis.ink": "1"})


def test_what_the_writer_wrote_with_the_oldest_pyarrow_is_read() -> None:
    table = read_table(Path(__file__).parent / "written_by_pyarrow_18.parquet")
    assert table.equals(all_kinds(), check_metadata=False)
    assert table.schema.metadata == {b"activis.content": b"image", b"activis.ink": b"1"}


@pytest.mark.parametrize("rows", [0, 1, ROWS])
def test_what_the_writer_writes_is_read(tmp_path: Path, rows: int) -> None:
    table = all_kinds().slice(0, rows)
    again = read_table(tmp_path / InstanceWriter(tmp_path).write(table))
    assert again.equals(table)
    assert again.schema.metadata == table.schema.metadata
    assert again.schema.types == table.schema.types


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.list_(pa.string())], ids=str)
def test_columns_of_nothing_are_read(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table({"id": range(ROWS), "missing": pa.nulls(ROWS, kind)})
    assert read_table(tmp_path / InstanceWriter(tmp_path).write(table)).equals(table)


def test_dictionaries_that_grew_too_large_are_read(tmp_path: Path) -> None:
    rows = 30_000
    texts = [f"{index % 25_000} " * 20 for index in range(rows)]
    table = pa.table(
        {
            "id": pa.array([f"id {index}" for index in range(rows)]),
            "label": pa.array(texts).dictionary_encode(),
            "text": pa.array(texts),
            "words": pa.array([[text, "end"] for text in texts]),
        }
    )
    path = tmp_path / InstanceWriter(tmp_path).write(table)
    pages = pq.read_metadata(path).row_group(0).column(2)
    assert pages.has_dictionary_page
    assert pages.total_uncompressed_size > 3 << 20  # the dictionary is ended at one
    assert read_table(path).equals(table)


def test_long_texts_beside_missing_ones_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyarrow reserves room for missing values of a dictionary as if they were of middling length."""
    monkeypatch.setattr("tensorboard_activis.read.tables.ROOM", 4 << 20)
    table = pa.table({"id": range(10_000), "note": ["x" * 100_000, *[None] * 9_999]})
    assert read_table(tmp_path / InstanceWriter(tmp_path).write(table)).equals(table)


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32()], ids=str)
def test_whole_numbers_become_one_type(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"id": range(3), "n": pa.array([1, None, 3], kind)}), tmp_path / "file")
    assert read_table(tmp_path / "file").column("n").combine_chunks().equals(pa.array([1, None, 3], pa.int64()))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_time_stamps_are_read(tmp_path: Path, unit: str, zone: str | None) -> None:
    moments = pa.array([0, None, 1_700_000_000], pa.timestamp("s", zone)).cast(pa.timestamp(unit, zone))
    pq.write_table(pa.table({"id": range(3), "when": moments}), tmp_path / "file")
    column = read_table(tmp_path / "file").column("when")
    assert column.cast(pa.timestamp(unit, zone)).combine_chunks().equals(moments)


def test_time_stamps_that_no_calendar_has_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1], "when": pa.array([2**62], pa.timestamp("us"))}), tmp_path / "file")
    with pytest.raises(UnreadableError, match="the column 'when' holds time stamps outside the years 1 to 9999"):
        read_table(tmp_path / "file")


def is_written(column: pa.Array) -> bool:
    """Older versions of pyarrow write fewer types."""
    try:
        pq.write_table(pa.table([column], names=["column"]), pa.BufferOutputStream())
    except pa.ArrowNotImplementedError:
        return False
    return True


def other(kind: pa.DataType, *values: object) -> pa.Array:
    """17 rows of a type."""
    return pa.array((list(values) * 17)[:17], kind)


OTHERS = [
    other(pa.decimal128(5, 2), None),
    other(pa.decimal256(50, 2), None),
    other(pa.map_(pa.string(), pa.int64()), [("a", 1)]),
    other(pa.struct({"a": pa.int64()}), {"a": 1}),
    other(pa.list_(pa.struct({"a": pa.int64()})), [{"a": 1}]),
    other(pa.list_(pa.list_(pa.int64())), [[1]]),
    other(pa.list_(pa.float64()), [1.5]),
    other(pa.list_(pa.int64(), 2), [1, 2]),
    other(pa.large_list(pa.string()), ["a"]),
    other(pa.large_string(), "a"),
    other(pa.large_binary(), b"a"),
    other(pa.string_view(), "a"),
    other(pa.binary_view(), b"a"),
    pa.DictionaryArray.from_arrays(other(pa.int32(), 0), [1]),
    pa.DictionaryArray.from_arrays(other(pa.int32(), 0), pa.array(["a"], pa.large_string())),
    other(pa.duration("s"), 1),
    other(pa.timestamp("us", "Europe/Berlin"), 1),
    other(pa.date32(), 1),
    other(pa.time64("us"), 1),
    other(pa.binary(3), b"abc"),
    other(pa.float16(), np.float16(1)),
    other(pa.uint64(), 1),
    pa.ExtensionArray.from_storage(pa.uuid(), other(pa.binary(16), bytes(16))),
]


@pytest.mark.parametrize("column", list(filter(is_written, OTHERS)), ids=lambda column: str(column.type))
@pytest.mark.parametrize("name", ["price", "label"])
def test_what_is_never_written_is_refused_once_and_in_words(tmp_path: Path, column: pa.Array, name: str) -> None:
    write_run(tmp_path / "run", small_data(17))
    (path,) = (tmp_path / "run" / "activis").glob("*.parquet")
    table = pq.read_table(path)
    place = table.column_names.index(name) if name in table.column_names else None
    changed = table.append_column(name, column) if place is None else table.set_column(place, name, column)
    pq.write_table(changed, path, compression="zstd")
    with pytest.raises(UnreadableError) as raised:
        read_table(path)
    said = str(raised.value)
    assert said.startswith(
        f"{path.name} cannot be read: the column '{name}' holds {column.type}. Columns of instances hold"
    ), said
    assert "Convert the column to one of these, or leave it out. Write the table again: pyarrow.parquet" in said
    client = Client(tmp_path)
    for route, more in ROUTE_PARAMETERS:
        response = client.get(route, **about({"step": 3} | more, "run", 3))
        assert response.status_code in (200, 400, 422), route
        if response.status_code == 422:
            assert json.loads(response.get_data())["error"]["message"] == said


@pytest.mark.parametrize("name", ["text", "words", "image", "audio", "features"])
def test_content_is_what_it_is_shown_as(tmp_path: Path, name: str) -> None:
    pq.write_table(pa.table({"id": [1], name: [1.5]}), tmp_path / "file")
    with pytest.raises(UnreadableError, match=f"the column '{name}' holds double, but this name is for the content"):
        read_table(tmp_path / "file")


def test_users_columns_of_all_kinds_come_back(tmp_path: Path) -> None:
    data = small_data(11)
    log = Recorder(tmp_path, small_graph(), small_layers(), strict=True)
    columns: dict[str, Any] = {
        "whole": np.arange(11, dtype=np.uint8),
        "gaps": [1, None] * 5 + [3],
        "flags": [True, None, False] * 3 + [True, False],
        "words of mine": ["a", None] * 5 + ["é"],
        "nothing": [None] * 11,
    }
    with log.snapshot(1) as evaluation:
        evaluation.add(
            BatchRecord(data.activations, labels=data.labels, outputs=data.logits, ids=list(range(11)), columns=columns)
        )
    log.close()
    table = open_run(tmp_path).latest.instances
    rows = {row["id"]: row for row in table.to_pylist()}
    for index in range(11):
        for name, values in columns.items():
            assert rows[index][name] == values[index], name


def test_parquet_without_an_arrow_schema_is_read(tmp_path: Path) -> None:
    table = all_kinds().drop_columns("features")
    pq.write_table(table, tmp_path / "file", store_schema=False)
    again = read_table(tmp_path / "file")
    assert again.column("label").type == pa.string()
    assert again.drop_columns("label").equals(table.drop_columns("label"))
