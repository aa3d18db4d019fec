"""What a column of a table of instances may hold: one vocabulary, checked before a table is read."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.errors import UnreadableError

_TYPES = pa.types
ALLOWED = (
    "whole numbers (at most 63 bits and a sign), float32 and float64, truth values, texts (also as categories: "
    "dictionary<int32, string>), pictures and sound (binary), time stamps (without a time zone or in UTC), lists of whole numbers "
    "or texts, arrays of one length of float32 or float64, and nothing but missing values (null)"
)
#: What an instance looks like, by the names that users' columns cannot have.
_CONTENT: dict[str, Callable[[pa.DataType], bool]] = {
    "text": lambda kind: _TYPES.is_string(kind) or _TYPES.is_dictionary(kind),
    "words": lambda kind: kind == pa.list_(pa.string()),
    "image": _TYPES.is_binary,
    "audio": _TYPES.is_binary,
    "features": _TYPES.is_fixed_size_list,
    "probe": _TYPES.is_boolean,
}
#: Moments that Python knows, by unit: the years 1 to 9999.
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


def refused(name: str, holds: str) -> UnreadableError:
    """The error for a column that holds something else.

    Args:
        name: of the column.
        holds: its type, in words.
    """
    return UnreadableError(
        f"the column {name!r:.80} holds {holds:.120}. Columns of instances hold {ALLOWED}. Convert the column to one of these, or "
        'leave it out, and write the table again: pyarrow.parquet.write_table(table, path, compression="zstd")'
    )


def allowed(kind: pa.DataType) -> pa.DataType | None:
    """The type as which a column of it is read, or None where a column may not be of it. All whole numbers are read as int64."""
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
    """That a column which says what an instance looks like can be that.

    Raises:
        UnreadableError: it holds something else.
    """
    if name in _CONTENT and not _CONTENT[name](kind):
        raise UnreadableError(
            f"the column {name!r} holds {kind!s:.120}, and what is shown of an instance under this name is never that. "
            "Give the column another name, and write the table again"
        )


def check_values(name: str, column: pa.ChunkedArray) -> None:
    """That time stamps lie within the years 1 to 9999.

    Raises:
        UnreadableError: they do not.
    """
    if _TYPES.is_timestamp(column.type):
        ends = pc.min_max(column.cast(pa.int64())).as_py()
        per_second = _PER_SECOND[column.type.unit]
        if ends["min"] is not None and not (
            _FIRST_SECOND * per_second <= ends["min"] and ends["max"] < (_LAST_SECOND + 1) * per_second
        ):
            raise UnreadableError(f"the column {name!r:.80} holds time stamps outside of the years 1 to 9999")


def fits(kind: pa.DataType, stored: pa.DataType) -> bool:
    """Whether values of a type are stored as those of the other: categories as texts, arrays of one length as lists.

    Args:
        kind: what `allowed` returned.
        stored: a type that Parquet itself knows.
    """
    if _TYPES.is_dictionary(kind):
        return bool(_TYPES.is_string(stored))
    if _TYPES.is_fixed_size_list(kind):
        return bool(stored == pa.list_(kind.value_type))
    if _TYPES.is_timestamp(kind) and _TYPES.is_timestamp(stored):  # whole seconds are stored as milliseconds
        return bool(kind.tz == stored.tz)
    return bool(kind == allowed(stored))


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
