"""What reading a Parquet file would take, found in its page headers before anything is decompressed.

A few bytes may stand for gigabytes: compressed zeros, or one value repeated. What the file's own metadata say of it may be a lie;
the reader goes by the headers of its pages, and so does this. The format is that of apache/parquet-format: PageHeader, in Thrift's
compact protocol.
"""

from dataclasses import dataclass
from typing import BinaryIO

import pyarrow.parquet as pq

from tensorboard_activis.errors import UnreadableError

_MAX_PAGES = 50_000
_MAX_COLUMNS = 4_000
#: Page headers carry statistics, which the writer cuts; nothing of ours comes near this.
_MAX_HEADER = 1 << 16
_DICTIONARY_PAGE = 2


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


def demands(file: BinaryIO, metadata: pq.FileMetaData) -> dict[str, Demand]:
    """By the column's path in the schema.

    Raises:
        UnreadableError: the pages are not where the metadata say, or too many.
    """
    if metadata.num_row_groups * metadata.num_columns > _MAX_PAGES or metadata.num_columns > _MAX_COLUMNS:
        raise UnreadableError(f"it has {metadata.num_row_groups:,} parts of {metadata.num_columns:,} columns")
    found: dict[str, Demand] = {}
    pages = 0
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            if chunk.file_path:
                raise UnreadableError(f"its column {chunk.path_in_schema!r:.60} lies in another file")
            demand = found.setdefault(chunk.path_in_schema, Demand())
            start, end = _span(chunk)
            while start < end:
                header = _page_header(file, start)
                start += header.length + header.compressed
                pages += 1
                if pages > _MAX_PAGES or start > end:
                    raise UnreadableError("its pages are not where it says")
                demand.uncompressed += header.uncompressed
                if header.kind == _DICTIONARY_PAGE:
                    demand.dictionary += header.uncompressed
                else:
                    demand.values += header.values
    return found


def _span(chunk: pq.ColumnChunkMetaData) -> tuple[int, int]:
    start = chunk.data_page_offset
    first = chunk.dictionary_page_offset if chunk.has_dictionary_page else None
    if first is not None and 0 < first < start:  # as the reader has it
        start = first
    if start < 0 or chunk.total_compressed_size < 0:
        raise UnreadableError("its pages are not where it says")
    return start, start + chunk.total_compressed_size


@dataclass(slots=True)
class _PageHeader:
    kind: int
    uncompressed: int
    compressed: int
    values: int
    length: int


def _page_header(file: BinaryIO, start: int) -> _PageHeader:
    file.seek(start)
    reader = _Compact(file.read(_MAX_HEADER))
    try:
        fields = reader.struct()
    except (IndexError, RecursionError) as error:
        raise UnreadableError("one of its page headers is damaged") from error
    values = 0
    for number in (5, 7, 8):  # of a data page, a dictionary page, a data page of version 2
        inner = fields.get(number)
        if isinstance(inner, dict) and isinstance(inner.get(1), int):
            values = max(values, inner[1])
    sizes = [fields.get(number) for number in (1, 2, 3)]
    if not all(isinstance(size, int) and 0 <= size < 1 << 31 for size in sizes):
        raise UnreadableError("one of its page headers is damaged")
    kind, uncompressed, compressed = (int(size) for size in sizes)  # type: ignore[call-overload]
    return _PageHeader(kind, uncompressed, compressed, values, reader.position)


class _Compact:
    """Thrift's compact protocol, as much as skips what is not asked for. Raises IndexError at the end of the bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def struct(self, depth: int = 0) -> dict[int, object]:
        """Fields by number: integers, and structs of these; everything else is None."""
        if depth > 8:
            raise RecursionError
        fields: dict[int, object] = {}
        number = 0
        while kind := self._byte():
            number = number + (kind >> 4) if kind >> 4 else self._integer()
            fields[number] = self._value(kind & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> object:
        if kind in (1, 2):
            return None
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 7:
            self._skip(8)
            return None
        if kind == 8:
            self._skip(self._varint())
            return None
        if kind == 12:
            return self.struct(depth + 1)
        raise IndexError  # lists and maps are in no page header

    def _byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self._data):
            raise IndexError

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7
            if shift > 63:
                raise IndexError

    def _integer(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)
