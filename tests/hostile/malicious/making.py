"""How harmful files are made, and where they are entered: by name, each with a pattern of what must be said of it."""

import io
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile.parquet_tree import ParquetTree, taken_apart

MB = 1 << 20
ROWS = 17
TABLE = pa.table(
    {
        "id": pa.array(range(ROWS)),
        "label": pa.array([("ant", "bee", "cat")[index % 3] for index in range(ROWS)]).dictionary_encode(),
        "text": pa.array([f"text {index}" for index in range(ROWS)]),
        "words": pa.array([["a", "b"][: index % 3] for index in range(ROWS)]),
        "features": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(ROWS * 3, dtype=np.float32)), 3),
    }
)
#: What is said of a file that takes too much memory.
TOO_MUCH = "would take [0-9,]+ bytes of memory; [0-9,]+ are allowed"
FILES: dict[str, tuple[Callable[[], bytes], str]] = {}


def file(name: str, said: str) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Enters what makes a file under its name, with a pattern of what must be said."""

    def enter(make: Callable[[], bytes]) -> Callable[[], bytes]:
        FILES[name] = make, said
        return make

    return enter


def changed(name: str, said: str, change: Callable[[ParquetTree], None]) -> None:
    """A file whose pages lie where it says, and something else is wrong."""

    def make() -> bytes:
        tree = taken_apart(TABLE)
        change(tree)
        return tree.whole()

    FILES[name] = make, said


def lying(name: str, said: str, change: Callable[[ParquetTree], None]) -> None:
    """A file whose footer is changed after everything found its place."""

    def make() -> bytes:
        tree = taken_apart(TABLE)
        body = tree.place()
        change(tree)
        return body + tree.end()

    FILES[name] = make, said


def written(name: str, said: str, table: Callable[[], pa.Table], **options: object) -> None:
    """A file as pyarrow writes it."""

    def make() -> bytes:
        sink = io.BytesIO()
        pq.write_table(table(), sink, **({"compression": "zstd"} | options))
        return sink.getvalue()

    FILES[name] = make, said
