"""Columns of the kept instances as flat arrays, by which views colour and filter points."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.column_kinds import TIME, column_kind, time_text
from tensorboard_activis.query.contract import Float32Array, Int32Array, Int64Array, Uint8Array, Uint32Array
from tensorboard_activis.query.instances.classes import label_values, prediction_values
from tensorboard_activis.query.instances.content import AROUND, CONTENT, TOKENS
from tensorboard_activis.read.snapshot import SnapshotReader

_SCORE_COLUMNS = ("score", "loss", "label_score")
_BUILT_IN = ("id", "label", "prediction", "correct", *_SCORE_COLUMNS, *CONTENT, TOKENS)
#: A column of texts with more values than this is no set of categories.
MAX_CATEGORIES = 1_000


@dataclass(frozen=True, slots=True)
class TextIds:
    """Ids that are texts, one behind the other.

    Attributes:
        bytes: UTF-8.
        offsets: where each begins, and where the last ends, [instances + 1].
    """

    bytes: Uint8Array
    offsets: Uint32Array


@dataclass(frozen=True, slots=True)
class Columns:
    """What is known of each kept instance; every array is [instances]. What is not known is -1, 255 or NaN.

    Attributes:
        id: whole numbers as they are; texts as `id.bytes` and `id.offsets`.
        label: class index, -1 for none; for regression a number; for a vocabulary the index of its text in `names`.
        prediction: likewise.
        correct: 1 right, 0 wrong, 255 unknown.
        score: of the prediction.
        loss: of the instance.
        label_score: score of the label.
        user: user columns under their own names: numbers and booleans; categories by their index, -1 for none; times.
        categories: the values behind the indices, by column. Texts with more than 1,000 values are left out.
        names: texts of labels and predictions, where these are of a vocabulary, which is no set of classes; else empty.
        times: of columns of times, whose values are seconds, the moment (ISO 8601) that these are counted from.
    """

    id: Int64Array | TextIds
    label: Int32Array | Float32Array
    prediction: Int32Array | Float32Array
    correct: Uint8Array
    score: Float32Array
    loss: Float32Array
    label_score: Float32Array
    user: Mapping[str, Float32Array | Int32Array]
    categories: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...]
    times: Mapping[str, str]


def columns(snapshot: SnapshotReader) -> Columns:
    """All columns of the kept instances."""
    table, record, rows = snapshot.instances, snapshot.record, snapshot.stored_instances
    label, prediction = label_values(snapshot), prediction_values(snapshot)
    names: tuple[str, ...] = ()
    if label is None and prediction is None:
        label, prediction, names = _of_vocabulary(table)
    correct = snapshot.column("correct") if "correct" in record.columns else np.full(rows, 255)

    def number(name: str) -> Float32Array:
        values = snapshot.column(name) if name in record.columns else np.full(rows, np.nan)
        return values.astype(np.float32)

    user: dict[str, Float32Array | Int32Array] = {}
    categories: dict[str, tuple[str, ...]] = {}
    times: dict[str, str] = {}
    hidden = (*_BUILT_IN, *AROUND) if record.unit == "position" else _BUILT_IN
    for name in table.column_names:
        if name not in hidden:
            match column_kind(table.column(name).type):
                case "boolean" | "number":
                    user[name] = _floats(table.column(name))
                case "category" | "text":
                    _categories(name, table.column(name), user, categories)
                case "time":
                    user[name], times[name] = _seconds(table.column(name))
                case "list" | None:  # nothing that one mark could show
                    continue
    return Columns(
        id=_id_columns(table.column("id")),
        label=np.full(rows, -1, np.int32) if label is None else label,
        prediction=np.full(rows, -1, np.int32) if prediction is None else prediction,
        correct=correct.astype(np.uint8),
        score=number("score"),
        loss=number("loss"),
        label_score=number("label_score"),
        user=user,
        categories=categories,
        names=names,
        times=times,
    )


def _of_vocabulary(table: pa.Table) -> tuple[Int32Array | None, Int32Array | None, tuple[str, ...]]:
    """Labels and predictions that are texts, as indices of them, and the texts; None where there are no such."""
    found = {
        name: table.column(name).cast(pa.string()).combine_chunks()
        for name in ("label", "prediction")
        if name in table.column_names and column_kind(table.column(name).type) in ("text", "category")
    }
    if not found:
        return None, None, ()
    names = pc.unique(pa.chunked_array(list(found.values()))).drop_null()
    indices = {
        name: pc.index_in(texts, names).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        for name, texts in found.items()
    }
    return indices.get("label"), indices.get("prediction"), tuple(names.to_pylist())


def _id_columns(id_column: pa.ChunkedArray) -> Int64Array | TextIds:
    if pa.types.is_integer(id_column.type):
        return np.asarray(id_column.to_numpy(), np.int64)
    encoded = [str(text).encode() for text in id_column.to_pylist()]
    offsets = np.zeros(len(encoded) + 1, np.uint32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return TextIds(np.frombuffer(b"".join(encoded), np.uint8), offsets)


def _floats(column: pa.ChunkedArray) -> Float32Array:
    values = column.cast(pa.float32(), safe=False).fill_null(float("nan")).to_numpy()
    return np.asarray(values, np.float32)


def _categories(
    name: str,
    column: pa.ChunkedArray,
    arrays: dict[str, Float32Array | Int32Array],
    categories: dict[str, tuple[str, ...]],
) -> None:
    texts = column.cast(pa.string())
    if pc.count_distinct(texts).as_py() > MAX_CATEGORIES:
        return
    encoded = texts.combine_chunks().dictionary_encode()
    arrays[name] = encoded.indices.fill_null(-1).to_numpy().astype(np.int32)
    categories[name] = tuple(encoded.dictionary.to_pylist())


def _seconds(column: pa.ChunkedArray) -> tuple[Float32Array, str]:
    """Times in seconds after the earliest, for float32 holds no date to the second; and the earliest."""
    times = column.cast(TIME, safe=False)
    first = pc.min(times).as_py() or datetime.fromtimestamp(0, UTC)
    microseconds = pc.subtract(times.cast(pa.int64()), pa.scalar(first, TIME).cast(pa.int64()))
    return _floats(pc.divide(microseconds.cast(pa.float64(), safe=False), 1e6)), time_text(first)
