"""Per-instance columns as flat arrays: what a view draws by."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.query.instances.classes import label_values, prediction_values
from tensorboard_activis.query.instances.content import CONTENT
from tensorboard_activis.read.snapshot import SnapshotReader

_OUTCOMES = ("score", "loss", "label_score")
_BUILT_IN = ("id", "label", "prediction", "correct", *_OUTCOMES, *CONTENT)
#: A column of texts with more values than this is no set of categories.
MAX_CATEGORIES = 1_000


@dataclass(frozen=True, slots=True)
class Columns:
    """Arrays by name, first axis instances (but `id.bytes`, `id.offsets`), and the values behind category indices."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    categories: dict[str, list[str]] = field(default_factory=dict)


def columns(snapshot: SnapshotReader) -> Columns:
    """All columns, as docs/http_api.md describes them. Missing: −1 for indices, 255 for `correct`, NaN for numbers."""
    table = snapshot.instances
    kept = snapshot.rows
    found = Columns()
    for name, values in (("label", label_values(snapshot)), ("prediction", prediction_values(snapshot))):
        found.arrays[name] = np.full(kept, -1, np.int32) if values is None else values
    given = snapshot.record.columns
    found.arrays["correct"] = snapshot.column("correct") if "correct" in given else np.full(kept, 255)
    for name in _OUTCOMES:
        values = snapshot.column(name) if name in given else np.full(kept, np.nan)
        found.arrays[name] = values.astype(np.float32)
    found.arrays["correct"] = found.arrays["correct"].astype(np.uint8)
    found.arrays.update(_ids(table.column("id")))
    for name in table.column_names:
        if name not in _BUILT_IN:
            _user_column(found, name, table.column(name))
    return found


def _ids(ids: pa.ChunkedArray) -> dict[str, np.ndarray]:
    if pa.types.is_integer(ids.type):
        return {"id": ids.to_numpy().astype(np.int64)}
    encoded = [str(text).encode() for text in ids.to_pylist()]
    offsets = np.zeros(len(encoded) + 1, np.uint32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return {"id.bytes": np.frombuffer(b"".join(encoded), np.uint8), "id.offsets": offsets}


def _user_column(found: Columns, name: str, column: pa.ChunkedArray) -> None:
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        found.arrays[name] = column.cast(pa.float32(), safe=False).fill_null(float("nan")).to_numpy().astype(np.float32)
    elif pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = column.cast(pa.string())
        if pc.count_distinct(texts).as_py() > MAX_CATEGORIES:
            return
        encoded = texts.combine_chunks().dictionary_encode()
        found.arrays[name] = encoded.indices.fill_null(-1).to_numpy().astype(np.int32)
        found.categories[name] = encoded.dictionary.to_pylist()
