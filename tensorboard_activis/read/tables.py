"""Reads Parquet files of a run after checking that they fit into a limit of memory."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.files import COPY_AGAIN, FileStatus, missing, open_own, status_of
from tensorboard_activis.read.column_types import UnsupportedError, check_values
from tensorboard_activis.read.footer import Column
from tensorboard_activis.read.sanitized import SMALLER, MemoryLimitError, SanitizedFile, sanitize
from tensorboard_activis.stores.path import Location

#: Bytes that a table may always take in memory; a larger file may take `_TIMES` its size.
ROOM = 256 << 20
_TIMES = 16
#: What pyarrow raises on damaged files; names that are no UTF-8 are a ValueError.
_DAMAGE = (pa.ArrowException, ValueError, LookupError, TypeError, OverflowError, MemoryError)


def read_table(path: Location) -> pa.Table:
    """Reads a whole table.

    Raises:
        UnreadableError: the file is missing or damaged, has columns of unsupported types, or would exceed the memory limit.
    """
    try:
        with open_own(path) as file:
            room = allowance(status_of(file))
            source = sanitize(file, room)
        return _decoded(source, room)
    except FileNotFoundError as error:
        raise UnreadableError(missing(path.name)) from error
    except UnsupportedError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error}.") from error
    except (UnreadableError, OSError, *_DAMAGE) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        advice = "" if reason else f" {COPY_AGAIN}"  # what pyarrow raises for damaged files has no number
        raise UnreadableError(
            f"{path.name} cannot be read: {reason or str(error)[:300].rstrip('.')}.{advice}"
        ) from error


def allowance(*statuses: FileStatus) -> int:
    """The memory limit, in bytes, for the tables of these files together. Of a sparse file only the allocated bytes count."""
    stored = sum(min(one.st_size, 512 * getattr(one, "st_blocks", one.st_size)) for one in statuses)
    return max(ROOM, _TIMES * stored)


def _decoded(source: SanitizedFile, room: int) -> pa.Table:
    columns = source.columns
    categories = [index for index, column in enumerate(columns) if pa.types.is_dictionary(column.kind)]
    # Strings that might not fit stay dictionary-encoded until they are counted. Categories always stay so.
    counted = sum(one.decoded + one.expanded for one in source.demands) > room
    packed = [
        index for index, demand in enumerate(source.demands) if index in categories or (counted and demand.expanded)
    ]
    table = _read(source, packed)
    total = sum(one.decoded for one in source.demands)
    reserved = 0
    for index in packed:
        written, reserved_here = _expanded_bytes(table.column(index))
        total += reserved_here if index in categories else written
        reserved = max(reserved, reserved_here)
        if total > room:
            raise MemoryLimitError(total, room, f"with the column {columns[index].name!r:.60} it")
    if reserved > room:  # it fits, but decoding it from a dictionary does not
        table = _read(source, categories)
    arrays = [
        array if array.type == column.kind else array.cast(column.kind)
        for array, column in zip(table.columns, columns, strict=True)
    ]
    for array, column in zip(arrays, columns, strict=True):
        check_values(column.name, array)
    metadata = {name: value for name, value in source.metadata.items() if name.startswith(b"activis.")}
    return pa.table(arrays, names=[column.name for column in columns]).replace_schema_metadata(metadata or None)


def _read(source: SanitizedFile, packed: Sequence[int]) -> pa.Table:
    if not source.rows:  # pyarrow 18 reads no dictionaries of empty tables
        return pa.table(
            [pa.array([], column.kind) for column in source.columns],
            names=[str(index) for index in range(len(source.columns))],
        )
    paths = [_path(index, source.columns[index]) for index in packed]
    parquet = pq.ParquetFile(pa.BufferReader(source.content), pre_buffer=False, read_dictionary=paths)
    # Threads of the reader would outlive a request for no gain: the tables are small.
    table = parquet.read(use_threads=False)
    # Invalid UTF-8 and invalid list offsets are detected here, not when the values are used.
    table.validate(full=True)
    return table


def _path(index: int, column: Column) -> str:
    return f"c{index}.list.element" if column.repeated else f"c{index}"


def _expanded_bytes(column: pa.ChunkedArray) -> tuple[int, int]:
    """Bytes that a dictionary-encoded column of strings, or of lists of them, takes when it is decoded, and the bytes that
    pyarrow reserves for that: the average length in the dictionary times the number of values, nulls included."""
    total = reserved = 0
    for chunk in column.chunks:
        while pa.types.is_list(chunk.type):
            chunk = chunk.values
        if not pa.types.is_dictionary(chunk.type) or not len(chunk.dictionary):
            continue
        lengths = pc.fill_null(pc.binary_length(chunk.dictionary), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        used = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
        total += int(lengths[used].sum())
        reserved += int(lengths.mean() * len(chunk)) + 1
    return total, max(total, reserved)


def check_room(size: int, subject: str, room: int | None = None) -> None:
    """Checks a size in bytes against the memory limit.

    Args:
        size: bytes that would be taken.
        subject: what would take them, for the message.
        room: the limit; `ROOM` by default.

    Raises:
        UnreadableError: the size exceeds the limit.
    """
    allowed = ROOM if room is None else room
    if size > allowed:
        raise UnreadableError(f"{subject} would take {size:,} bytes of memory; {allowed:,} are allowed. {SMALLER}.")
