"""Parquet files of a run, read only when it is known that they fit into memory."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.files import missing, open_own
from tensorboard_activis.read.pages import Demands, demands

#: What a table may take in memory, whatever the size of its file, and how many times the size of a larger file.
ROOM = 256 << 20
_TIMES = 16
#: What pyarrow raises on damaged files; names that are no UTF-8 are a ValueError.
_DAMAGE = (pa.ArrowException, ValueError, LookupError, TypeError, OverflowError, MemoryError)


def read_table(path: Path) -> pa.Table:
    """The whole table.

    Raises:
        UnreadableError: it is missing or damaged, or would take much more memory than such a file has a reason to.
    """
    try:
        with open_own(path) as file:
            room = max(ROOM, _TIMES * os.fstat(file.fileno()).st_size)
            wanted = demands(file)
            _check_demands(wanted, room)
            # As a Python file: no map into memory that others may cut short while it is held.
            parquet = pq.ParquetFile(file, pre_buffer=False)
            schema = parquet.schema_arrow
            columns = wanted.columns.items()
            packed = [name for name, one in columns if one.dictionary and one.values * one.dictionary > room]
            if packed:
                parquet = pq.ParquetFile(file, pre_buffer=False, read_dictionary=packed)
            # Threads of the reader would outlive a request for no gain: the tables are small.
            table = parquet.read(use_threads=False)
            # Texts that are no UTF-8 and lists that end before they begin are found here, not by whoever reads them.
            table.validate(full=True)
            names = list(table.column_names)
    except FileNotFoundError as error:
        raise UnreadableError(missing(path.name)) from error
    except UnreadableError as error:
        raise UnreadableError(f"{path.name} cannot be read: {str(error).rstrip('.')}.") from error
    except OSError as error:  # pyarrow has some of its own without a number
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror or str(error)[:300]}.") from error
    except _DAMAGE as error:
        raise UnreadableError(f"{path.name} cannot be read: {str(error)[:300]}.") from error
    for name, column in zip(names, table.columns, strict=True):
        check_expansion(column, f"{path.name}: column {name!r:.60}", room)
    # Read as they were packed, columns are known to fit when they are unpacked.
    return table.cast(schema) if packed else table


def check_expansion(column: pa.ChunkedArray, what: str, room: int) -> None:
    """That a column of dictionary-encoded texts fits into memory when it is written out.

    Raises:
        UnreadableError: it does not.
    """
    total = 0
    for chunk in column.chunks:
        while pa.types.is_list(chunk.type) or pa.types.is_large_list(chunk.type):
            chunk = chunk.flatten()
        if not pa.types.is_dictionary(chunk.type) or chunk.dictionary.type not in (pa.string(), pa.binary()):
            continue
        lengths = pc.fill_null(pc.binary_length(chunk.dictionary), 0).to_numpy(zero_copy_only=False)
        used = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
        total += int(lengths.astype(np.int64)[used].sum())
    check_room(total, what, room)


def check_room(size: int, what: str, room: int | None = None) -> None:
    """That so many bytes may be taken.

    Raises:
        UnreadableError: they may not.
    """
    allowed = ROOM if room is None else room
    if size > allowed:
        raise UnreadableError(f"{what} would take {size:,} bytes of memory; {allowed:,} are allowed.")


def _check_demands(wanted: Demands, room: int) -> None:
    uncompressed = sum(one.uncompressed for one in wanted.columns.values())
    values = sum(one.values for one in wanted.columns.values())
    check_room(max(uncompressed, 8 * values, wanted.rows), "it", room)
