"""Files whose pages multiply what they hold, or lie elsewhere: encodings, compressions, dictionaries, places."""

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from tests.hostile import thrift_tree as thrift
from tests.hostile.malicious.making import FILES, MB, TABLE, TOO_MUCH, changed, lying, written
from tests.hostile.parquet_tree import ParquetTree, taken_apart
from tests.hostile.thrift_tree import BINARY, I32, I64, STRUCT


def _texts(count: int, longest: int) -> pa.Table:
    return pa.table({"id": range(count), "text": ["x" * longest] * count})


def _categories(rows: int, longest: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), ["x" * longest])


def _as_texts(columns: dict[str, Any]) -> bytes:
    """Categories, which are quick to make, without the Arrow schema that says so."""
    tree = taken_apart(pa.table(columns))
    tree.put_arrow_schema(None)
    return tree.whole()


def _zeros(codec: str, size: int) -> bytes:
    """One value of so many bytes."""
    tree = taken_apart(pa.table({"id": [b"x"]}), compression=codec, use_dictionary=False)
    (chunk,) = tree.chunks
    levels = chunk.content(chunk.pages[0])[:-5]
    chunk.put_content(chunk.pages[0], levels + size.to_bytes(4, "little") + bytes(size))
    return tree.whole()


for encoding, column in {
    "DELTA_BYTE_ARRAY": {"text": "DELTA_BYTE_ARRAY"},
    "DELTA_LENGTH_BYTE_ARRAY": {"text": "DELTA_LENGTH_BYTE_ARRAY"},
    "DELTA_BINARY_PACKED": {"id": "DELTA_BINARY_PACKED"},
    "BYTE_STREAM_SPLIT": {"id": "BYTE_STREAM_SPLIT"},
}.items():
    written(
        f"{encoding}, 1 MB in each of ten texts",
        f"is encoded by {encoding}; only PLAIN and RLE_DICTIONARY are read",
        lambda: _texts(10, MB),
        use_dictionary=False,
        column_encoding=column,
    )
written(
    "bits in runs",
    "is encoded by RLE;",
    lambda: pa.table({"id": [True] * 100}),
    column_encoding={"id": "RLE"},
    use_dictionary=False,
)
written("pages of version 2", "has a data page of version 2", lambda: TABLE, data_page_version="2.0")
for codec, title in {"gzip": "gzip", "brotli": "Brotli", "lz4": "LZ4"}.items():
    said = f"is compressed by {title}; only none, snappy, zstd are read"
    FILES[f"{codec} of 30 MB of nothing"] = partial(_zeros, codec, 30 * MB), said
for codec in ("zstd", "snappy"):
    FILES[f"{codec} of 300 MB of nothing"] = partial(_zeros, codec, 300 * MB), TOO_MUCH
lying(
    "a codec that there is not",
    "is compressed by codec 77",
    lambda tree: thrift.put(tree.chunks[0].metadata, 4, I32, 77),
)
written("old dictionaries", "is encoded by PLAIN_DICTIONARY", lambda: TABLE, version="1.0")

# Dictionaries and lists


def _long_lists() -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(range(0, 1_001, 10), pa.int32()), _categories(1_000, MB))


def _many_long() -> dict[str, Any]:
    return {"id": range(2_000)} | {f"c{index}": _categories(2_000, 100_000) for index in range(20)}


def _list_of_nothing(length: int) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, length], pa.int32()), pa.nulls(length, pa.int32()))


for title, columns in {
    "one long text in every row": lambda: {"id": range(1_000), "text": _categories(1_000, MB)},
    "one long text in every list": lambda: {"id": range(100), "words": _long_lists()},
    "each of many columns within the bound": _many_long,
    "lists of nothing": lambda: {"id": [0], "lists": _list_of_nothing(40_000_000)},
}.items():
    FILES[title] = lambda columns=columns: _as_texts(columns()), TOO_MUCH  # type: ignore[misc]
written(
    "one long category in every row",
    TOO_MUCH,
    lambda: pa.table({"id": range(1_000), "label": _categories(1_000, MB)}),
)


def _without_dictionary(tree: ParquetTree) -> None:
    del tree.chunks[1].pages[0]
    thrift.drop(tree.chunks[1].metadata, 11)


changed("no dictionary", "refers to a dictionary that is missing", _without_dictionary)
changed(
    "two dictionaries", "has two dictionaries", lambda tree: tree.chunks[1].pages.insert(1, tree.chunks[1].pages[0])
)


def _indices(tree: ParquetTree) -> None:
    chunk = tree.chunks[1]
    chunk.put_content(chunk.pages[1], chunk.content(chunk.pages[1])[:-4] + b"\x20\x22\xff\xff\xff\x7f")


changed("indices beyond the dictionary", "indices invalid", _indices)

# Places and encryption

lying(
    "a column in another file",
    "is stored in another file",
    lambda tree: thrift.put(tree.chunks[0].fields, 1, BINARY, b"/etc/passwd"),
)
lying(
    "a column beyond the file",
    "columns lie outside the file",
    lambda tree: thrift.put(tree.chunks[4].metadata, 7, I64, 1 << 40),
)
lying(
    "two columns at one place",
    "that two overlap",
    lambda tree: thrift.put(tree.chunks[0].metadata, 7, I64, thrift.value(tree.chunks[0].metadata, 7) + 60),
)
lying("an encrypted column", "is encrypted", lambda tree: thrift.put(tree.chunks[0].fields, 8, STRUCT, []))
lying("an encrypted footer", "is encrypted", lambda tree: thrift.put(tree.footer, 8, STRUCT, []))
FILES["an encrypted file"] = lambda: taken_apart(TABLE).whole()[:-4] + b"PARE", "is encrypted"
