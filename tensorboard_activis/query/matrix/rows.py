"""Rows of the matrix: declared subsets, expressions and single instances, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import ExpressionError, NotFoundError, QueryError
from tensorboard_activis.query.instances.classes import check_instance, index_of_id
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.limits import TooLargeError, check_time
from tensorboard_activis.read.snapshot import SnapshotReader

MAX_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was asked for; one of the three is set, none for what another snapshot has and this one has not."""

    subset: str | None = None
    expression: str | None = None
    instance: int | None = None


def parse_rows(rows: object) -> list[Row]:
    """Rows from JSON. Raises QueryError, and TooLargeError for more than MAX_ROWS."""
    if not isinstance(rows, list) or not rows:
        raise QueryError(f'rows must be a list of rows such as [{{"subset": "all"}}]; got {_shown(rows)}.')
    if len(rows) > MAX_ROWS:
        raise TooLargeError(f"At most {MAX_ROWS:,} rows can be asked for at once; got {len(rows):,}.")
    return [_parse_row(row) for row in rows]


def parse_positions(positions: object, rows: int) -> list[int] | None:
    """Positions among the rows, each once, from JSON; None when missing. Raises QueryError."""
    if positions is None:
        return None
    if (
        not isinstance(positions, list)
        or not all(type(position) is int and 0 <= position < rows for position in positions)
        or len(set(positions)) < len(positions)
    ):
        raise QueryError(
            f"drawn must be a list of positions among the {rows} rows (0 to {rows - 1}), each once; got {_shown(positions)}."
        )
    return positions


def reference(rows: Sequence[Row]) -> list[int]:
    """Positions of the rows that set a scale: the sets, unless fewer than two of them are there; then all."""
    sets = [index for index, row in enumerate(rows) if row.instance is None]
    return sets if len(sets) > 1 else list(range(len(rows)))


def _parse_row(row: object) -> Row:
    if isinstance(row, Mapping) and len(row) == 1:
        if isinstance(row.get("subset"), str):
            return Row(subset=row["subset"])
        if isinstance(row.get("expression"), str):
            return Row(expression=row["expression"])
        if isinstance(row.get("instance"), int) and not isinstance(row["instance"], bool):
            return Row(instance=row["instance"])
    raise QueryError(
        f'A row is {{"subset": name}}, {{"expression": text}} or {{"instance": index}}; got {_shown(row)}.'
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}…"


def subset_index(snapshot: SnapshotReader, name: str) -> int:
    """The index of a declared subset in the summaries, the first of that name. Raises NotFoundError."""
    position = snapshot.subset_positions.get(name)
    if position is not None:
        return position
    names = ", ".join(subset.name for subset in snapshot.record.subsets[:30])
    raise NotFoundError(f"There is no subset {name:.80}. There are: {names:.600}.")


def translate_rows(snapshot: SnapshotReader, other: SnapshotReader, rows: Sequence[Row]) -> list[Row]:
    """Translates rows of another snapshot to this one: subsets by name, instances by id, expressions unchanged.

    A subset or instance that this snapshot does not have becomes `Row()`, an empty row. Raises NotFoundError for one that the
    other snapshot does not have either.
    """
    if snapshot.same_instances(other) and snapshot.record.subsets == other.record.subsets:
        return list(rows)

    def translated(row: Row) -> Row:
        if row.subset is not None and row.subset not in snapshot.subset_positions:
            subset_index(other, row.subset)
            return Row()
        if row.instance is None:
            return row
        instance_id = other.instances.column("id")[check_instance(other, row.instance)].as_py()
        try:
            return Row(instance=index_of_id(snapshot, instance_id))
        except NotFoundError:
            return Row()

    return [translated(row) for row in rows]


def members(snapshot: SnapshotReader, rows: Sequence[Row], prefix: int | None = None) -> np.ndarray:
    """The members of each row among the sample: masks, bool [rows, instances]; with `prefix` of its first `prefix` instances.

    Pinned instances are members of no row, since they are not a random choice. A declared subset whose expression cannot be
    computed over the sample, because its column was not kept, has no members.
    """
    size = snapshot.record.sample_size if prefix is None else min(prefix, snapshot.record.sample_size)
    masks = np.zeros((len(rows), size), bool)
    for mask, row in zip(masks, rows, strict=True):
        check_time()
        if row.instance is not None:
            position = check_instance(snapshot, row.instance)
            mask[position : position + 1] = True
        elif row.expression is not None:
            mask[:] = matching(snapshot, row.expression, size)
        elif row.subset is not None:
            subset = snapshot.record.subsets[subset_index(snapshot, row.subset)]
            if subset.kind == "all":
                mask[:] = True
                continue
            try:
                mask[:] = matching(snapshot, subset.expression, size)
            except ExpressionError:
                continue
    return masks
