"""Files that do harm by their schema, or by the Arrow schema that lies beside it."""

from collections.abc import Callable

import pyarrow as pa

from tests.hostile import thrift_tree as thrift
from tests.hostile.malicious.making import MB, TABLE, changed, file, lying
from tests.hostile.parquet_tree import ParquetTree, key_value, taken_apart
from tests.hostile.thrift_tree import BINARY, I32, LIST, STRUCT


def _deep(depth: int) -> Callable[[ParquetTree], None]:
    def change(tree: ParquetTree) -> None:
        group = [[3, I32, 1], [4, BINARY, b"deep"], [5, I32, 1]]
        thrift.put(tree.footer, 2, LIST, [STRUCT, [tree.schema[0], *[group] * depth, *tree.schema[1:]]])

    return change


changed("a schema 50,000 deep", "'deep'|holds nested values|metadata are damaged", _deep(50_000))
changed("a schema 100 deep", "'deep'|holds nested values", _deep(100))


@file("a schema 50,000 deep, without an Arrow schema", "holds nested values")
def deep_without_arrow() -> bytes:
    tree = taken_apart(TABLE, store_schema=False)
    _deep(50_000)(tree)
    return tree.whole()


changed(
    "2^31 columns",
    "says that it has 2,147,483,647 columns, and has [0-9]+ elements",
    lambda tree: thrift.put(tree.schema[0], 5, I32, 2**31 - 1),
)


def _reordered(tree: ParquetTree) -> None:
    tree.schema.insert(1, tree.schema.pop(3))
    tree.put_arrow_schema(pa.schema([TABLE.schema.field(index) for index in (2, 0, 1, 3, 4)]))


lying("other columns in the schema", "another column where the column '[a-z]+' belongs", _reordered)
lying(
    "fewer columns than the schema",
    "a row group has 4 columns, and the schema has 5",
    lambda tree: thrift.value(tree.groups[0], 1)[1].pop(),
)


def _fields_of_nothing(tree: ParquetTree) -> None:
    tree.footer.append([7, LIST, [STRUCT, [[]] * 1_900_000]])


changed("a footer of 2 million fields", "more than 1,000,000 values", _fields_of_nothing)
changed(
    "a footer of 17 MB", "not a complete Parquet file", lambda tree: thrift.put(tree.footer, 6, BINARY, bytes(17 * MB))
)

# The Arrow schema in the file's own metadata

ARROW = TABLE.schema
for kind in (
    pa.list_(pa.list_(pa.int64())),
    pa.run_end_encoded(pa.int32(), pa.int64()),
    pa.large_string(),
    pa.uuid(),
    pa.dictionary(pa.int8(), pa.int64()),
):
    changed(
        f"an Arrow schema with {kind}",
        "the column 'id' holds .* Columns of instances hold",
        lambda tree, kind=kind: tree.put_arrow_schema(ARROW.set(0, pa.field("id", kind))),  # type: ignore[misc]
    )
changed(
    "an Arrow schema of other types",
    "'text' is stored as string, and is int64 in the Arrow schema",
    lambda tree: tree.put_arrow_schema(ARROW.set(2, pa.field("text", pa.int64()))),
)
changed(
    "an Arrow schema of other names",
    "'id', and 'ID' in the Arrow schema",
    lambda tree: tree.put_arrow_schema(ARROW.set(0, pa.field("ID", pa.int64()))),
)
changed(
    "an Arrow schema of fewer columns",
    "5 columns, and its Arrow schema has 4",
    lambda tree: tree.put_arrow_schema(ARROW.remove(0)),
)
changed(
    "arrays of another length",
    "has 51 values in 17 rows",
    lambda tree: tree.put_arrow_schema(ARROW.set(4, pa.field("features", pa.list_(pa.float32(), 1_000_000_000)))),
)
for title, content in {
    "no Arrow schema": b"////",
    "an Arrow schema of no base64": b"\xff",
    "an Arrow schema of nothing": b"",
}.items():
    changed(
        title,
        "its Arrow schema is damaged",
        lambda tree, content=content: thrift.put(tree.footer, 5, LIST, [STRUCT, [key_value(b"ARROW:schema", content)]]),  # type: ignore[misc]
    )
