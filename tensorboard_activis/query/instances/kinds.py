"""Kinds of columns: how each may be drawn and queried."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa

from tensorboard_activis.query.contract import Records
from tensorboard_activis.query.instances.lists import is_list

ColumnKind: TypeAlias = Literal["boolean", "number", "category", "text", "list"]


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column that an expression may use.

    Attributes:
        name: as expressions write it.
        type: kind of its values; of a "list" each instance may have several.
    """

    name: str
    type: ColumnKind


def column_kind(kind: pa.DataType) -> ColumnKind | None:
    """How a column may be drawn and queried: number, category, boolean, text, list, or None for what is only stored."""
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_dictionary(kind):
        return "category"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    return "list" if is_list(kind) else None


def describe_columns(table: pa.Table) -> Records[ColumnInfo]:
    """Names and kinds of the columns that an expression may use."""
    kinds = {field.name: column_kind(field.type) for field in table.schema}
    return Records(ColumnInfo, (ColumnInfo(name, kind) for name, kind in kinds.items() if kind is not None))
