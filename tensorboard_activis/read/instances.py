"""The table of kept instances: the parquet files of a snapshot, with the columns that change from step to step."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
import pyarrow as pa

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.arrays import listed
from tensorboard_activis.read.held import identity
from tensorboard_activis.read.tables import allowance, check_room, read_table

#: Columns of a snapshot that are columns of the table of instances; the others hold several values per instance.
FACTS = ("prediction", "correct", "score", "loss", "label_score", "accuracy", "tokens", "rank")

#: Tables that somebody still reads, by the identities of the files that they come from.
_READ: WeakValueDictionary[object, pa.Table] = WeakValueDictionary()
_LOCK = threading.Lock()


def read_instances(directory: Path, snapshot: schema.Snapshot) -> pa.Table:
    """What does not change: id, label, content, user columns; one row per kept instance, in hash order, then the probes.

    Raises:
        UnreadableError: a file is missing, damaged, or has another number of rows than the snapshot says.
    """
    if not snapshot.instances:
        raise UnreadableError(f"The snapshot of step {snapshot.step} names no table of instances.")
    table = _shared(directory, snapshot.instances)
    if table.num_rows != snapshot.rows or "id" not in table.column_names:
        raise UnreadableError(
            f"{listed(snapshot.instances)}: {table.num_rows} rows with the columns {', '.join(table.column_names)!s:.300}; "
            f"the snapshot says {snapshot.rows} rows, and each needs an id."
        )
    _check(table, listed(snapshot.instances))
    return table


def _shared(directory: Path, names: tuple[str, ...]) -> pa.Table:
    """The files' table, held once however many steps name them: what they hold of instances does not change over the steps."""
    paths = [directory / name for name in names]
    key = None
    with suppress(OSError):
        key = tuple(identity(path.stat()) for path in paths)
    with _LOCK:
        found = _READ.get(key)
    if found is not None:
        return found
    try:
        table = pa.concat_tables(_tables(paths)).unify_dictionaries()
    except pa.ArrowException as error:
        raise UnreadableError(f"{listed(names)} do not fit together: {error}.") from error
    if key is not None:
        with _LOCK:
            _READ[key] = table
    return table


def _tables(paths: Sequence[Path]) -> Iterator[pa.Table]:
    """The files' tables, as far as they fit into memory together; a file that is named twice is allowed no more for that."""
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
    twice = sorted({name for name, count in Counter(names).items() if count > 1} | (set(names) & set(FACTS)))
    if twice:
        raise UnreadableError(
            f"{where}: columns that are there twice, or that every step has of its own: {twice!s:.200}."
        )
    ids = table.column("id")
    if not (pa.types.is_integer(ids.type) or pa.types.is_string(ids.type)) or ids.null_count:
        raise UnreadableError(
            f"{where}: every instance needs an id, a whole number or a text; the column holds {ids.type}."
        )


def with_outcome(table: pa.Table, columns: Mapping[str, np.ndarray], class_names: tuple[str, ...]) -> pa.Table:
    """Adds prediction, correct, score, loss and so on to the table, as far as they are there.

    Class indices become names where there are any, several of an instance become a list; an instance without a label has nulls.
    """
    for name in FACTS:
        if name not in columns:
            continue
        values = columns[name]
        column: pa.Array
        if name == "correct":
            column = pa.array(values == 1, mask=values > 1)
        elif name == "prediction" and values.dtype.kind == "i":
            column = _classes(values, class_names)
        elif values.ndim == 1:
            column = pa.array(values.astype(np.int64) if values.dtype.kind == "i" else values)
        else:
            continue
        table = table.append_column(name, column)
    return table


def _classes(values: np.ndarray, class_names: tuple[str, ...]) -> pa.Array:
    """Class indices [instances] or [instances, k], where -1 is none."""
    known = values >= 0
    if class_names:
        known &= values < len(class_names)
    indices = np.where(known, values, 0)
    if class_names:
        # A name may be long, and the same one may stand in every row; where none stands, pyarrow reserves room for a middling one.
        lengths = np.array([len(name.encode(errors="replace")) for name in class_names], np.int64)
        check_room(
            max(int(lengths[indices[known]].sum()), int(lengths.mean() * indices.size)),
            "The names of predicted classes",
        )
    if values.ndim > 1:
        offsets = np.concatenate([[0], known.sum(axis=1).cumsum()]).astype(np.int32)
        chosen = indices[known]
        names = (
            pa.array(class_names, pa.string()).take(pa.array(chosen)) if class_names else pa.array(chosen, pa.int64())
        )
        return pa.ListArray.from_arrays(pa.array(offsets), names)
    if not class_names:
        return pa.array(indices.astype(np.int64), mask=~known)
    return pa.DictionaryArray.from_arrays(
        pa.array(indices.astype(np.int32), mask=~known), pa.array(class_names, pa.string())
    )
