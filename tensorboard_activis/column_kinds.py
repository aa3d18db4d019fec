"""Kinds of columns: the one vocabulary for what is logged of instances, compared, counted, sorted and shown.

Whoever treats columns by their kind handles every kind that is here; a new one is an entry in `column_kind` and in PLURALS, and
type checkers and tests name the places that do not know it yet.
"""

from datetime import UTC, datetime
from typing import Literal, TypeAlias

import pyarrow as pa

ColumnKind: TypeAlias = Literal["boolean", "number", "category", "text", "list", "time"]
#: What messages call the values of a column.
PLURALS: dict[ColumnKind, str] = {
    "boolean": "booleans",
    "number": "numbers",
    "category": "categories",
    "text": "texts",
    "list": "lists",
    "time": "times",
}
#: Times are moments: what is logged without a time zone is taken for UTC, other zones are converted.
TIME = pa.timestamp("us", tz="UTC")


def column_kind(kind: pa.DataType) -> ColumnKind | None:
    """What a column of this type holds; None for what is only stored, such as pictures."""
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_dictionary(kind):
        return "category"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "time"
    return "list" if pa.types.is_list(kind) else None  # arrays of one length are content, such as features


def parse_time(text: str) -> datetime:
    """A moment from ISO 8601, such as "2024-05-01" or "2024-05-01T12:30:00+02:00"; without a zone it is in UTC.

    Raises ValueError.
    """
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r:.60} is outside of the years 1 to 9999") from error


def time_text(moment: datetime) -> str:
    """A moment in ISO 8601: "2024-05-01T12:30:00Z"."""
    return moment.isoformat().replace("+00:00", "Z")
