"""What reading a Parquet file would take, found in its page headers before anything is decompressed.

A few bytes may stand for gigabytes: compressed zeros, or one value repeated. What the file's own metadata say of it may be a lie;
the reader goes by the headers of its pages, and so does this. The format is that of apache/parquet-format. It is read here because
pyarrow's own view of a column's metadata ends the process where they contradict each other.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.thrift import Compact, ThriftError, Value

_MAGIC = b"PAR1"
_MAX_FOOTER = 2 << 20
_MAX_PAGES = 50_000
#: Page headers carry statistics, which the writer cuts; nothing of ours comes near this.
_MAX_HEADER = 1 << 16
_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 2, 3


@dataclass(slots=True)
class Demand:
    """Of one column of the file, over all its row groups.

    Attributes:
        uncompressed: bytes that its pages take when they are decompressed.
        values: values in its data pages.
        dictionary: bytes of its dictionaries; each of the values may be as long.
    """

    uncompressed: int = 0
    values: int = 0
    dictionary: int = 0


@dataclass(slots=True)
class Demands:
    """Of a file: its number of rows, and its columns by their paths in the schema."""

    rows: int
    columns: dict[str, Demand] = field(default_factory=dict)


def demands(file: BinaryIO) -> Demands:
    """Reads footer and page headers.

    Raises:
        UnreadableError: it is no Parquet file, or its pages are not where it says, or too many.
    """
    try:
        footer = _footer(file)
        found = Demands(_integer(footer.get(3)))
        pages = 0
        for chunk in _chunks(footer):
            metadata = _fields(chunk.get(3))
            if chunk.get(1):
                raise UnreadableError("a column lies in another file")
            path = ".".join(_text(part) for part in _items(metadata.get(3)))
            demand = found.columns.setdefault(path, Demand())
            for header in _pages(file, metadata):
                pages += 1
                if pages > _MAX_PAGES:
                    raise UnreadableError(f"it has more than {_MAX_PAGES:,} pages")
                _count(demand, header)
        return found
    except ThriftError as error:
        raise UnreadableError(f"its metadata are damaged: {error}") from error


def _footer(file: BinaryIO) -> dict[int, Value]:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8))
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length > min(size - 12, _MAX_FOOTER):
        raise UnreadableError("it is no complete Parquet file")
    file.seek(size - 8 - length)
    return Compact(file.read(length)).struct()


def _chunks(footer: dict[int, Value]) -> Iterator[dict[int, Value]]:
    """Those of all columns in all row groups."""
    for group in _items(footer.get(4)):
        for chunk in _items(_fields(group).get(1)):
            yield _fields(chunk)


def _pages(file: BinaryIO, metadata: dict[int, Value]) -> Iterator[dict[int, Value]]:
    """The headers of a column's pages in one row group."""
    start, dictionary = _integer(metadata.get(9)), metadata.get(11)
    if isinstance(dictionary, int) and 0 < dictionary < start:  # as the reader has it
        start = dictionary
    end = start + _integer(metadata.get(7))
    while start < end:
        file.seek(start)
        reader = Compact(file.read(_MAX_HEADER))
        header = reader.struct()
        yield header
        start += reader.position + _integer(header.get(3))


def _count(demand: Demand, header: dict[int, Value]) -> None:
    kind, uncompressed = _integer(header.get(1)), _integer(header.get(2))
    demand.uncompressed += uncompressed
    if kind == _DICTIONARY_PAGE:
        demand.dictionary += uncompressed
    elif kind in (_DATA_PAGE, _DATA_PAGE_V2):
        demand.values += _integer(_fields(header.get(5 if kind == _DATA_PAGE else 8)).get(1))


def _integer(value: Value) -> int:
    if not isinstance(value, int) or value < 0:
        raise ThriftError("a number is missing or negative")
    return value


def _items(value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise ThriftError("a list is missing")
    return value


def _fields(value: Value) -> dict[int, Value]:
    if not isinstance(value, dict):
        raise ThriftError("a part is missing")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, bytes):
        raise ThriftError("a name is missing")
    return value.decode(errors="replace")
