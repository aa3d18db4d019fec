"""Columns of lists, such as the labels of instances with several labels, as strings."""

import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.column_kinds import TIME, column_kind


def is_list(kind: pa.DataType) -> bool:
    """Lists of any length; arrays of one length are content, such as features."""
    return bool(pa.types.is_list(kind))


def joined(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of lists as texts: "ant, bee"."""
    if not pa.types.is_string(column.type.value_type):
        column = column.cast(pa.list_(pa.string()))
    return pc.binary_join(column, ", ")


def readable(table: pa.Table) -> pa.Table:
    """The same table with texts for lists, and moments that Python can hold."""
    for index, field in enumerate(table.schema):
        kind = column_kind(field.type)
        if kind == "list":
            table = table.set_column(index, field.name, joined(table.column(index)))
        elif kind == "time":
            table = table.set_column(index, field.name, table.column(index).cast(TIME, safe=False))
    return table
