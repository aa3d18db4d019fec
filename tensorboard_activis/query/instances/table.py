"""The table of kept instances: filtered, sorted, paged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.column_kinds import column_kind, time_text
from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.contract import Scalar
from tensorboard_activis.query.instances.classes import check_instance
from tensorboard_activis.query.instances.content import TOKENS
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.instances.lists import is_list, joined, readable
from tensorboard_activis.read.snapshot import SnapshotReader

MAX_LIMIT = 1_000
MAX_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class Page:
    """What part of which instances, in what order: `indices` and `expression` both narrow it down."""

    expression: str | None = None
    indices: Sequence[int] | None = None
    order: str | None = None
    descending: bool = False
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Table:
    """Some of the instances, in an order.

    Attributes:
        total: how many there are in all pages.
        rows: of this page, each by column: `row` (the index of the instance), `id`, what is known of every instance
            (`label`, `prediction`, `correct`, `score`, `loss`, `label_score`) and user columns. Classes by name, several as
            one text, "ant, bee".
    """

    total: int
    rows: tuple[Mapping[str, Scalar], ...]


def select(snapshot: SnapshotReader, page: Page) -> np.ndarray:
    """Indices of all instances that the page is cut from, int64 [instances], in its order; missing values last, ties as they were.

    Raises ExpressionError, NotFoundError for an index or column that is not there, QueryError for one that has no order.
    """
    table = snapshot.instances
    indices: np.ndarray
    if page.indices is None:
        sample_size = snapshot.record.sample_size
        indices = np.r_[sample_size : snapshot.stored_instances, :sample_size]  # pinned instances first
    else:
        indices = np.array([check_instance(snapshot, index) for index in page.indices], np.int64)
    if page.expression:
        indices = indices[matching(snapshot, page.expression)[indices]]
    if page.order is None:
        return indices
    if page.order == "row":
        return np.sort(indices)[::-1] if page.descending else np.sort(indices)
    if page.order not in table.column_names:
        raise NotFoundError(f"There is no column {page.order!r:.80}. There are: {', '.join(table.column_names):.600}.")
    column = table.column(page.order)
    if column_kind(column.type) is None:
        raise QueryError(f"Instances cannot be ordered by {page.order}: it holds {column.type}.")
    if is_list(column.type):
        column = joined(column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    keys = pa.table({"key": column.take(pa.array(indices)), "place": np.arange(len(indices))})
    direction = "descending" if page.descending else "ascending"
    order: np.ndarray = pc.sort_indices(keys, [("key", direction), ("place", "ascending")]).to_numpy()
    return indices[order.astype(np.intp)]  # np.take of numpy 2.0 refuses unsigned integers


def table_page(snapshot: SnapshotReader, page: Page) -> Table:
    """One page of the instances; texts are cut at MAX_TEXT characters.

    Raises as `select`, and QueryError for a limit or an offset out of range.
    """
    if not 0 <= page.limit <= MAX_LIMIT or page.offset < 0:
        raise QueryError(
            f"limit must be from 0 to {MAX_LIMIT:,}, and offset at least 0; got {page.limit} and {page.offset}."
        )
    chosen = select(snapshot, page)
    indices = chosen[page.offset : page.offset + page.limit]
    table = snapshot.instances
    shown = [field.name for field in table.schema if column_kind(field.type) is not None and field.name != TOKENS]
    records = readable(table.select(shown).take(pa.array(indices))).to_pylist()
    return Table(
        total=len(chosen),
        rows=tuple(
            {"row": int(index)} | {name: _short(value) for name, value in record.items()}
            for index, record in zip(indices, records, strict=True)
        ),
    )


def _short(value: Scalar | datetime) -> Scalar:
    if isinstance(value, datetime):
        return time_text(value)
    return f"{value[:MAX_TEXT]}…" if isinstance(value, str) and len(value) > MAX_TEXT else value
