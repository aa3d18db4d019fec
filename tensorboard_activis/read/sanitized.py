"""Rewrites a Parquet file in memory with validated metadata, so that pyarrow sees no count, offset or type that was not checked.

A few bytes may expand to gigabytes: compressed zeros, one value repeated, an encoding that multiplies, or a false count. The
file's own metadata never reach pyarrow: it gets the contents of the pages, with headers and a footer that are written here.
"""

from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.column_types import REWRITE, UnsupportedError
from tensorboard_activis.read.footer import Chunk, Column, read_footer
from tensorboard_activis.read.pages import Page, pages
from tensorboard_activis.read.stored_types import BYTE_ARRAY, schema_element
from tensorboard_activis.read.thrift import Encoded, ThriftError, binary, i32, i64, items, struct

_MAGIC = b"PAR1"
_MAX_PAGES = 50_000
#: Bytes that a value, and an entry of a dictionary beside its text, take when they are decoded.
_VALUE, _ENTRY = 8, 24
_LIST = struct({3: struct({})})


@dataclass(slots=True)
class Demand:
    """The memory that decoding one column needs, over all row groups.

    Attributes:
        uncompressed: bytes of its pages when they are decompressed.
        values: number of values in its data pages, nulls included.
        entries: number of values in its dictionaries.
        expanded: upper bound, in bytes, of the strings that its values refer to in dictionaries.
    """

    uncompressed: int = 0
    values: int = 0
    entries: int = 0
    expanded: int = 0

    @property
    def decoded(self) -> int:
        """Bytes that decoding the column takes while its strings stay in their dictionaries."""
        return self.uncompressed + _VALUE * self.values + _ENTRY * self.entries


@dataclass(frozen=True, slots=True)
class SanitizedFile:
    """A Parquet file with validated metadata.

    Attributes:
        content: the Parquet file, with columns called c0, c1, ….
        columns: the columns of the original file; `demands` is the memory that each needs.
        metadata: key-value metadata of the original file.
        rows: number of rows.
    """

    content: pa.Buffer
    columns: list[Column]
    demands: list[Demand]
    metadata: dict[bytes, bytes]
    rows: int


#: What to do about a table that takes too much memory.
SMALLER = "Log fewer instances (sample=), or shorter texts"


class MemoryLimitError(UnsupportedError):
    """Reading would take more memory than is allowed.

    Args:
        size: bytes needed, as far as they were counted; `room` is the limit in bytes.
        subject: what needs them, for the message.
    """

    def __init__(self, size: int, room: int, subject: str = "it") -> None:
        super().__init__(f"{subject} would take {size:,} bytes of memory; {room:,} are allowed. {SMALLER}")


def sanitize(file: BinaryIO, room: int) -> SanitizedFile:
    """Validates the footer and the page headers of a Parquet file, and writes an equivalent file in memory.

    Args:
        file: opened for reading in binary mode, at any position.
        room: limit, in bytes, of the memory that pyarrow needs to decode it, strings of a dictionary counted once.

    Raises:
        MemoryLimitError: decoding would take more.
        UnreadableError: it is no Parquet file, uses a feature that this project never wrote, or is inconsistent.
    """
    try:
        footer = read_footer(file)
        builder = _Builder(file, footer.columns, room)
        # False counts are refused before anything is read.
        builder.check(sum(_VALUE * chunk.values + chunk.size for _, chunks in footer.groups for chunk in chunks))
        groups = [builder.group(rows, chunks) for rows, chunks in footer.groups if rows]
        rows = sum(rows for rows, _ in footer.groups)
        return SanitizedFile(builder.finish(rows, groups), footer.columns, builder.demands, footer.metadata, rows)
    except ThriftError as error:
        raise UnreadableError(f"its metadata are damaged: {error}") from error


class _Builder:
    """Collects pages, and counts the memory that they need."""

    def __init__(self, file: BinaryIO, columns: list[Column], room: int) -> None:
        self.demands = [Demand() for _ in columns]
        self._file = file
        self._columns = columns
        self._room = room
        self._parts: list[tuple[bytes, Page]] = []
        self._length = len(_MAGIC)
        self._pages = 0
        self._decoded = 0

    def check(self, size: int) -> None:
        if size > self._room:
            raise MemoryLimitError(size, self._room)

    def group(self, rows: int, chunks: list[Chunk]) -> Encoded:
        encoded = [self._chunk(index, chunk) for index, chunk in enumerate(chunks)]
        return struct({1: items(encoded), 2: i64(0), 3: i64(rows)})

    def finish(self, rows: int, groups: list[Encoded]) -> pa.Buffer:
        schema = [struct({4: binary(b"schema"), 5: i32(len(self._columns))})]
        for index, column in enumerate(self._columns):
            schema += _elements(index, column)
        _, footer = struct({1: i32(2), 2: items(schema), 3: i64(rows), 4: items(groups)})
        end = footer + len(footer).to_bytes(4, "little") + _MAGIC
        content = pa.allocate_buffer(self._length + len(end))
        target, position = memoryview(content).cast("B"), len(_MAGIC)
        target[:position] = _MAGIC
        for header, page in self._parts:
            target[position : position + len(header)] = header
            position += len(header)
            self._file.seek(page.start)
            if self._file.readinto(target[position : position + page.size]) != page.size:  # type: ignore[attr-defined]
                raise UnreadableError("it became shorter while it was read")
            position += page.size
        target[position:] = end
        return content

    def _chunk(self, index: int, chunk: Chunk) -> Encoded:
        column, demand = self._columns[index], self.demands[index]
        description = f"the column {column.name!r:.80}"
        start, data, size, values, dictionary = self._length, self._length, 0, 0, 0
        for page in pages(self._file, chunk, description):
            self._pages += 1
            if self._pages > _MAX_PAGES:
                raise UnsupportedError(f"it has more than {_MAX_PAGES:,} pages. {REWRITE}")
            before = demand.decoded
            demand.uncompressed += page.uncompressed
            size += page.uncompressed
            self._append(page)
            if page.is_dictionary:
                dictionary, data = page.uncompressed, self._length
                demand.entries += page.count
            else:
                values += page.count
                demand.values += page.count
                demand.expanded += page.count * dictionary if page.indexed and chunk.physical == BYTE_ARRAY else 0
            self._decoded += demand.decoded - before
            self.check(self._decoded)
        if values != chunk.values:
            raise UnreadableError(
                f"the pages of {description} hold {values:,} values, and the file says {chunk.values:,}"
            )
        metadata = {
            1: i32(chunk.physical),
            2: items([i32(0), i32(3), i32(8)]),
            3: items([binary(name) for name in _path(index, column)]),
            4: i32(chunk.codec),
            5: i64(values),
            6: i64(size),
            7: i64(self._length - start),
            9: i64(data),
            11: i64(start) if start < data else None,
        }
        return struct({2: i64(0), 3: struct(metadata)})

    def _append(self, page: Page) -> None:
        header = page.header()
        self._parts.append((header, page))
        self._length += len(header) + page.size


def _path(index: int, column: Column) -> list[bytes]:
    name = b"c%d" % index
    return [name, b"list", b"element"] if column.repeated else [name]


def _elements(index: int, column: Column) -> list[Encoded]:
    """The schema elements of a column, depth first."""
    names = _path(index, column)
    leaf = schema_element(names[-1], column.stored, column.optional)
    if not column.repeated:
        return [leaf]
    outer = struct({3: i32(int(column.outer)), 4: binary(names[0]), 5: i32(1), 6: i32(3), 10: _LIST})
    return [outer, struct({3: i32(2), 4: binary(names[1]), 5: i32(1)}), leaf]
