"""Columns that the user adds to instances: numbers, truth values and texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.printable import printable

#: Names that columns of ours have, or words of the tab.
RESERVED = (
    *("id", "label", "prediction", "correct", "score", "loss", "label_score", "accuracy", "tokens", "rank"),
    *("text", "words", "image", "audio", "features", "probe", "row", "top_classes", "top_scores"),
)


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
        self.kinds: dict[str, str | None] | None = None

    def of(self, columns: Mapping[str, Any] | None, count: int, *, partly: bool = False) -> dict[str, np.ndarray]:
        """Columns of a batch: int64, float64 (NaN: missing), bool, or object of texts or truth values and None.

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
                    f"The column {name!r} held {known} at first; now there are {kind}. Convert it to one."
                )
            self.kinds[name] = known or kind
            found[printable(name)] = values
        return found


def arrow(values: np.ndarray) -> pa.Array:
    """A column of a batch, or of several put together, as a table holds it."""
    if values.dtype == object:
        return pa.array(values.tolist(), from_pandas=True)  # numbers of one batch beside nothing but None of another
    return pa.array(values, from_pandas=True)


def _column(name: str, given: Any, count: int) -> tuple[str | None, np.ndarray]:
    """What it holds ("numbers", "truth values", "texts"; None: nothing but missing values), and its values."""
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
    if pa.types.is_boolean(kind):
        return "truth values", np.array(values.to_pylist(), object if values.null_count else bool)
    if pa.types.is_integer(kind) and not values.null_count and not pa.types.is_uint64(kind):
        return "numbers", values.cast(pa.int64()).to_numpy(zero_copy_only=False)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "numbers", values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        texts = np.empty(count, object)
        texts[:] = values.to_pylist()
        return "texts", texts
    raise ActiVisError(
        f"The column {name!r} holds {kind}; columns hold numbers, truth values or texts. Convert it, to str for example."
    )


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
            f"The column {name!r} cannot be stored: {error} Its values must be all numbers, all truth values or all texts."
        ) from error
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
