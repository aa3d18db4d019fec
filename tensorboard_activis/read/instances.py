"""Reads the table of kept instances: the Parquet files of a snapshot, and the columns that change from step to step."""

import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from weakref import WeakValueDictionary

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.files import COPY_AGAIN
from tensorboard_activis.read.arrays import listed
from tensorboard_activis.read.file_cache import file_version
from tensorboard_activis.read.tables import allowance, check_room, read_table
from tensorboard_activis.read.thinned import stand_in
from tensorboard_activis.stores.path import Location

#: Columns of a snapshot that are columns of the table of instances; the others hold several values per instance.
STEP_COLUMNS = ("prediction", "correct", "score", "loss", "label_score", "accuracy", "tokens", "rank")

#: Tables in use, by the versions of the files that they were read from.
_TABLES: WeakValueDictionary[object, pa.Table] = WeakValueDictionary()
#: Small ones that were read last: a question about other steps, whose readers are not kept, finds them.
_RECENT: deque[pa.Table] = deque(maxlen=4)
_SMALL = 2 << 20
_LOCK = threading.Lock()


def read_instances(directory: Location, snapshot: schema.Snapshot) -> pa.Table:
    """Reads the columns that are equal at every step: instance id, label, content, user columns.

    One line per kept instance: the sample in hash order, then the pinned instances.

    Raises:
        UnreadableError: a file is missing or damaged, or the number of instances differs from the snapshot's record.
    """
    if not snapshot.instances:
        raise UnreadableError(f"The snapshot of step {snapshot.step} names no table of instances.")
    table = _shared_table(directory, snapshot.instances)
    if table.num_rows != snapshot.stored_instances or "id" not in table.column_names:
        raise UnreadableError(
            f"{listed(snapshot.instances)}: the table has {table.num_rows} rows and the columns "
            f"{', '.join(table.column_names)!s:.300}; the snapshot needs {snapshot.stored_instances} rows and a column 'id'. "
            f"{COPY_AGAIN}"
        )
    _check(table, listed(snapshot.instances))
    return _with_current_names(table, snapshot)


def _with_current_names(table: pa.Table, snapshot: schema.Snapshot) -> pa.Table:
    """What is called `pinned` was called `probe` in the first version's files."""
    if not snapshot.pinned or "probe" not in table.column_names or "pinned" in table.column_names:
        return table
    return table.rename_columns(["pinned" if name == "probe" else name for name in table.column_names])


def _shared_table(directory: Location, names: tuple[str, ...]) -> pa.Table:
    """The table of these files, shared by all steps that refer to the same files."""
    paths = [directory / (stand_in(directory, [name]) or name) for name in names]
    key = None
    with suppress(OSError):
        key = tuple(file_version(path.stat()) for path in paths)
    with _LOCK:
        table = _TABLES.get(key)
    if table is not None:
        return table
    try:
        table = pa.concat_tables(_tables(paths)).unify_dictionaries()
    except pa.ArrowException as error:
        raise UnreadableError(f"{listed(names)} cannot be joined into one table: {error}. {COPY_AGAIN}") from error
    if table.nbytes > _SMALL:  # what it was decompressed in is as large again, and Arrow would keep it
        pa.default_memory_pool().release_unused()
    if key is not None:
        with _LOCK:
            _TABLES[key] = table
            if table.nbytes <= _SMALL:
                _RECENT.append(table)
    return table


def _tables(paths: Sequence[Location]) -> Iterator[pa.Table]:
    """Reads the tables of the files; raises when they exceed the memory limit together. A file that is named twice counts once."""
    total, room = 0, None
    with suppress(OSError):  # a file that is missing is said when it is read
        room = allowance(*(path.stat() for path in set(paths)))
    for path in paths:
        table = read_table(path)
        total += table.nbytes
        check_room(total, f"{listed(tuple(path.name for path in paths))}: the table", room)
        yield table


def _check(table: pa.Table, where: str) -> None:
    names = table.column_names
    duplicates = sorted(
        {name for name, count in Counter(names).items() if count > 1} | (set(names) & set(STEP_COLUMNS))
    )
    if duplicates:
        raise UnreadableError(
            f"{where}: the columns {duplicates!s:.200} occur twice, or have names that belong to each step "
            f"({', '.join(STEP_COLUMNS)}). Give them other names, and write the table again."
        )
    id_column = table.column("id")
    if not (pa.types.is_integer(id_column.type) or pa.types.is_string(id_column.type)) or id_column.null_count:
        raise UnreadableError(
            f"{where}: every instance needs an id, a whole number or a text; the column 'id' holds {id_column.type}, with "
            f"{id_column.null_count} values missing."
        )


def with_predictions(table: pa.Table, columns: Mapping[str, np.ndarray], class_names: tuple[str, ...]) -> pa.Table:
    """Adds the columns of one step to the table: prediction, correct, score, loss and so on, as far as they were recorded.

    `columns` are arrays [instances], or [instances, classes] where there are several per instance.
    Class indices become class names where these are known, several per instance a list; an instance without a label has nulls.
    """
    for name in STEP_COLUMNS:
        if name not in columns:
            continue
        values = columns[name]
        column: pa.Array
        if name == "correct":
            column = pa.array(values == 1, mask=values > 1)
        elif name == "prediction" and values.dtype == np.uint8 and values.ndim == 2:
            column = _texts(values)
        elif name == "prediction" and values.dtype.kind == "i":
            column = _classes(values, class_names)
        elif values.ndim == 1:
            column = pa.array(values.astype(np.int64) if values.dtype.kind == "i" else values)
        else:
            continue
        table = table.append_column(name, column)
    return table


def _texts(values: np.ndarray) -> pa.Array:
    """Rows of UTF-8, uint8 [instances, bytes] with zeros behind the end, as texts; a row of zeros is none."""
    check_room(2 * values.size, "The predicted texts")
    rows = (row.tobytes().rstrip(b"\0").decode("utf-8", "replace") for row in values)
    return pa.array([row or None for row in rows], pa.string())


def _classes(values: np.ndarray, class_names: tuple[str, ...]) -> pa.Array:
    """Converts class indices, int [instances] or [instances, k] with -1 for none, to a column of class names."""
    valid = values >= 0
    if class_names:
        valid &= values < len(class_names)
    indices = np.where(valid, values, 0)
    if class_names:
        # A long name may occur in every row; for a missing one, pyarrow reserves memory for a name of average length.
        lengths = np.array([len(name.encode(errors="replace")) for name in class_names], np.int64)
        check_room(
            max(int(lengths[indices[valid]].sum()), int(lengths.mean() * indices.size)),
            "The names of predicted classes",
        )
    if values.ndim > 1:
        offsets = np.concatenate([[0], valid.sum(axis=1).cumsum()]).astype(np.int32)
        chosen = indices[valid]
        names = (
            pa.array(class_names, pa.string()).take(pa.array(chosen)) if class_names else pa.array(chosen, pa.int64())
        )
        return pa.ListArray.from_arrays(pa.array(offsets), names)
    if not class_names:
        return pa.array(indices.astype(np.int64), mask=~valid)
    return pa.DictionaryArray.from_arrays(
        pa.array(indices.astype(np.int32), mask=~valid), pa.array(class_names, pa.string())
    )
