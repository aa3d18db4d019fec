"""The columns of instances as a table: what subset expressions see, and what is written beside the events."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

#: Columns of an outcome that a subset expression may use; the others are arrays of several values per instance.
SCALARS = ("prediction", "correct", "score", "loss", "label_score")


def outcome_table(
    ids: np.ndarray, label: np.ndarray | None, columns: Mapping[str, np.ndarray], class_names: Sequence[str] | None
) -> pa.Table:
    """One row per instance: id, label, prediction, correct, score, loss, label_score, as far as they are there.

    Labels and predictions are class names where there are any. Without a label, `label` and `correct` are null.
    """
    fields = {"id": identifiers(ids)}
    if label is not None:
        fields["label"] = named(label, class_names)
    for name in SCALARS:
        if name in columns:
            fields[name] = outcome_column(name, columns[name], class_names)
    return pa.table(fields)


def outcome_column(name: str, values: np.ndarray, class_names: Sequence[str] | None) -> pa.Array:
    """One column of an outcome as the subset language sees it."""
    if name == "prediction":
        return named(values, class_names)
    if name == "correct":
        return pa.array(values == 1, mask=values > 1)
    return pa.array(values)


def identifiers(ids: np.ndarray) -> pa.Array:
    """The column `id`: int64 or text."""
    return pa.array(ids.tolist() if ids.dtype.kind in "OU" else ids.astype(np.int64))


def named(classes: np.ndarray, class_names: Sequence[str] | None) -> pa.Array:
    """Class indices as names where there are any; -1 is null. Other numbers stay as they are."""
    if classes.dtype.kind == "f":
        return pa.array(classes)
    missing = classes < 0
    if class_names is None:
        return pa.array(classes.astype(np.int64), mask=missing)
    indices = pa.array(np.maximum(classes, 0).astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(class_names), pa.string()))
