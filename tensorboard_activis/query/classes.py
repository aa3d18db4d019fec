"""Labels and predictions as class indices and names."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from tensorboard_activis.read.snapshot import SnapshotReader


def label_values(snapshot: SnapshotReader) -> np.ndarray | None:
    """Labels of the kept instances: int32 class indices (−1: none), float32 for regression, None when there are none."""
    table = snapshot.instances
    if "label" not in table.column_names:
        return None
    column = table.column("label").combine_chunks()
    if pa.types.is_dictionary(column.type):
        names = {name: index for index, name in enumerate(snapshot.record.class_names)}
        indices = np.array([names.get(name, -1) for name in column.dictionary.to_pylist()] + [-1], np.int32)
        return indices[column.indices.fill_null(-1).to_numpy()]
    if pa.types.is_integer(column.type):
        return column.fill_null(-1).to_numpy().astype(np.int32)
    if pa.types.is_floating(column.type):
        return column.to_numpy(zero_copy_only=False).astype(np.float32)
    return None


def prediction_values(snapshot: SnapshotReader) -> np.ndarray | None:
    """Predictions of the kept instances: int32 class indices, float32 for regression, None when there are none."""
    if "prediction" not in snapshot.record.columns:
        return None
    values = snapshot.column("prediction")
    return values.astype(np.int32 if values.dtype.kind in "iu" else np.float32)


def is_classes(values: np.ndarray | None) -> bool:
    """Whether these are class indices, not numbers to predict."""
    return values is not None and values.dtype == np.int32


def class_name(snapshot: SnapshotReader, index: int) -> str | None:
    """The name of a class: its number where classes have no names; None for −1."""
    if index < 0:
        return None
    names = snapshot.record.class_names
    return names[index] if index < len(names) else str(index)


def named(snapshot: SnapshotReader, values: np.ndarray | None, row: int) -> str | float | None:
    """One instance's label or prediction: a class name, a number for regression, None when there is none."""
    if values is None:
        return None
    if is_classes(values):
        return class_name(snapshot, int(values[row]))
    return float(values[row])


def identifier(snapshot: SnapshotReader, row: int) -> int | str:
    """The id of a kept instance."""
    value: int | str = snapshot.instances.column("id")[row].as_py()
    return value


def briefs(snapshot: SnapshotReader, rows: Iterable[int]) -> list[dict[str, object]]:
    """What lists of instances show of each: row, id, label, prediction."""
    labels, predictions = label_values(snapshot), prediction_values(snapshot)
    return [
        {
            "row": int(row),
            "id": identifier(snapshot, int(row)),
            "label": named(snapshot, labels, int(row)),
            "prediction": named(snapshot, predictions, int(row)),
        }
        for row in rows
    ]
