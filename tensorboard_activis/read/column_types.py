"""The Arrow types that columns of the instance table may have, checked before a table is read."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.errors import UnreadableError

_TYPES = pa.types
ALLOWED = (
    "whole numbers (at most 63 bits and a sign), float32 and float64, booleans, texts (also as categories: "
    "dictionary<int32, string>), pictures and sound (binary), time stamps (without a time zone or in UTC), lists of whole numbers "
    "or texts, arrays of one length of float32 or float64, and nothing but missing values (null)"
)
#: What to do about a table that was written in a way that is not read.
REWRITE = 'Write the table again: pyarrow.parquet.write_table(table, path, compression="zstd")'
#: Types of the columns that hold an instance's content; users' columns cannot have these names.
_CONTENT: dict[str, Callable[[pa.DataType], bool]] = {
    "text": lambda kind: _TYPES.is_string(kind) or _TYPES.is_dictionary(kind),
    "words": lambda kind: kind == pa.list_(pa.string()),
    "token_texts": lambda kind: kind == pa.list_(pa.string()),
    "image": _TYPES.is_binary,
    "audio": _TYPES.is_binary,
    "features": _TYPES.is_fixed_size_list,
}
#: Ticks per second of each unit of time stamps. Python's datetime covers the years 1 to 9999.
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


class UnsupportedError(UnreadableError):
    """A table is whole, but of a kind that is not read. The message says what to do instead."""


def unsupported_column(name: str, kind: str) -> UnsupportedError:
    """Makes the error for a column whose type is not supported; the caller raises it.

    Args:
        name: name of the column.
        kind: its type, for the message.
    """
    return UnsupportedError(
        f"the column {name!r:.80} holds {kind:.120}. Columns of instances hold {ALLOWED}. Convert the column to one of these, or "
        f"leave it out. {REWRITE}"
    )


def supported_type(kind: pa.DataType) -> pa.DataType | None:
    """The type to which a column is converted when it is read, or None when it is not supported. All integers become int64."""
    if _is_whole(kind):
        return pa.int64()
    if _is_other_scalar(kind):
        return kind
    if _TYPES.is_dictionary(kind):
        return pa.dictionary(pa.int32(), pa.string()) if _TYPES.is_string(kind.value_type) else None
    if _TYPES.is_list(kind) and (_is_whole(kind.value_type) or _TYPES.is_string(kind.value_type)):
        return pa.list_(pa.int64() if _is_whole(kind.value_type) else pa.string())
    if _TYPES.is_fixed_size_list(kind) and _is_float(kind.value_type) and kind.list_size > 0:
        return pa.list_(kind.value_type, kind.list_size)
    return None


def check_content(name: str, kind: pa.DataType) -> None:
    """Checks that a content column (text, words, image, audio, features) has a type that can be shown.

    Raises:
        UnsupportedError: it has another type.
    """
    if name in _CONTENT and not _CONTENT[name](kind):
        raise UnsupportedError(
            f"the column {name!r} holds {kind!s:.120}, but this name is for the content of instances, which is of another type. "
            f"Give the column another name. {REWRITE}"
        )


def check_values(name: str, column: pa.ChunkedArray) -> None:
    """Checks that time stamps lie within the years 1 to 9999, which Python's datetime can represent.

    Raises:
        UnsupportedError: a time stamp does not.
    """
    if _TYPES.is_timestamp(column.type):
        ends = pc.min_max(column.cast(pa.int64())).as_py()
        per_second = _PER_SECOND[column.type.unit]
        if ends["min"] is not None and not (
            _FIRST_SECOND * per_second <= ends["min"] and ends["max"] < (_LAST_SECOND + 1) * per_second
        ):
            raise UnsupportedError(
                f"the column {name!r:.80} holds time stamps outside the years 1 to 9999. Replace these by missing values. {REWRITE}"
            )


def fits(kind: pa.DataType, stored: pa.DataType) -> bool:
    """Whether a column of type `kind` may be stored as `stored`: categories as strings, fixed-size lists as lists.

    Args:
        kind: a type that `supported_type` returned.
        stored: the Arrow equivalent of the Parquet type.
    """
    if _TYPES.is_dictionary(kind):
        return bool(_TYPES.is_string(stored))
    if _TYPES.is_fixed_size_list(kind):
        return bool(stored == pa.list_(kind.value_type))
    if _TYPES.is_timestamp(kind) and _TYPES.is_timestamp(stored):  # whole seconds are stored as milliseconds
        return bool(kind.tz == stored.tz)
    return bool(kind == supported_type(stored))


def _is_other_scalar(kind: pa.DataType) -> bool:
    return (
        _is_float(kind)
        or _TYPES.is_boolean(kind)
        or _TYPES.is_string(kind)
        or _TYPES.is_binary(kind)
        or _TYPES.is_null(kind)
        or (_TYPES.is_timestamp(kind) and kind.tz in (None, "UTC"))
    )


def _is_whole(kind: pa.DataType) -> bool:
    return bool(_TYPES.is_integer(kind) and not _TYPES.is_uint64(kind))


def _is_float(kind: pa.DataType) -> bool:
    return bool(_TYPES.is_float32(kind) or _TYPES.is_float64(kind))
