"""What a column of a table of instances may hold: one vocabulary, checked before a table is read."""

import pyarrow as pa

from tensorboard_activis.errors import UnreadableError

_TYPES = pa.types
ALLOWED = (
    "whole numbers, float32 and float64, truth values, texts (also as categories: dictionary<int32, string>), pictures and sound "
    "(binary), time stamps (without a time zone or in UTC), lists of numbers or texts, arrays of one length of float32 or float64, "
    "and nothing but missing values (null)"
)


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
    """The type as a column of it is read, or None where a column may not be of it."""
    if _is_scalar(kind):
        return kind
    if _TYPES.is_dictionary(kind):
        return pa.dictionary(pa.int32(), pa.string()) if _TYPES.is_string(kind.value_type) else None
    if _TYPES.is_list(kind) and (_is_number(kind.value_type) or _TYPES.is_string(kind.value_type)):
        return pa.list_(kind.value_type)
    if _TYPES.is_fixed_size_list(kind) and _is_float(kind.value_type) and kind.list_size > 0:
        return pa.list_(kind.value_type, kind.list_size)
    return None


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
    return bool(kind == stored)


def _is_scalar(kind: pa.DataType) -> bool:
    return (
        _is_number(kind)
        or _TYPES.is_boolean(kind)
        or _TYPES.is_string(kind)
        or _TYPES.is_binary(kind)
        or _TYPES.is_null(kind)
        or (_TYPES.is_timestamp(kind) and kind.tz in (None, "UTC"))
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(_TYPES.is_integer(kind)) or _is_float(kind)


def _is_float(kind: pa.DataType) -> bool:
    return bool(_TYPES.is_float32(kind) or _TYPES.is_float64(kind))
