"""The table of kept instances: the parquet files of a snapshot, with the columns that change from step to step."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError


def read_instances(directory: Path, snapshot: schema.Snapshot) -> pa.Table:
    """What does not change: id, label, content, user columns; one row per kept instance, in hash order.

    Raises:
        UnreadableError: a file is missing, damaged, or has another number of rows than the snapshot says.
    """
    if not snapshot.instances:
        raise UnreadableError(f"The snapshot of step {snapshot.step} names no table of instances.")
    tables = []
    for name in snapshot.instances:
        try:
            # Threads of the reader would outlive a request for no gain: the tables are small.
            tables.append(pq.read_table(directory / name, use_threads=False, memory_map=True))
        except FileNotFoundError as error:
            raise UnreadableError(
                f"{name} is missing. It lay beside the event file; was the run copied without it?"
            ) from error
        except (OSError, pa.ArrowException) as error:
            raise UnreadableError(f"{name} cannot be read: {error}.") from error
    try:
        table = pa.concat_tables(tables).unify_dictionaries()
    except pa.ArrowException as error:
        raise UnreadableError(f"{', '.join(snapshot.instances)} do not fit together: {error}.") from error
    if table.num_rows != snapshot.kept or "id" not in table.column_names:
        raise UnreadableError(
            f"{', '.join(snapshot.instances)}: {table.num_rows} rows with the columns {', '.join(table.column_names)}; "
            f"the snapshot says {snapshot.kept} rows, and each needs an id."
        )
    return table


def with_outcome(table: pa.Table, columns: Mapping[str, np.ndarray], class_names: tuple[str, ...]) -> pa.Table:
    """Adds prediction, correct, score, loss and label_score to the table, as far as they are there.

    Class indices become names where there are any; an instance without a label has nulls.
    """
    for name in ("prediction", "correct", "score", "loss", "label_score"):
        if name not in columns or columns[name].ndim != 1:
            continue
        values = columns[name]
        column: pa.Array
        if name == "correct":
            column = pa.array(values == 1, mask=values > 1)
        elif name == "prediction" and class_names and values.dtype.kind == "i":
            known = (values >= 0) & (values < len(class_names))
            indices = pa.array(np.where(known, values, 0).astype(np.int32), mask=~known)
            column = pa.DictionaryArray.from_arrays(indices, pa.array(class_names, pa.string()))
        else:
            column = pa.array(values.astype(np.int64) if values.dtype.kind == "i" else values)
        table = table.append_column(name, column)
    return table
