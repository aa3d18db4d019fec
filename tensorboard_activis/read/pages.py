"""Parses and validates the page headers of a column in a Parquet file, before anything is decompressed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.column_types import REWRITE, UnsupportedError
from tensorboard_activis.read.footer import Chunk, as_count, as_fields
from tensorboard_activis.read.stored_types import BYTE_ARRAY, WIDTHS
from tensorboard_activis.read.thrift import Compact, ThriftError, Value, boolean, i32, struct

#: Page headers carry statistics, which the writer cuts at 4 KB for each of four values. Most are short.
_SHORT_HEADER, _MAX_HEADER = 1 << 10, 1 << 15
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_OTHER_PAGES = {1: "an index page", 3: "a data page of version 2"}
#: Values lie one after the other, or are indices into a dictionary, whose own values are plain. What is missing is said in runs.
_PLAIN, _RUNS, _INDICES = 0, 3, 8
_OTHER_ENCODINGS = {
    2: "PLAIN_DICTIONARY",
    3: "RLE",
    4: "BIT_PACKED",
    5: "DELTA_BINARY_PACKED",
    6: "DELTA_LENGTH_BYTE_ARRAY",
    7: "DELTA_BYTE_ARRAY",
    9: "BYTE_STREAM_SPLIT",
}
_MAX_INT32 = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a column.

    Attributes:
        is_dictionary: whether it holds the dictionary of the pages after it.
        indexed: whether its values are indices into the dictionary.
        count: number of values, nulls included.
        uncompressed: bytes of its content when it is decompressed.
        start, size: offset of its content in the file, and its bytes.
    """

    is_dictionary: bool
    indexed: bool
    count: int
    uncompressed: int
    start: int
    size: int

    def header(self) -> bytes:
        """Serializes a page header with these fields only."""
        sizes = {2: i32(self.uncompressed), 3: i32(self.size)}
        if self.is_dictionary:
            return struct(
                {1: i32(_DICTIONARY_PAGE)}
                | sizes
                | {7: struct({1: i32(self.count), 2: i32(_PLAIN), 3: boolean(False)})}
            )[1]
        encoding = _INDICES if self.indexed else _PLAIN
        details = struct({1: i32(self.count), 2: i32(encoding), 3: i32(_RUNS), 4: i32(_RUNS)})
        return struct({1: i32(_DATA_PAGE)} | sizes | {5: details})[1]


def pages(file: BinaryIO, chunk: Chunk, description: str) -> Iterator[Page]:
    """Iterates over the pages of a column chunk: the dictionary page, if there is one, then the data pages.

    Args:
        description: the column, for error messages.

    Raises:
        UnreadableError: the headers are inconsistent, or use a feature that this project never wrote.
        ThriftError: a header is damaged.
    """
    position, end, dictionary = chunk.start, chunk.start + chunk.size, False
    while position < end:
        header, length = _header(file, position, end)
        position += length
        size = as_count(header.get(3))
        if size > end - position:
            raise UnreadableError(f"a page of {description} ends beyond the column")
        page = _page(header, position, size, chunk, description)
        if page.is_dictionary and dictionary:
            raise UnreadableError(f"{description} has two dictionaries")
        if page.indexed and not dictionary:
            raise UnreadableError(f"{description} refers to a dictionary that is missing")
        dictionary |= page.is_dictionary
        yield page
        position += size


def _header(file: BinaryIO, start: int, end: int) -> tuple[dict[int, Value], int]:
    """Parses the header at offset `start`; returns its fields and its length in bytes."""
    for most in (_SHORT_HEADER, _MAX_HEADER):
        file.seek(start)
        reader = Compact(file.read(min(most, end - start)))
        try:
            return reader.struct(), reader.position
        except ThriftError:
            if most == _MAX_HEADER or end - start <= most:
                raise
    raise AssertionError


def _page(header: dict[int, Value], start: int, size: int, chunk: Chunk, description: str) -> Page:
    kind, uncompressed = as_count(header.get(1)), as_count(header.get(2))
    if kind not in (_DATA_PAGE, _DICTIONARY_PAGE):
        raise UnsupportedError(
            f"{description} has {_OTHER_PAGES.get(kind, f'a page of kind {kind}')}, which is not read. {REWRITE}"
        )
    is_dictionary = kind == _DICTIONARY_PAGE
    details = as_fields(header.get(7 if is_dictionary else 5))
    count, encoding = as_count(details.get(1)), as_count(details.get(2))
    if max(count, uncompressed) > _MAX_INT32 or (not chunk.codec and uncompressed != size):
        raise UnreadableError(f"a page of {description} has another size than its header says")
    if encoding not in ((_PLAIN,) if is_dictionary else (_PLAIN, _INDICES)):
        name = _OTHER_ENCODINGS.get(encoding, f"encoding {encoding}")
        raise UnsupportedError(f"{description} is encoded by {name}; only PLAIN and RLE_DICTIONARY are read. {REWRITE}")
    if not is_dictionary and (details.get(3), details.get(4)) != (_RUNS, _RUNS):
        raise UnsupportedError(f"{description} marks missing values in an encoding that is not read. {REWRITE}")
    if is_dictionary:
        _check_entries(count, uncompressed, chunk, description)
    return Page(is_dictionary, encoding == _INDICES, count, uncompressed, start, size)


def _check_entries(count: int, size: int, chunk: Chunk, description: str) -> None:
    width = WIDTHS.get(chunk.physical)
    if width is None or (count * width > size if chunk.physical == BYTE_ARRAY else count * width != size):
        raise UnreadableError(f"the dictionary of {description} says that it has {count:,} values in {size:,} bytes")
