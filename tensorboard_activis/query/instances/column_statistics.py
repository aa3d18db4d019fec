"""Statistics of columns: ranges and quantiles of numbers, most frequent values of the others, completions of typed prefixes."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.column_kinds import TIME, column_kind, time_text
from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.expression.functions import FUNCTIONS
from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.instances.kinds import describe_columns
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

MAX_VALUES = 1_000
#: Longer texts are content, nothing that anyone types.
LONGEST = 200
#: Whole numbers that lie closer together than this are listed one by one.
MAX_FEW = 20
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class NumberCount:
    """A whole number and how often it is there.

    Attributes:
        value: the number.
        count: instances.
    """

    value: int
    count: int


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value and how often it is there.

    Attributes:
        value: the value.
        count: instances.
    """

    value: str | bool
    count: int


@dataclass(frozen=True, slots=True)
class NumberStatistics:
    """A column of numbers, of the finite ones; all NaN when there are none.

    Attributes:
        name: of the column.
        missing: instances without a value; NaN counts as missing.
        min: the smallest.
        max: the largest.
        mean: of all.
        quantiles: at 5, 25, 50, 75 and 95 percent, by linear interpolation.
        values: of whole numbers that lie within 20, such as classes, ascending; otherwise empty.
        type: always this.
    """

    name: str
    missing: int
    min: MaybeNaN
    max: MaybeNaN
    mean: MaybeNaN
    quantiles: tuple[MaybeNaN, ...]
    values: Records[NumberCount]
    type: Literal["number"] = "number"


@dataclass(frozen=True, slots=True)
class ValueStatistics:
    """A column of categories, texts, booleans or lists of them.

    Attributes:
        name: of the column.
        type: kind of its values.
        missing: instances without a value.
        distinct: how many values there are, missing ones aside.
        values: the most frequent ones that match, then by the alphabet; at most as many as asked for, none of more than 200
            characters.
    """

    name: str
    type: Literal["category", "text", "boolean", "list"]
    missing: int
    distinct: int
    values: Records[ValueCount]


@dataclass(frozen=True, slots=True)
class TimeStatistics:
    """A column of times, in ISO 8601 (UTC).

    Attributes:
        name: of the column.
        missing: instances without a value.
        min: the earliest; None when there are none.
        max: the latest; None when there are none.
        quantiles: at 5, 25, 50, 75 and 95 percent, each a time that is there; empty when there are none.
        type: always this.
    """

    name: str
    missing: int
    min: str | None
    max: str | None
    quantiles: tuple[str, ...]
    type: Literal["time"] = "time"


ColumnStatistics: TypeAlias = NumberStatistics | ValueStatistics | TimeStatistics


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """A function that expressions may use.

    Attributes:
        name: of the function.
        arguments: how they are written.
    """

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What an expression can be completed with.

    Attributes:
        columns: what they hold, over the kept instances.
        functions: all there are.
    """

    columns: tuple[ColumnStatistics, ...]
    functions: Records[FunctionInfo]


def vocabulary(snapshot: SnapshotReader, column: str | None, prefix: str, limit: int) -> Vocabulary:
    """Columns and functions; arguments are those of `column_statistics`."""
    functions = (FunctionInfo(name, tuple(written)) for name, (written, _) in FUNCTIONS.items())
    return Vocabulary(tuple(column_statistics(snapshot, column, prefix, limit)), Records(FunctionInfo, functions))


def column_statistics(
    snapshot: SnapshotReader, column: str | None = None, prefix: str = "", limit: int = 20
) -> list[ColumnStatistics]:
    """Every column that an expression may use, or one, over the kept instances.

    Arguments:
        prefix: only values that begin so, upper and lower case alike. Texts of more than LONGEST characters are never listed.
        limit: values to list per column, at most MAX_VALUES.

    Raises NotFoundError for a column that is not there, QueryError for one that holds pictures or arrays.
    """
    if not 0 <= limit <= MAX_VALUES:
        raise QueryError(f"limit must be from 0 to {MAX_VALUES:,}; got {limit}.")
    table = snapshot.instances
    names = [one.name for one in describe_columns(table)]
    if column is not None:
        if column not in table.column_names:
            raise NotFoundError(f"There is no column {column!r:.80}. There are: {', '.join(names):.600}.")
        if column not in names:
            raise QueryError(f"The column {column!r} holds {table.column(column).type}, which has no statistics.")
        names = [column]
    described = []
    for name in names:
        check_time()
        described.append(_describe(name, table.column(name), prefix, limit))
    return described


def _describe(name: str, column: pa.ChunkedArray, prefix: str, limit: int) -> ColumnStatistics:
    kind = column_kind(column.type)
    if kind == "number":
        return _numbers(name, column)
    if kind == "time":
        return _times(name, column)
    missing = column.null_count
    if kind == "boolean":
        counts = {value: pc.sum(pc.equal(column, value)).as_py() or 0 for value in (True, False)}
        there = [(value, count) for value, count in counts.items() if count]
        shown = [(value, count) for value, count in there if str(value).casefold().startswith(prefix.casefold())]
        first = sorted(shown, key=lambda one: -one[1])[:limit]
        return ValueStatistics(
            name, "boolean", missing, len(there), Records(ValueCount, (ValueCount(*each) for each in first))
        )
    if kind == "list":
        column = pc.list_flatten(column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    counted = pc.value_counts(column.drop_null())
    values, numbers = counted.field("values").cast(pa.string()), counted.field("counts")
    matches = pc.less_equal(pc.utf8_length(values), LONGEST)
    if prefix:
        matches = pc.and_(matches, pc.starts_with(pc.utf8_lower(values), prefix.lower()))
    matching = pa.table({"value": values, "count": numbers}).filter(matches)
    first = matching.take(
        pc.select_k_unstable(matching, limit, [("count", "descending"), ("value", "ascending")])
        if limit and matching.num_rows  # of nothing, pyarrow 18 makes nothing that Python could hold
        else pa.array([], pa.int64())
    )
    pairs = zip(first.column("value").to_pylist(), first.column("count").to_pylist(), strict=True)
    return ValueStatistics(
        name, kind or "text", missing, len(values), Records(ValueCount, (ValueCount(*each) for each in pairs))
    )


def _numbers(name: str, column: pa.ChunkedArray) -> NumberStatistics:
    values = column.cast(pa.float64(), safe=False).drop_null().to_numpy()
    missing = len(column) - len(values) + int(np.isnan(values).sum())
    values = values[np.isfinite(values)]
    if not values.size:
        nothing = float("nan")
        return NumberStatistics(
            name, missing, nothing, nothing, nothing, (nothing,) * len(_SHARES), Records(NumberCount)
        )
    quantiles = tuple(float(value) for value in np.quantile(values, _SHARES))
    few = Records(NumberCount)
    if pa.types.is_integer(column.type) and values.max() - values.min() < MAX_FEW:
        each, counts = np.unique(values, return_counts=True)
        pairs = zip(each.tolist(), counts.tolist(), strict=True)
        few = Records(NumberCount, (NumberCount(int(value), count) for value, count in pairs))
    return NumberStatistics(
        name, missing, float(values.min()), float(values.max()), float(values.mean()), quantiles, few
    )


def _times(name: str, column: pa.ChunkedArray) -> TimeStatistics:
    values = column.cast(TIME, safe=False).drop_null()
    if not len(values):
        return TimeStatistics(name, column.null_count, None, None, ())
    values = values.sort()
    texts = [time_text(values[round(share * (len(values) - 1))].as_py()) for share in (0.0, *_SHARES, 1.0)]
    return TimeStatistics(name, column.null_count, texts[0], texts[-1], tuple(texts[1:-1]))
