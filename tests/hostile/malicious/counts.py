"""Files whose counts lie: of rows, values, entries, bytes."""

import pyarrow as pa

from tests.hostile import thrift_tree as thrift
from tests.hostile.malicious.making import ROWS, TABLE, TOO_MUCH, changed, file, lying, written
from tests.hostile.parquet_tree import ParquetTree, taken_apart
from tests.hostile.thrift_tree import BINARY, I32, I64, LIST, STRUCT

for power in (24, 31, 33, 40, 62):
    rows = 1 << power
    lying(
        f"2^{power} rows in a group",
        r"has 17 values in [0-9,]+ rows",
        lambda tree, rows=rows: thrift.put(tree.groups[0], 3, I64, rows),  # type: ignore[misc]
    )
    changed(
        f"2^{power} rows everywhere",
        rf"has [0-9,]+ values in|{TOO_MUCH}|hold [0-9,]+ values, and the file says|metadata are damaged",
        lambda tree, rows=rows: tree.put_rows(rows),  # type: ignore[misc]
    )
lying(
    "2^40 rows in the footer",
    "1,099,511,627,776 rows, and its row groups have 17",
    lambda tree: thrift.put(tree.footer, 3, I64, 1 << 40),
)
lying("less than no rows", "metadata are damaged", lambda tree: thrift.put(tree.groups[0], 3, I64, -1))
lying(
    "2^40 values in a column",
    "has [0-9,]+ values in 17 rows",
    lambda tree: thrift.put(tree.chunks[0].metadata, 5, I64, 1 << 40),
)
lying(
    "2^40 values in lists",
    TOO_MUCH,
    lambda tree: thrift.put(tree.chunks[3].metadata, 5, I64, 1 << 40),
)
changed(
    "2^31 values in a page",
    TOO_MUCH,
    lambda tree: thrift.put(tree.chunks[0].pages[1].details, 1, I32, 2**31 - 1),
)
changed(
    "2^31 values in a dictionary",
    "dictionary of the column 'label' says that it has 2,147,483,647 values",
    lambda tree: thrift.put(tree.chunks[1].pages[0].details, 1, I32, 2**31 - 1),
)
changed(
    "a page of 2 GB",
    TOO_MUCH,
    lambda tree: thrift.put(tree.chunks[0].pages[1].header, 2, I32, 2**31 - 1),
)


def _rows_of_nothing(columns: int, rows: int) -> pa.Table:
    return pa.table({"id": pa.nulls(rows, pa.int64())} | {f"c{index}": pa.nulls(rows) for index in range(columns)})


def _groups(tree: ParquetTree, times: int) -> None:
    thrift.put(tree.footer, 4, LIST, [STRUCT, tree.groups * times])
    thrift.put(tree.footer, 3, I64, ROWS * times)


lying("one group 1,000 times", "that two overlap", lambda tree: _groups(tree, 1_000))
written("20 million rows of nothing", TOO_MUCH, lambda: _rows_of_nothing(3, 20_000_000))


@file("rows without columns", "says that it has 0 columns")
def rows_without_columns() -> bytes:
    tree = taken_apart(TABLE)
    thrift.put(tree.footer, 2, LIST, [STRUCT, [[[4, BINARY, b"schema"], [5, I32, 0]]]])
    thrift.put(tree.footer, 4, LIST, [STRUCT, [[[1, LIST, [STRUCT, []]], [2, I64, 0], [3, I64, 1 << 40]]]])
    thrift.put(tree.footer, 3, I64, 1 << 40)
    thrift.drop(tree.footer, 5)
    return b"PAR1" + tree.end()
