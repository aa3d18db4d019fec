"""Exports a selection of instances as CSV or Parquet."""

import csv
import io
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tensorboard_activis.column_kinds import column_kind, time_text
from tensorboard_activis.query.instances.content import TOKENS
from tensorboard_activis.query.instances.lists import readable
from tensorboard_activis.query.instances.table import Page, select
from tensorboard_activis.query.limits import TooLargeError, check_time
from tensorboard_activis.read.snapshot import SnapshotReader

MAX_ROWS = 1_000_000
#: A text that begins so would be run as a formula by a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_table(snapshot: SnapshotReader, page: Page) -> pa.Table:
    """The instances of a page, without offset and limit: `row` (the index) and every column but images, audio and arrays.

    Raises as `select`, and TooLargeError for more than MAX_ROWS instances.
    """
    chosen = select(snapshot, page)
    if len(chosen) > MAX_ROWS:
        raise TooLargeError(
            f"A table can have {MAX_ROWS:,} instances; these are {len(chosen):,}. Narrow them down with an expression."
        )
    table = snapshot.instances
    shown = [field.name for field in table.schema if column_kind(field.type) is not None]
    exported = table.select(shown).take(pa.array(chosen)).replace_schema_metadata(None)
    return exported.add_column(0, "row", pa.array(chosen.astype(np.int64)))


def to_csv(table: pa.Table) -> str:
    """Serializes a table as CSV for spreadsheets: nulls are empty, and strings are escaped that would be formulas.

    The tokens of a text are left out: the text is there.
    """
    table = table.select([name for name in table.column_names if name != TOKENS])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_inert(name) for name in table.column_names])
    for batch in readable(table).to_batches(max_chunksize=10_000):
        check_time()
        writer.writerows([_inert(value) for value in row.values()] for row in batch.to_pylist())
    return out.getvalue()


def _inert(value: object) -> object:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    if isinstance(value, float) and value != value:
        return ""
    return value


def to_parquet(table: pa.Table) -> bytes:
    """Serializes a table as Parquet, with the types of its columns."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content
