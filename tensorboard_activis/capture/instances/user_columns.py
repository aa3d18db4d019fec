"""User columns (`columns=`): checks their names and types, and converts their values: numbers, bools, strings and times."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tensorboard_activis.capture.tasks.repeated import Repeated
from tensorboard_activis.column_kinds import PLURALS, TIME, ColumnKind, column_kind
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.printable import printable

#: Names that users may not give: columns that every snapshot may have, and words that the tab uses.
RESERVED = (
    *("id", "label", "prediction", "correct", "score", "loss", "label_score", "accuracy", "tokens", "rank"),
    *("text", "words", "token_texts", "image", "audio", "features", "pinned", "row", "top_classes", "top_scores"),
)
#: Columns that a run may have; a reader refuses tables of many more as damaged.
MOST_COLUMNS = 10_000
#: The range of Python's datetime.
_FIRST, _AFTER_LAST = np.datetime64("0001-01-01", "us"), np.datetime64("10000-01-01", "us")


def check_names(columns: Mapping[str, Any]) -> None:
    """Checks the names of columns.

    Raises:
        ConfigurationError: a name is not a string, or is reserved, or there are more than MOST_COLUMNS.
    """
    if len(columns) > MOST_COLUMNS:
        raise ConfigurationError(
            f"columns has {len(columns):,} columns; a run may have {MOST_COLUMNS:,}. Leave out those that you will not look at."
        )
    for name in columns:
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"columns must have texts as names; got {name!r}.")
        if name in RESERVED:
            raise ConfigurationError(
                f"columns has {name!r}, which is a column of ActiVis's own. Choose another name, such as {'my_' + name!r}."
            )


def named_features(
    inputs: Mapping[Any, Any], count: int, as_array: Callable[[Any], np.ndarray]
) -> dict[str, np.ndarray]:
    """Columns [instances] of named inputs with one number per instance, as where a model gets the columns of a table one by one.

    Arguments:
        inputs: the framework's tensors, or anything else.
        count: number of instances in the batch.
        as_array: converts a tensor.
    """
    flat = ((count,), (count, 1))
    arrays = {
        name: as_array(value).reshape(count)
        for name, value in inputs.items()
        if isinstance(name, str) and name not in RESERVED and getattr(value, "shape", None) in flat
    }
    return {printable(name): values for name, values in arrays.items() if values.dtype.kind in "iufb"}


class UserColumns:
    """Converts columns batch by batch; every batch must have the columns and types of the first.

    Attributes:
        kinds: kind of each column by name, None while all of its values are missing; None before the first batch.
    """

    def __init__(self) -> None:
        self.kinds: dict[str, ColumnKind | None] | None = None

    def convert(self, columns: Mapping[str, Any] | None, count: int, *, partly: bool = False) -> dict[str, Any]:
        """Columns of a batch as arrays [instances]; of a `Repeated` one, its values are converted.

        They are int64, float64 (NaN: missing), bool, datetime64[us] in UTC (NaT: missing), or object of strings or bools and None.

        Arguments:
            count: number of instances in the batch.
            partly: whether columns may be missing.

        Raises:
            ActiVisError: the name, the length or the type of a column is wrong, or differs from earlier batches.
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
        converted: dict[str, Any] = {}
        for name, column in columns.items():
            given = column.values if isinstance(column, Repeated) else column
            kind, values = _column(name, given, len(given) if isinstance(column, Repeated) else count)
            known = self.kinds[name]
            if known is not None and kind is not None and kind != known:
                raise ActiVisError(
                    f"The column {name!r} held {PLURALS[known]} at first; now there are {PLURALS[kind]}. Convert it to one."
                )
            self.kinds[name] = known or kind
            converted[printable(name)] = Repeated(values, column.index) if isinstance(column, Repeated) else values
        return converted


def arrow(values: np.ndarray) -> pa.Array:
    """Converts a column of one or several batches to Arrow."""
    # An object array may have numbers or times from one batch, and None for all instances of another.
    column = pa.array(values.tolist() if values.dtype == object else values, from_pandas=True)
    return column.cast(TIME) if pa.types.is_timestamp(column.type) else column


def _column(name: str, column: Any, count: int) -> tuple[ColumnKind | None, np.ndarray]:
    """The kind of a column (None: all values are missing), and its values."""
    try:
        length = len(column)
    except TypeError:
        length = None
    if length != count or isinstance(column, (str, bytes, Mapping)):
        got = (
            f"a {type(column).__name__}" if length is None or isinstance(column, (str, bytes, Mapping)) else f"{length}"
        )
        raise ActiVisError(f"The column {name!r} needs {count} values, one for each instance; got {got}.")
    values = _to_arrow(name, column)
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
                f"The column {name!r} holds {kind}; columns hold numbers, booleans, texts or times. Convert it, to str for "
                "example."
            )


def _times(name: str, values: pa.Array) -> np.ndarray:
    """Converts times to datetime64[us] in UTC; times without a zone are taken as UTC."""
    stamps = values.cast(pa.timestamp(getattr(values.type, "unit", "us"))) if pa.types.is_date(values.type) else values
    try:
        times: np.ndarray = stamps.cast(TIME, safe=False).to_numpy(zero_copy_only=False).astype("datetime64[us]")
    except pa.ArrowException as error:
        raise ActiVisError(f"The times of the column {name!r} cannot be stored: {error}") from error
    known = times[~np.isnat(times)]
    if known.size and not (known.min() >= _FIRST and known.max() < _AFTER_LAST):
        raise ActiVisError(f"The column {name!r} holds times outside of the years 1 to 9999. Leave these out (None).")
    return times


def _to_arrow(name: str, column: Any) -> pa.Array:
    if isinstance(column, np.ndarray) and column.ndim != 1:
        raise ActiVisError(f"The column {name!r} has the shape {column.shape}; one value for each instance is needed.")
    try:
        try:
            values = pa.array(column, from_pandas=True)
        except UnicodeEncodeError:
            values = pa.array([printable(text) if isinstance(text, str) else text for text in column], from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ActiVisError(
            f"The column {name!r} cannot be stored: {error} Its values must be all numbers, booleans, texts or times."
        ) from error
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
