"""A Parquet file taken apart into its pages and its footer, to be changed and put together again, consistently or not."""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile import thrift_tree as thrift
from tests.hostile.thrift_tree import BINARY, I32, I64, LIST, STRUCT

#: Names of codecs as `pyarrow.compress` has them.
CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}


@dataclass
class Page:
    """A page's header as a tree, and its content as it lies in the file."""

    header: list[list[Any]]
    content: bytes

    @property
    def is_dictionary(self) -> bool:
        return any(one[0] == 1 and one[2] == 2 for one in self.header)

    @property
    def details(self) -> list[list[Any]]:
        """The part of the header that only pages of its kind have."""
        details: list[list[Any]] = thrift.value(self.header, {0: 5, 2: 7, 3: 8}[thrift.value(self.header, 1)])
        return details


@dataclass
class Chunk:
    """The pages of a column in one group of rows, and its part of the footer."""

    fields: list[list[Any]]
    pages: list[Page] = field(default_factory=list)

    @property
    def metadata(self) -> list[list[Any]]:
        metadata: list[list[Any]] = thrift.value(self.fields, 3)
        return metadata

    @property
    def codec(self) -> int:
        return int(thrift.value(self.metadata, 4))

    def content(self, page: Page) -> bytes:
        """What the page holds, decompressed."""
        if not self.codec:
            return page.content
        return bytes(pa.decompress(page.content, thrift.value(page.header, 2), CODECS[self.codec], asbytes=True))

    def put_content(self, page: Page, content: bytes) -> None:
        """Changes what the page holds, with the sizes that go with it."""
        page.content = pa.compress(content, CODECS[self.codec], asbytes=True) if self.codec else content
        thrift.put(page.header, 2, I32, len(content))
        thrift.put(page.header, 3, I32, len(page.content))

    def recompress(self, codec: int) -> None:
        """The same pages in another compression."""
        contents = [self.content(page) for page in self.pages]
        thrift.put(self.metadata, 4, I32, codec)
        for page, content in zip(self.pages, contents, strict=True):
            self.put_content(page, content)


class ParquetTree:
    """The whole file.

    Attributes:
        footer: its tree; `groups` and `chunks` are parts of it.
    """

    def __init__(self, content: bytes) -> None:
        length = int.from_bytes(content[-8:-4], "little")
        self.footer = thrift.Reader(content[-8 - length : -8]).struct()
        self._chunks: dict[int, Chunk] = {}
        for group in self.groups:
            for fields in thrift.value(group, 1)[1]:
                self._chunks[id(fields)] = Chunk(fields, list(_pages(content, thrift.value(fields, 3))))

    @property
    def groups(self) -> list[list[list[Any]]]:
        groups: list[list[list[Any]]] = thrift.value(self.footer, 4)[1]
        return groups

    @property
    def chunks(self) -> list[Chunk]:
        """Of all groups, in the footer's order."""
        return [self._chunks[id(fields)] for group in self.groups for fields in thrift.value(group, 1)[1]]

    @property
    def schema(self) -> list[list[list[Any]]]:
        elements: list[list[list[Any]]] = thrift.value(self.footer, 2)[1]
        return elements

    @property
    def metadata(self) -> list[list[list[Any]]]:
        """The file's own: structs of key and value."""
        pairs: list[list[list[Any]]] = thrift.value(self.footer, 5)[1]
        return pairs

    def put_arrow_schema(self, schema: pa.Schema | None) -> None:
        """Replaces the Arrow schema by another, or leaves it out."""
        pairs = [pair for pair in self.metadata if thrift.value(pair, 1) != b"ARROW:schema"]
        if schema is not None:
            pairs.append(key_value(b"ARROW:schema", base64.b64encode(schema.serialize())))
        thrift.put(self.footer, 5, LIST, [STRUCT, pairs])

    def put_rows(self, rows: int) -> None:
        """Says everywhere that there are so many: in the footer, in each group, in each column and in its first page."""
        thrift.put(self.footer, 3, I64, rows)
        for group in self.groups:
            thrift.put(group, 3, I64, rows)
        for chunk in self.chunks:
            thrift.put(chunk.metadata, 5, I64, rows)
            data = [page for page in chunk.pages if not page.is_dictionary]
            for page in data:
                thrift.put(page.details, 1, I32, 0)
            if data:
                thrift.put(data[0].details, 1, I32, min(rows, 2**31 - 1))

    def place(self) -> bytes:
        """Gives every chunk its place and size in the footer; returns the bytes before it."""
        body = bytearray(b"PAR1")
        for chunk in self.chunks:
            start, places = len(body), dict[int, int]()
            for page in chunk.pages:
                places.setdefault(11 if page.is_dictionary else 9, len(body))
                body += thrift.encoded(page.header) + page.content
            for number, place in places.items():
                thrift.put(chunk.metadata, number, I64, place)
            thrift.put(chunk.metadata, 7, I64, len(body) - start)
        return bytes(body)

    def end(self) -> bytes:
        """The footer with what follows it."""
        footer = thrift.encoded(self.footer)
        return footer + len(footer).to_bytes(4, "little") + b"PAR1"

    def whole(self) -> bytes:
        """The file, its pages where it says."""
        return self.place() + self.end()


def taken_apart(table: pa.Table, **options: Any) -> ParquetTree:
    """A table as pyarrow writes it."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **({"compression": "zstd"} | options))
    return ParquetTree(sink.getvalue())


def _pages(content: bytes, metadata: list[list[Any]]) -> Iterator[Page]:
    offsets = [one[2] for one in metadata if one[0] in (9, 11) and one[2] > 0]
    position = min(offsets)
    end = position + thrift.value(metadata, 7)
    while position < end:
        reader = thrift.Reader(content, position)
        header = reader.struct()
        size = thrift.value(header, 3)
        yield Page(header, content[reader.position : reader.position + size])
        position = reader.position + size


def key_value(key: bytes, content: bytes) -> list[list[Any]]:
    """An entry of the file's own metadata."""
    return [[1, BINARY, key], [2, BINARY, content]]
