"""Groups instances by a column, with the number of instances, accuracy and mean loss of each group."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.column_kinds import column_kind
from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.contract import Records
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.read.snapshot import SnapshotReader

MAX_GROUPS = 10_000


@dataclass(frozen=True, slots=True)
class Group:
    """The kept instances with one value of a column.

    Attributes:
        value: None for those without one.
        count: kept instances.
        right: of them, those that were predicted rightly.
        wrong: of them, those that were predicted wrongly.
        score: mean; None without any.
        loss: mean; None without any.
    """

    value: str | bool | None
    count: int
    right: int
    wrong: int
    score: float | None
    loss: float | None


@dataclass(frozen=True, slots=True)
class Groups:
    """Instances by the values of a column.

    Attributes:
        groups: the largest first, then by the value.
    """

    groups: Records[Group]


def groups(snapshot: SnapshotReader, by: str = "label", expression: str | None = None) -> Groups:
    """One group per value of a column, as `group_table`."""
    return Groups(Records(Group, (Group(**line) for line in group_table(snapshot, by, expression).to_pylist())))


def group_table(snapshot: SnapshotReader, by: str = "label", expression: str | None = None) -> pa.Table:
    """Groups the kept instances by the values of a column, largest group first, then by value; null is a group of its own.

    Columns: `value`; `count` of kept instances; `right` and `wrong` of those that can be either; mean `score` and `loss`, null
    without any. An instance with several values counts in each.

    Arguments:
        expression: of these instances only.

    Whole numbers are named by their digits, as classes without names are.

    Raises NotFoundError, ExpressionError, QueryError for a column of other numbers, times or content, and TooLargeError beyond
    MAX_GROUPS.
    """
    table = snapshot.instances
    if by not in table.column_names:
        names = ", ".join(name for name in table.column_names if column_kind(table.column(name).type) is not None)
        raise NotFoundError(f"There is no column {by!r:.80}. There are: {names:.600}.")
    data_type = table.column(by).type
    if column_kind(data_type) in (None, "number", "time") and not pa.types.is_integer(data_type):
        raise QueryError(
            f"Instances cannot be grouped by {by!r:.80}, which holds {data_type}. Group them by a column of categories, texts, "
            "whole numbers or booleans."
        )
    sampled = np.arange(snapshot.stored_instances) < snapshot.record.sample_size  # pinned instances are in no statistic
    if expression:
        sampled &= matching(snapshot, expression)
    wanted = {
        name: table.column(name) if name in table.column_names else pa.nulls(table.num_rows, kind)
        for name, kind in (("correct", pa.bool_()), ("score", pa.float64()), ("loss", pa.float64()))
    }
    chosen = pa.table({"value": table.column(by)} | wanted).filter(pa.array(sampled))
    values = chosen.column("value")
    if column_kind(values.type) == "list":
        lists = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
        values, chosen = pa.chunked_array([pc.list_flatten(lists)]), chosen.take(pc.list_parent_indices(lists))
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_integer(values.type):
        values = values.cast(pa.string())
    numbers = {name: _finite(chosen.column(name)) for name in ("score", "loss")}
    correct = chosen.column("correct")
    each = {"value": values, "right": pc.equal(correct, True), "wrong": pc.equal(correct, False)} | numbers
    grouped = (
        pa.table(each)
        .group_by("value")
        .aggregate([([], "count_all"), ("right", "sum"), ("wrong", "sum"), ("score", "mean"), ("loss", "mean")])
    )
    if grouped.num_rows > MAX_GROUPS:
        raise TooLargeError(
            f"{by!r:.80} has {grouped.num_rows:,} values, more than {MAX_GROUPS:,}. Group by another column."
        )
    grouped = grouped.select(["value", "count_all", "right_sum", "wrong_sum", "score_mean", "loss_mean"])
    grouped = grouped.rename_columns(["value", "count", "right", "wrong", "score", "loss"])
    for index, name in ((2, "right"), (3, "wrong")):
        grouped = grouped.set_column(index, name, pc.fill_null(grouped.column(name).cast(pa.int64()), 0))
    keys = grouped.set_column(0, "value", grouped.column("value").cast(pa.string()))
    return grouped.take(pc.sort_indices(keys, [("count", "descending"), ("value", "ascending")]))


def _finite(column: pa.ChunkedArray) -> pa.ChunkedArray:
    column = column.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_finite(column), column, pa.scalar(None, pa.float64()))
