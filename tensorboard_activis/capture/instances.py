"""The columns of instances as a table: what subset expressions see, and what is written beside the events."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

#: Columns of an outcome that a subset expression may use; the others are arrays of several values per instance.
FACTS = ("prediction", "correct", "score", "loss", "label_score", "accuracy", "tokens", "rank")


def prediction_table(
    ids: np.ndarray,
    label: np.ndarray | None,
    columns: Mapping[str, np.ndarray],
    class_names: Sequence[str] | None,
    facts: Mapping[str, pa.Array],
) -> pa.Table:
    """One row per instance: id, label, prediction, correct, score, loss, …, as far as they are there, and its `facts`.

    Labels and predictions are class names where there are any, lists of them where an instance may have several. Without a
    label, `label` and `correct` are null.
    """
    fields = {"id": identifiers(ids)}
    if label is not None:
        fields["label"] = named(label, class_names)
    for name in FACTS:
        if name in columns:
            fields[name] = prediction_column(name, columns[name], class_names)
    return pa.table([*fields.values(), *facts.values()], names=[*fields, *facts])


def prediction_column(name: str, values: np.ndarray, class_names: Sequence[str] | None) -> pa.Array:
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
    """Class indices as names where there are any, -1 is null; lists of them. Other numbers stay as they are."""
    if classes.dtype == object:
        return _lists(classes, class_names)
    if classes.dtype.kind == "f":
        flat = pa.array(classes.ravel())
        return flat if classes.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, classes.shape[1])
    missing = classes < 0
    if class_names is None:
        return pa.array(classes.astype(np.int64), mask=missing)
    indices = pa.array(np.maximum(classes, 0).astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(class_names), pa.string()))


def _lists(classes: np.ndarray, class_names: Sequence[str] | None) -> pa.Array:
    """None is null; an empty list is an instance of no class."""
    missing = np.array([row is None for row in classes] + [False])
    sizes = [0 if row is None else len(row) for row in classes]
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32), mask=missing)
    flat = np.concatenate([np.zeros(0, np.int64), *(row for row in classes if row is not None)]).astype(np.int64)
    values = named(flat, class_names)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return pa.ListArray.from_arrays(offsets, values)
