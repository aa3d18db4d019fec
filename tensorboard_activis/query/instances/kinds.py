"""The kinds of the columns that an expression may use."""

from dataclasses import dataclass

import pyarrow as pa

from tensorboard_activis.column_kinds import ColumnKind, column_kind
from tensorboard_activis.query.contract import Records
from tensorboard_activis.query.instances.content import TOKENS


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column that an expression may use.

    Attributes:
        name: as expressions write it.
        type: kind of its values; of a "list" each instance may have several.
    """

    name: str
    type: ColumnKind


def describe_columns(table: pa.Table) -> Records[ColumnInfo]:
    """Names and kinds of the columns that an expression may use. Tokens are not among them: the text is."""
    kinds = {field.name: column_kind(field.type) for field in table.schema if field.name != TOKENS}
    return Records(ColumnInfo, (ColumnInfo(name, kind) for name, kind in kinds.items() if kind is not None))
