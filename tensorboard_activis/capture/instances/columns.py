"""Converts labels, predictions and ids to Arrow columns, for subset expressions and for the table of instances."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from tensorboard_activis.capture.instances.position_ids import Ids, PositionIds
from tensorboard_activis.capture.tasks.repeated import Column, Repeated, texts_to_arrow

#: Columns of predictions that subset expressions may use; the others have several values per instance.
PREDICTION_COLUMNS = ("prediction", "correct", "score", "loss", "label_score", "accuracy", "tokens", "rank")


def prediction_table(
    ids: Ids,
    label: Column | None,
    columns: Mapping[str, Column],
    class_names: Sequence[str] | None,
    others: Mapping[str, pa.Array],
) -> pa.Table:
    """A table with one line per instance: id, label, prediction, correct, score, loss, …, as far as they exist, and `others`.

    Labels and predictions are class names where there are any, lists of them where an instance may have several. Without a
    label, `label` and `correct` are null.
    """
    fields = {"id": id_column(ids)}
    if label is not None:
        fields["label"] = class_column(label, class_names)
    for name in PREDICTION_COLUMNS:
        if name in columns:
            fields[name] = prediction_column(name, columns[name], class_names)
    return pa.table([*fields.values(), *others.values()], names=[*fields, *others])


def prediction_column(name: str, values: Column, class_names: Sequence[str] | None) -> pa.Array:
    """Converts one column of predictions to Arrow."""
    if name == "prediction":
        return class_column(values, class_names)
    if isinstance(values, Repeated):
        return values.arrow(texts_to_arrow)
    if name == "correct":
        return pa.array(values == 1, mask=values > 1)
    return pa.array(values)


def id_column(ids: Ids) -> pa.Array:
    """The column `id`: int64 or text."""
    if isinstance(ids, PositionIds):
        return ids.arrow()
    return pa.array(ids.tolist() if ids.dtype.kind in "OU" else ids.astype(np.int64))


def class_column(classes: Column, class_names: Sequence[str] | None) -> pa.Array:
    """Converts class indices, or lists of them, to class names if there are any; -1 becomes null. Texts and floats stay.

    Args:
        classes: int [instances]; object [instances] of int arrays, or of texts, or None; or float [instances] or
            [instances, outputs].
    """
    if isinstance(classes, Repeated):
        return classes.arrow(texts_to_arrow)
    if classes.dtype == object:
        known = next((each for each in classes if each is not None), "")
        return texts_to_arrow(classes) if isinstance(known, str) else _lists(classes, class_names)
    if classes.dtype.kind == "f":
        flat = pa.array(classes.ravel())
        return flat if classes.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, classes.shape[1])
    missing = classes < 0
    if class_names is None:
        return pa.array(classes.astype(np.int64), mask=missing)
    indices = pa.array(np.maximum(classes, 0).astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(class_names), pa.string()))


def _lists(classes: np.ndarray, class_names: Sequence[str] | None) -> pa.Array:
    """Lists of classes: None becomes null; an empty list is an instance without classes."""
    missing = np.array([each is None for each in classes] + [False])
    sizes = [0 if each is None else len(each) for each in classes]
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32), mask=missing)
    flat = np.concatenate([np.zeros(0, np.int64), *(each for each in classes if each is not None)]).astype(np.int64)
    values = class_column(flat, class_names)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return pa.ListArray.from_arrays(offsets, values)
