"""Facets: how the values of each column are distributed, over all instances of the sample and over those of an expression."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.column_kinds import TIME, column_kind, time_text
from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.contract import Records
from tensorboard_activis.query.instances.classes import is_classes, label_values, prediction_values
from tensorboard_activis.query.instances.column_statistics import LONGEST, MAX_FEW, MAX_VALUES
from tensorboard_activis.query.instances.content import CONTENT
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.instances.kinds import describe_columns
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

MAX_COLUMNS = 12
#: Without `columns`, the first so many.
FIRST_COLUMNS = 8
#: At most so many bins, whose edges are numbers that read well.
MAX_BINS = 30
_FIRST = ("label", "prediction", "correct", "score", "loss")
_LAST = ("label_score",)
_LEFT_OUT = ("id", "pinned", *CONTENT)
#: Sizes of bins: for numbers times a power of ten, for times in seconds.
_LEADS = (1, 2, 5)
_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 10_800, 43_200, 86_400)
#: Percentiles are those of about so many values.
_ENOUGH = 100_000
#: Larger ends would overflow where they are subtracted.
_LARGEST = 1e300


@dataclass(frozen=True, slots=True)
class NumberFacet:
    """A column of numbers, as a histogram. A bin holds what is at least its lower and below its upper edge.

    Attributes:
        name: of the column.
        missing: instances of the sample without a value; NaN counts as missing.
        edges: of the bins, ascending, one more than bins; empty when there are no values.
        counts: instances of the sample in each bin; the first also holds what lies below it, the last what lies above.
        matching: of them, those of the expression.
        below: whether values lie below the first edge.
        above: whether values lie above the last edge.
        type: always this.
    """

    name: str
    missing: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    matching: tuple[int, ...]
    below: bool
    above: bool
    type: Literal["number"] = "number"


@dataclass(frozen=True, slots=True)
class TimeFacet:
    """A column of times, as a histogram. A bin holds what is at its beginning or later, and before its end.

    Attributes:
        name: of the column.
        missing: instances of the sample without a value.
        edges: of the bins in ISO 8601 (UTC), ascending, one more than bins; empty when there are no values.
        counts: instances of the sample in each bin.
        matching: of them, those of the expression.
        type: always this.
    """

    name: str
    missing: int
    edges: tuple[str, ...]
    counts: tuple[int, ...]
    matching: tuple[int, ...]
    type: Literal["time"] = "time"


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a column.

    Attributes:
        value: as expressions write it.
        count: instances of the sample that have it.
        matching: of them, those of the expression.
    """

    value: str | int | bool
    count: int
    matching: int


@dataclass(frozen=True, slots=True)
class ValueFacet:
    """A column of categories, texts, booleans, lists, or of few whole numbers, as a list of values.

    Attributes:
        name: of the column.
        type: how it is listed.
        kind: of its values; of a "list" an instance may have several.
        missing: instances of the sample without a value.
        distinct: how many values there are.
        values: whole numbers ascending, others by how frequent they are in the sample, then by the alphabet; at most as many as
            asked for, none of more than 200 characters.
    """

    name: str
    kind: Literal["number", "category", "text", "boolean", "list"]
    missing: int
    distinct: int
    values: Records[FacetValue]
    type: Literal["values"] = "values"


Facet: TypeAlias = NumberFacet | TimeFacet | ValueFacet


@dataclass(frozen=True, slots=True)
class Facets:
    """How columns are distributed over the sample, and over the instances of it for which an expression is true.

    Attributes:
        count: instances of the sample for which the expression is true; all of them without an expression.
        sample_size: instances of the sample.
        names: columns that can be asked for, those that say most first.
        columns: those that were asked for.
    """

    count: int
    sample_size: int
    names: tuple[str, ...]
    columns: tuple[Facet, ...]


def facets(
    snapshot: SnapshotReader,
    expression: str | None = None,
    columns: Sequence[str] | None = None,
    search: str = "",
    limit: int = 50,
) -> Facets:
    """The distribution of columns, over the sample: pinned instances are in no statistic.

    Arguments:
        expression: whose instances are counted beside all; None for all.
        columns: names, at most MAX_COLUMNS; None for the first FIRST_COLUMNS.
        search: of columns of values, only those that contain it, upper and lower case alike.
        limit: values to list per column, at most MAX_VALUES.

    Raises ExpressionError, NotFoundError for a column that is not there, QueryError for one that holds content or ids.
    """
    if not 0 <= limit <= MAX_VALUES:
        raise QueryError(f"limit must be from 0 to {MAX_VALUES:,}; got {limit}.")
    size = snapshot.record.sample_size
    table = snapshot.instances
    names = facet_names(table)
    wanted = names[:FIRST_COLUMNS] if columns is None else _checked(table, names, columns)
    mask = matching(snapshot, expression)[:size] if expression else np.ones(size, np.bool_)
    classes = {
        name
        for name, values in (("label", label_values), ("prediction", prediction_values))
        if name in wanted and is_classes(values(snapshot))
    }
    found = []
    for name in wanted:
        check_time()
        found.append(_facet(name, table.column(name).slice(0, size), mask, name in classes, search, limit))
    return Facets(int(np.count_nonzero(mask)), size, names, tuple(found))


def facet_names(table: pa.Table) -> tuple[str, ...]:
    """The columns that have a facet: label, prediction, correct, score and loss, then the user's, then the label's score."""
    names = [one.name for one in describe_columns(table) if one.name not in _LEFT_OUT]
    first = [name for name in _FIRST if name in names]
    own = [name for name in names if name not in (*_FIRST, *_LAST)]
    return (*first, *own, *(name for name in _LAST if name in names))


def _checked(table: pa.Table, names: Sequence[str], columns: Sequence[str]) -> Sequence[str]:
    if len(columns) > MAX_COLUMNS:
        raise QueryError(f"columns may name at most {MAX_COLUMNS} columns; got {len(columns)}.")
    for name in columns:
        if name in table.column_names and name not in names:
            raise QueryError(
                f"The column {name!r:.80} has no facet: it holds ids or content. Use {', '.join(names):.600}."
            )
        if name not in names:
            raise NotFoundError(f"There is no column {name!r:.80}. There are: {', '.join(names):.600}.")
    return columns


def _facet(name: str, column: pa.ChunkedArray, mask: np.ndarray, is_class: bool, search: str, limit: int) -> Facet:
    match column_kind(column.type):
        case "number":
            return _numbers(name, column, mask, is_class, search, limit)
        case "time":
            return _times(name, column, mask)
        case "boolean":
            there = ~column.is_null().to_numpy()
            true = column.fill_null(False).to_numpy()
            found = [
                FacetValue(value, int(np.count_nonzero(has)), int(np.count_nonzero(has & mask)))
                for value, has in ((True, there & true), (False, there & ~true))
                if has.any() and search.casefold() in str(value).casefold()
            ]
            return ValueFacet(name, "boolean", column.null_count, len(found), Records(FacetValue, found[:limit]))
        case "list":
            return _texts(name, "list", column, mask, search, limit)
        case "category":
            return _texts(name, "category", column, mask, search, limit)
        case _:
            return _texts(name, "text", column, mask, search, limit)


def _numbers(
    name: str, column: pa.ChunkedArray, mask: np.ndarray, is_class: bool, search: str, limit: int
) -> NumberFacet | ValueFacet:
    values = column.cast(pa.float64(), safe=False).fill_null(float("nan")).to_numpy()
    known = ~np.isnan(values)
    missing = len(values) - int(np.count_nonzero(known))
    values, mask = values[known], mask[known]
    finite = values[np.isfinite(values)]
    if not finite.size:
        return NumberFacet(name, missing, (), (), (), False, False)
    low, high = float(finite.min()), float(finite.max())
    whole = pa.types.is_integer(column.type)
    if whole and (is_class or high - low < MAX_FEW):
        return _whole_numbers(name, missing, values, mask, search, limit)
    edges = bin_edges(finite, whole=whole)
    counts, among = _histogram(values, edges, mask)
    return NumberFacet(
        name,
        missing,
        tuple(edges.tolist()),
        counts,
        among,
        bool((values < edges[0]).any()),
        bool((values > edges[-1]).any()),
    )


def _whole_numbers(
    name: str, missing: int, values: np.ndarray, mask: np.ndarray, search: str, limit: int
) -> ValueFacet:
    each, codes = _codes(values)
    counts, among = (np.bincount(those, minlength=len(each)) for those in (codes, codes[mask]))
    there = np.flatnonzero(counts)
    shown = [place for place in there.tolist() if search in str(int(each[place]))][:limit]
    found = (FacetValue(int(each[place]), int(counts[place]), int(among[place])) for place in shown)
    return ValueFacet(name, "number", missing, len(there), Records(FacetValue, found))


def _codes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The whole numbers that there may be, ascending, and the place of every value among them."""
    low, high = values.min(), values.max()
    if high - low > 100_000:
        each, codes = np.unique(values, return_inverse=True)
        return each, codes
    return np.arange(low, high + 1), (values - low).astype(np.int64)


def bin_edges(values: np.ndarray, *, whole: bool = False) -> np.ndarray:
    """Edges of at most MAX_BINS bins for finite numbers [n]: whole multiples of 1, 2 or 5 times a power of ten.

    Few values far away do not squeeze the others: an end further from the percentile 1 or 99 than half of what lies between the
    two is cut there.
    """
    values = np.clip(values, -_LARGEST, _LARGEST)
    low, high = float(values.min()), float(values.max())
    some = values[:: max(1, len(values) // _ENOUGH)]
    first, last = (float(end) for end in np.quantile(some, [0.01, 0.99]))
    reach = (last - first) / 2
    if reach > 0:
        low = first if first - low > reach else low
        high = last if high - last > reach else high
    # Two bins less than there may be: both ends are rounded outwards.
    step = _step((high - low) / (MAX_BINS - 2) or abs(low) / 10 or 1.0)
    step = max(1.0, step) if whole else step
    places = np.arange(math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1) + 1)
    edges = np.unique([float(f"{place * step:.12g}") for place in places.tolist()])
    if (
        len(edges) < 2 or not edges[0] <= low <= high <= edges[-1]
    ):  # next to no spread, compared with the size of the numbers
        return np.array([low, max(high, np.nextafter(low, np.inf))])
    return edges


def _step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least as large."""
    power = 10.0 ** math.floor(math.log10(max(least, 1e-300)))
    return next((lead * power for lead in _LEADS if lead * power >= least * (1 - 1e-9)), 10 * power)


def _histogram(values: np.ndarray, edges: np.ndarray, mask: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    places = np.searchsorted(edges[1:-1], values, side="right")
    bins = len(edges) - 1
    counts, among = (np.bincount(each, minlength=bins) for each in (places, places[mask]))
    return tuple(counts.tolist()), tuple(among.tolist())


def _times(name: str, column: pa.ChunkedArray, mask: np.ndarray) -> TimeFacet:
    times = column.cast(TIME, safe=False)
    known = ~times.is_null().to_numpy()
    if not known.any():
        return TimeFacet(name, times.null_count, (), (), ())
    microseconds = times.drop_null().cast(pa.int64()).to_numpy()
    low, high = int(microseconds.min()), int(microseconds.max())
    least = (high - low) / 1e6 / (MAX_BINS - 2)
    days = math.ceil(least / 86_400)
    step = next((one for one in _SECONDS if one >= least), days * 86_400) * 1_000_000
    edges = np.arange(low // step, high // step + 2) * step
    counts, among = _histogram(microseconds, edges, mask[known])
    written = tuple(_moment(int(edge)) for edge in edges)
    return TimeFacet(name, times.null_count, written, counts, among)


def _moment(microseconds: int) -> str:
    """In ISO 8601; the first or the last moment there is for what lies outside of the years 1 to 9999."""
    try:
        return time_text(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds))
    except OverflowError:
        return time_text((datetime.min if microseconds < 0 else datetime.max).replace(tzinfo=UTC))


def _texts(
    name: str,
    kind: Literal["category", "text", "list"],
    column: pa.ChunkedArray,
    mask: np.ndarray,
    search: str,
    limit: int,
) -> ValueFacet:
    whole = column.combine_chunks()
    owners = None
    if kind == "list":
        owners = pc.list_parent_indices(whole).to_numpy()
        whole = pc.list_flatten(whole)
    encoded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    size = len(encoded.dictionary)
    owners = np.arange(len(codes)) if owners is None else owners
    owners, codes = owners[codes >= 0], codes[codes >= 0]
    if kind == "list" and size:  # an instance that has a value twice has it
        owners, codes = np.divmod(np.unique(owners * size + codes), size)
    counts, among = (np.bincount(each, minlength=size) for each in (codes, codes[mask[owners]]))
    values = encoded.dictionary.cast(pa.string())
    there = pa.table({"value": values, "count": counts, "matching": among}).filter(pc.field("count") > 0)
    listed = pc.less_equal(pc.utf8_length(there.column("value")), LONGEST)
    if search:
        listed = pc.and_(listed, pc.match_substring(there.column("value"), search, ignore_case=True))
    shown = there.filter(listed)
    if limit and shown.num_rows:
        shown = shown.take(pc.select_k_unstable(shown, limit, [("count", "descending"), ("value", "ascending")]))
    else:
        shown = shown.slice(0, 0)
    found = (FacetValue(*line.values()) for line in shown.to_pylist())
    return ValueFacet(name, kind, column.null_count, there.num_rows, Records(FacetValue, found))
