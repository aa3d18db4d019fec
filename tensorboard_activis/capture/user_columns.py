"""Columns that the user adds to instances: numbers, truth values, texts and times."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tensorboard_activis.column_kinds import PLURALS, TIME, ColumnKind, column_kind
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.printable import printable

#: Names that columns of ours have, or words of the tab.
RESERVED = (
    *("id", "label", "prediction", "correct", "score", "loss", "label_score", "accuracy", "tokens", "rank"),
    *("text", "words", "image", "audio", "features", "probe", "row", "top_classes", "top_scores"),
)


#: Moments that Python knows.
_FIRST, _AFTER_LAST = np.datetime64("0001-01-01", "us"), np.datetime64("10000-01-01", "us")


def check_names(columns: Mapping[str, Any]) -> None:
    """Checks what can be checked of columns before any data is seen.

    Raises:
        ConfigurationError: a name is no text, or one of ours.
    """
    for name in columns:
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"columns must have texts as names; got {name!r}.")
        if name in RESERVED:
            raise ConfigurationError(
                f"columns has {name!r}, which is a column of ActiVis's own. Choose another name, such as {'my_' + name!r}."
            )


class UserColumns:
    """Takes columns batch by batch and holds them to be what they were in the first.

    Attributes:
        kinds: by name what they hold, see `_column`; None before the first batch.
    """

    def __init__(self) -> None:
        self.kinds: dict[str, ColumnKind | None] | None = None

    def convert(self, columns: Mapping[str, Any] | None, count: int, *, partly: bool = False) -> dict[str, np.ndarray]:
        """Columns of a batch: int64, float64 (NaN: missing), bool, datetime64[us] in UTC (NaT), or object of texts or truth values.

        With `partly` some may be missing.

        Raises:
            ActiVisError: a name, a length or a type is not what it may be or was.
        """
        columns = {} if columns is None else columns
        if not isinstance(columns, Mapping):
            raise ActiVisError(
                f"columns must map names to one value per instance; a batch gave a {type(columns).__name__}."
            )
        check_names(columns)
        if self.kinds is None:
            self.kinds = dict.fromkeys(columns)
        if set(columns) != set(self.kinds) and not (partly and set(columns) < set(self.kinds)):
            raise ActiVisError(
                f"A batch has the columns {_listed(columns)}, the ones before had {_listed(self.kinds)}. Give the same for "
                "every batch; None stands for a value that is missing."
            )
        found = {}
        for name, given in columns.items():
            kind, values = _column(name, given, count)
            known = self.kinds[name]
            if known is not None and kind is not None and kind != known:
                raise ActiVisError(
                    f"The column {name!r} held {PLURALS[known]} at first; now there are {PLURALS[kind]}. Convert it to one."
                )
            self.kinds[name] = known or kind
            found[printable(name)] = values
        return found


def arrow(values: np.ndarray) -> pa.Array:
    """A column of a batch, or of several put together, as a table holds it."""
    # Of objects there are numbers or times of one batch beside nothing but None of another.
    column = pa.array(values.tolist() if values.dtype == object else values, from_pandas=True)
    return column.cast(TIME) if pa.types.is_timestamp(column.type) else column


def _column(name: str, given: Any, count: int) -> tuple[ColumnKind | None, np.ndarray]:
    """What it holds (None: nothing but missing values), and its values."""
    try:
        length = len(given)
    except TypeError:
        length = None
    if length != count or isinstance(given, (str, bytes, Mapping)):
        got = f"a {type(given).__name__}" if length is None or isinstance(given, (str, bytes, Mapping)) else f"{length}"
        raise ActiVisError(f"The column {name!r} needs {count} values, one for each instance; got {got}.")
    values = _arrow_of(name, given)
    kind = values.type
    if pa.types.is_null(kind):
        return None, np.full(count, None, object)
    if pa.types.is_dictionary(kind):
        values, kind = values.dictionary_decode(), kind.value_type
    match column_kind(kind):
        case "boolean":
            return "boolean", np.array(values.to_pylist(), object if values.null_count else bool)
        case "number" if pa.types.is_integer(kind) and not values.null_count and not pa.types.is_uint64(kind):
            return "number", values.cast(pa.int64()).to_numpy(zero_copy_only=False)
        case "number":
            numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            return "number", numbers.astype(np.float64)
        case "text":
            texts = np.empty(count, object)
            texts[:] = values.to_pylist()
            return "text", texts
        case "time":
            return "time", _times(name, values)
        case "category" | "list" | None:  # categories are texts by now
            raise ActiVisError(
                f"The column {name!r} holds {kind}; columns hold numbers, truth values, texts or times. Convert it, to str for "
                "example."
            )


def _times(name: str, values: pa.Array) -> np.ndarray:
    """Moments in UTC, datetime64[us]; those without a zone are taken for UTC."""
    moments = values.cast(pa.timestamp(getattr(values.type, "unit", "us"))) if pa.types.is_date(values.type) else values
    try:
        found: np.ndarray = moments.cast(TIME, safe=False).to_numpy(zero_copy_only=False).astype("datetime64[us]")
    except pa.ArrowException as error:
        raise ActiVisError(f"The times of the column {name!r} cannot be stored: {error}") from error
    known = found[~np.isnat(found)]
    if known.size and not (known.min() >= _FIRST and known.max() < _AFTER_LAST):
        raise ActiVisError(f"The column {name!r} holds times outside of the years 1 to 9999. Leave these out (None).")
    return found


def _arrow_of(name: str, given: Any) -> pa.Array:
    if isinstance(given, np.ndarray) and given.ndim != 1:
        raise ActiVisError(f"The column {name!r} has the shape {given.shape}; one value for each instance is needed.")
    try:
        try:
            values = pa.array(given, from_pandas=True)
        except UnicodeEncodeError:
            values = pa.array([printable(text) if isinstance(text, str) else text for text in given], from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ActiVisError(
            f"The column {name!r} cannot be stored: {error} Its values must be all numbers, truth values, texts or times."
        ) from error
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
