"""Parses and validates the footer of a Parquet file: its columns, and where their pages lie.

The format is specified in apache/parquet-format. It is parsed here because pyarrow trusts the counts in it, and because pyarrow
aborts the process when a column's metadata contradict each other.
"""

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.column_types import (
    REWRITE,
    UnsupportedError,
    check_content,
    fits,
    supported_type,
    unsupported_column,
)
from tensorboard_activis.read.stored_types import stored_type
from tensorboard_activis.read.thrift import Compact, ThriftError, Value

_MAGIC = b"PAR1"
_MAX_FOOTER = 16 << 20
_REQUIRED, _OPTIONAL, _REPEATED = range(3)
#: Compression by its number in the format: zstd is what this project writes, snappy what pyarrow writes by default.
CODECS = {0: "none", 1: "snappy", 6: "zstd"}
_ENCRYPTED = f"is encrypted, and encrypted tables are not read. {REWRITE}"
_OTHER_CODECS = {2: "gzip", 3: "LZO", 4: "Brotli", 5: "LZ4", 7: "LZ4"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        physical: number of the Parquet type of its values; `stored` is the same as an Arrow type.
        repeated: whether each value is a list; then `outer` says whether the list may be null.
        optional: whether a value may be null.
        kind: the Arrow type that the column has in the table.
        path: its names in the file's schema.
    """

    name: str
    physical: int
    stored: pa.DataType
    repeated: bool
    outer: bool
    optional: bool
    kind: pa.DataType
    path: list[bytes]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A column chunk, one column in one row group: `size` bytes of pages from offset `start`, with so many values."""

    physical: int
    start: int
    size: int
    codec: int
    values: int


@dataclass(frozen=True, slots=True)
class Footer:
    """Columns, row groups (the number of rows, and a chunk for each column), and key-value metadata of a file."""

    columns: list[Column]
    groups: list[tuple[int, list[Chunk]]]
    metadata: dict[bytes, bytes]


def read_footer(file: BinaryIO) -> Footer:
    """Parses and validates the footer of a Parquet file.

    Raises:
        UnreadableError: it is no Parquet file, uses a feature that this project never wrote, or contradicts itself.
        ThriftError: it is damaged.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8))
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] == b"PARE":
        raise UnsupportedError(f"it {_ENCRYPTED}")
    if tail[4:] != _MAGIC or length > min(size - 12, _MAX_FOOTER):
        raise UnreadableError(f"its {size:,} bytes are not a complete Parquet file")
    end = size - 8 - length
    file.seek(end)
    fields = Compact(file.read(length)).struct()
    if 8 in fields:
        raise UnsupportedError(f"it {_ENCRYPTED}")
    metadata = dict(_metadata(fields.get(5)))
    columns = _columns(as_items(fields.get(2)), metadata.pop(b"ARROW:schema", None))
    groups = [_group(as_fields(group), columns) for group in as_items(fields.get(4))]
    rows = sum(rows for rows, _ in groups)
    if rows != as_count(fields.get(3)):
        raise UnreadableError(
            f"its footer says that it has {as_count(fields.get(3)):,} rows, and its row groups have {rows:,}"
        )
    _check_places([chunk for _, chunks in groups for chunk in chunks], end)
    return Footer(columns, groups, metadata)


def _metadata(value: Value) -> Iterator[tuple[bytes, bytes]]:
    for item in [] if value is None else as_items(value):
        pair = as_fields(item)
        yield as_bytes(pair.get(1)), as_bytes(pair.get(2, b""))


def _columns(elements: list[Value], serialized: bytes | None) -> list[Column]:
    """Decodes the schema, a tree in depth-first order. A column is a leaf, or a list of leaves; nothing deeper is read."""
    schema = None if serialized is None else _arrow_schema(serialized)
    if not elements:
        raise ThriftError("a part is missing")
    rest = iter(map(as_fields, elements))
    count = as_count(next(rest).get(5, 0))
    if not count or count >= len(elements):
        raise UnreadableError(f"its schema says that it has {count:,} columns, and has {len(elements) - 1:,} elements")
    if schema is not None and len(schema) != count:
        raise UnreadableError(f"it has {count} columns, and its Arrow schema has {len(schema)}")
    columns = [_column(rest, None if schema is None else schema.field(index)) for index in range(count)]
    if next(rest, None) is not None:
        raise UnreadableError(f"its schema describes more than the {count} columns that it says")
    return columns


def _arrow_schema(serialized: bytes) -> pa.Schema:
    """Decodes the Arrow schema, used only for types that Parquet lacks: categories and fixed-size lists."""
    try:
        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(serialized)))
    except (pa.ArrowException, ValueError, TypeError, KeyError, OSError) as error:
        raise UnreadableError(f"its Arrow schema is damaged: {str(error)[:200]}") from error


def _column(rest: Iterator[dict[int, Value]], field: pa.Field | None) -> Column:
    element = _next(rest)
    name = _text(element)
    kind = None if field is None else supported_type(field.type)
    if field is not None:
        if field.name != name:
            raise UnreadableError(f"a column is called {name!r:.80}, and {field.name!r:.80} in the Arrow schema")
        if kind is None:
            raise unsupported_column(name, str(field.type))
    leaf, path, repeated = element, [as_bytes(element.get(4))], False
    if as_count(element.get(5, 0)):
        group = _next(rest)
        leaf = _next(rest)
        path += [as_bytes(group.get(4)), as_bytes(leaf.get(4))]
        repeated = True
        if not _is_list(element, group, leaf):
            raise unsupported_column(name, "nested values" if field is None else str(field.type))
    stored = stored_type(leaf)
    if stored is None:
        raise unsupported_column(name, "values of a type that is not read" if field is None else str(field.type))
    whole = pa.list_(stored) if repeated else stored
    if kind is None:
        kind = supported_type(whole)
        if kind is None:
            raise unsupported_column(name, str(whole))
    if not fits(kind, whole):
        raise UnreadableError(f"the column {name!r:.80} is stored as {whole}, and is {kind} in the Arrow schema")
    check_content(name, kind)
    outer, optional = (_repetition(part) == _OPTIONAL for part in (element, leaf))
    return Column(
        name,
        as_count(leaf.get(1)),
        stored,
        repeated,
        outer,
        optional,
        whole if pa.types.is_timestamp(kind) else kind,
        path,
    )


def _next(rest: Iterator[dict[int, Value]]) -> dict[int, Value]:
    element = next(rest, None)
    if element is None:
        raise ThriftError("its schema ends too early")
    return element


def _is_list(element: dict[int, Value], group: dict[int, Value], leaf: dict[int, Value]) -> bool:
    """Whether this is the standard three-level list: optional group (LIST) { repeated group { optional leaf } }."""
    logical = element.get(10)
    annotated = element.get(6) == 3 if logical is None else set(as_fields(logical)) == {3}
    children = (as_count(element.get(5)), as_count(group.get(5, 0)), as_count(leaf.get(5, 0)))
    plain = group.get(6) is None and group.get(10) is None
    return (
        annotated
        and plain
        and children == (1, 1, 0)
        and _repetition(element) != _REPEATED
        and group.get(3) == _REPEATED
        and _repetition(leaf) != _REPEATED
    )


def _repetition(element: dict[int, Value]) -> int:
    repetition = as_count(element.get(3))
    if repetition > _REPEATED:
        raise ThriftError("a number is out of range")
    return repetition


def _group(group: dict[int, Value], columns: list[Column]) -> tuple[int, list[Chunk]]:
    chunks = as_items(group.get(1))
    rows = as_count(group.get(3))
    if len(chunks) != len(columns):
        raise UnreadableError(f"a row group has {len(chunks)} columns, and the schema has {len(columns)}")
    return rows, [_chunk(as_fields(chunk), column, rows) for chunk, column in zip(chunks, columns, strict=True)]


def _chunk(chunk: dict[int, Value], column: Column, rows: int) -> Chunk:
    description = f"the column {column.name!r:.80}"
    if chunk.get(1):
        raise UnsupportedError(f"{description} is stored in another file, which is not read. {REWRITE}")
    if 8 in chunk or 9 in chunk:
        raise UnsupportedError(f"{description} {_ENCRYPTED}")
    metadata = as_fields(chunk.get(3))
    codec, values = as_count(metadata.get(4)), as_count(metadata.get(5))
    if codec not in CODECS:
        name = _OTHER_CODECS.get(codec, f"codec {codec}")
        raise UnsupportedError(
            f"{description} is compressed by {name}; only {', '.join(CODECS.values())} are read. {REWRITE}"
        )
    if as_count(metadata.get(1)) != column.physical or as_items(metadata.get(3)) != column.path:
        raise UnreadableError(f"a row group has another column where {description} belongs")
    size = pa.types.is_fixed_size_list(column.kind) and column.kind.list_size
    if values != rows * size if size else values < rows if column.repeated else values != rows:
        raise UnreadableError(f"{description} has {values:,} values in {rows:,} rows")
    start, dictionary = as_count(metadata.get(9)), as_count(metadata.get(11, 0))
    if dictionary > 0 and (dictionary < start or not start):
        start = dictionary
    return Chunk(column.physical, start, as_count(metadata.get(7)), codec, values)


def _check_places(chunks: list[Chunk], end: int) -> None:
    before = len(_MAGIC)
    for chunk in sorted(chunks, key=lambda chunk: (chunk.start, chunk.size)):
        if chunk.size and chunk.values:
            if chunk.start < before or chunk.start + chunk.size > end:
                raise UnreadableError("its footer says that columns lie outside the file, or that two overlap")
            before = chunk.start + chunk.size


def as_count(value: Value) -> int:
    """The value as a non-negative integer. Raises ThriftError."""
    if not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ThriftError("a number is missing or negative")
    return value


def as_items(value: Value) -> list[Value]:
    """The value as a list. Raises ThriftError."""
    if not isinstance(value, list):
        raise ThriftError("a list is missing")
    return value


def as_fields(value: Value) -> dict[int, Value]:
    """The value as the fields of a struct. Raises ThriftError."""
    if not isinstance(value, dict):
        raise ThriftError("a part is missing")
    return value


def as_bytes(value: Value) -> bytes:
    """The value as bytes. Raises ThriftError."""
    if not isinstance(value, bytes):
        raise ThriftError("a text is missing")
    return value


def _text(element: dict[int, Value]) -> str:
    try:
        return as_bytes(element.get(4)).decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"the name of a column is not UTF-8: {error}") from error
