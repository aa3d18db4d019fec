"""Columns of every type that Arrow has, right and wrong ones, and the ways in which pyarrow may write them."""

import datetime
import decimal
import io
import random
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TEXTS = ("", "ant", "bee", "cat", "a" * 300, "é\u202e\0", "=1+1", "<b>", "dog")


def _numbers(chance: random.Random) -> int:
    return chance.choice((0, 1, 2, 3, 7, 100, 127))


def _text(chance: random.Random) -> str:
    return chance.choice(TEXTS)


def _list(chance: random.Random) -> list[int]:
    return [chance.randrange(3) for _ in range(chance.randrange(4))]


def _words(chance: random.Random) -> list[str]:
    return [chance.choice(TEXTS) for _ in range(chance.randrange(4))]


def _day(chance: random.Random) -> datetime.date:
    return datetime.date(chance.randrange(1, 9999), 1, 1)


Make = Callable[[random.Random], Any]
_FLOATS: Make = lambda chance: chance.choice((0.0, -1.5, 3.25, float("nan"), float("inf")))  # noqa: E731
_MOMENTS: Make = lambda chance: chance.choice((0, 1, -1, 2**40, 2**62, -(2**62)))  # noqa: E731
TYPES: tuple[tuple[pa.DataType, Make], ...] = (
    *(
        (kind, _numbers)
        for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32())
    ),
    (pa.uint64(), lambda chance: chance.choice((0, 2**64 - 1, 2**53 + 1))),
    (pa.int64(), lambda chance: chance.choice((2**63 - 1, -(2**63), 2**53 + 1))),
    *((kind, _FLOATS) for kind in (pa.float32(), pa.float64(), pa.float16())),
    (pa.bool_(), lambda chance: chance.random() < 0.5),
    *((kind, _text) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *((kind, lambda chance: _text(chance).encode()) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())),
    (pa.null(), lambda chance: None),
    *(
        (pa.list_(kind), _list)
        for kind in (pa.int8(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.float16())
    ),
    *((kind, _words) for kind in (pa.list_(pa.string()), pa.large_list(pa.string()), pa.list_(pa.large_string()))),
    (pa.list_(pa.bool_()), lambda chance: [True, False][: chance.randrange(3)]),
    (pa.list_(pa.null()), lambda chance: [None] * chance.randrange(3)),
    (pa.list_(pa.list_(pa.int64())), lambda chance: [_list(chance)] * chance.randrange(3)),
    (pa.list_(pa.dictionary(pa.int32(), pa.string())), _words),
    *((pa.list_(kind, 2), lambda chance: [1, 2]) for kind in (pa.float32(), pa.float64(), pa.int64(), pa.float16())),
    (pa.list_(pa.string(), 2), lambda chance: ["a", "b"]),
    *((pa.dictionary(index, pa.string()), _text) for index in (pa.int8(), pa.int32(), pa.int64(), pa.uint16())),
    (pa.dictionary(pa.int32(), pa.string(), ordered=True), _text),
    *((pa.dictionary(pa.int32(), kind), _numbers) for kind in (pa.int64(), pa.float64())),
    (pa.dictionary(pa.int32(), pa.binary()), lambda chance: _text(chance).encode()),
    (pa.dictionary(pa.int32(), pa.large_string()), _text),
    *(
        (pa.timestamp(unit, zone), _MOMENTS)
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "UTC", "Europe/Berlin")
    ),
    (pa.timestamp("us", "No/Where"), lambda chance: 0),
    *((pa.duration(unit), _numbers) for unit in ("s", "ns")),
    *((kind, _day) for kind in (pa.date32(), pa.date64())),
    (pa.time32("ms"), lambda chance: datetime.time(1)),
    (pa.time64("ns"), lambda chance: datetime.time(1)),
    *((kind, lambda chance: decimal.Decimal("1.50")) for kind in (pa.decimal128(5, 2), pa.decimal256(50, 2))),
    (pa.binary(3), lambda chance: b"abc"),
    (pa.struct({"a": pa.int64(), "b": pa.string()}), lambda chance: {"a": 1, "b": "x"}),
    (pa.struct({}), lambda chance: {}),
    (pa.map_(pa.string(), pa.int64()), lambda chance: [("k", 1)]),
    (pa.list_(pa.struct({"a": pa.int64()})), lambda chance: [{"a": 1}]),
)
NAMES = (
    "id",
    "label",
    "text",
    "words",
    "features",
    "image",
    "audio",
    "pinned",
    "x0",
    "score",
    "a.b",
    "c0",
    "list",
    "é",
    "",
    "more",
)
_ENCODINGS = ("PLAIN", "DELTA_BINARY_PACKED", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "BYTE_STREAM_SPLIT", "RLE")


def any_column(chance: random.Random, rows: int) -> pa.Array:
    """A column of some type, with or without missing values."""
    kind, make = chance.choice(TYPES)
    missing = chance.choice((0, 0, 0.2, 1))
    return pa.array([None if chance.random() < missing else make(chance) for _ in range(rows)], kind)


def good_table(chance: random.Random, rows: int) -> pa.Table:
    """A table as this project writes them."""
    labels = pa.array([chance.choice(("ant", "bee", "cat")) for _ in range(rows)])
    columns: dict[str, Any] = {"id": range(100, 100 + rows), "label": labels.dictionary_encode()}
    if chance.random() < 0.7:
        columns["text"] = [f"text {chance.choice(TEXTS)}" for _ in range(rows)]
    if chance.random() < 0.5:
        columns["words"] = pa.array([_words(chance) for _ in range(rows)], pa.list_(pa.string()))
    if chance.random() < 0.5:
        values = pa.array([chance.random() for _ in range(rows * 3)], pa.float32())
        columns["features"] = pa.FixedSizeListArray.from_arrays(values, 3)
    if chance.random() < 0.3:
        columns["image"] = pa.array([bytes(chance.randrange(40)) for _ in range(rows)])
    columns["length"] = pa.array([chance.choice((1.5, 2.0, None)) for _ in range(rows)], pa.float64())
    return pa.table(columns).replace_schema_metadata({"activis.content": "text", "activis.ink": "1"})


def any_table(chance: random.Random, rows: int) -> pa.Table:
    """The same with one to three columns of any type, some in the place of those that are known."""
    table = good_table(chance, rows)
    for _ in range(chance.choice((1, 1, 2, 3))):
        name, column = chance.choice(NAMES), any_column(chance, rows)
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            table = table.append_column(name, column)
    return table


def written(table: pa.Table, chance: random.Random) -> bytes:
    """As pyarrow writes it, with options of all kinds; with the usual ones where these do not go together."""
    options: dict[str, Any] = {"compression": "zstd"}
    if chance.random() < 0.4:
        options = {
            "compression": chance.choice(("zstd", "snappy", "none", "gzip", "brotli", "lz4")),
            "use_dictionary": chance.random() < 0.5,
            "data_page_version": chance.choice(("1.0", "1.0", "2.0")),
            "version": chance.choice(("1.0", "2.4", "2.6")),
            "data_page_size": chance.choice((None, 10)),
            "write_batch_size": chance.choice((None, 3)),
            "row_group_size": chance.choice((None, 5)),
            "store_schema": chance.random() < 0.7,
            "write_page_index": chance.random() < 0.3,
            "write_page_checksum": chance.random() < 0.3,
            "use_compliant_nested_type": chance.random() < 0.7,
        }
        if not options["use_dictionary"] and chance.random() < 0.5:
            options["column_encoding"] = {chance.choice(table.column_names): chance.choice(_ENCODINGS)}
    for choice in (options, {"compression": "zstd"}):
        sink = io.BytesIO()
        try:
            pq.write_table(table, sink, **choice)
            return sink.getvalue()
        except (pa.ArrowException, OSError, ValueError):
            continue
    return written(good_table(chance, table.num_rows), random.Random(0))
