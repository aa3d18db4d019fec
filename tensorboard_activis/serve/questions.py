"""The routes about one snapshot: parameters into a question to `query`, what was found into the shape of docs/http_api.md."""

from typing import Any

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.expression_functions import FUNCTIONS
from tensorboard_activis.query import describe
from tensorboard_activis.query.instances import column_statistics, columns, groups, table
from tensorboard_activis.query.instances.classes import row_of_id
from tensorboard_activis.query.matrix import cells, matrix, rows, scales, sorting, strips
from tensorboard_activis.query.neurons import instance as instances
from tensorboard_activis.query.neurons import subset
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.parameters import Parameters
from tensorboard_activis.serve.routes import Tensors


def snapshot_description(snapshot: SnapshotReader, given: Parameters) -> object:
    """The route `snapshot`."""
    return {"run": given.text("run")} | describe.describe_snapshot(snapshot)


def heat_strips(snapshot: SnapshotReader, given: Parameters) -> Tensors:
    """The route `strips`."""
    tensors: dict[str, np.ndarray] = {}
    for index, name in enumerate(snapshot.layers):
        found = strips.strip_or_nothing(snapshot, name)
        tensors[f"{index}"], tensors[f"{index}/state"] = found.values, found.state
    return tensors, {}


def activation_matrix(snapshot: SnapshotReader, given: Parameters, there: SnapshotReader | None = None) -> Tensors:
    """The route `matrix`; its rows are those of another snapshot when one is given."""
    asked = rows.parse_rows(given.structure("rows"))
    if there is not None:
        asked = rows.rows_here(snapshot, there, asked)
    sort = sorting.parse_sort(given.structure("sort"), len(asked))
    wanted = matrix.parse_statistics(given.structure("statistics"))
    drawn = given.optional_text("cells")
    if drawn is not None and drawn not in cells.STATISTICS:
        raise QueryError(f"cells must be one of {', '.join(cells.STATISTICS)}; got {drawn!r:.40}.")
    layer = given.text("layer")
    window = cells.parse_window(given.structure("window"), snapshot.layer(layer).info.neurons)
    bounds = cells.parse_bounds(given.structure("bounds"))
    kind = scales.parse_scale(given.optional_text("scale"))
    # Neurons by their index are known before anything is computed: then the others need not be.
    alone = window if sort.by == "index" and drawn is None and window.start < window.stop else None
    found = matrix.matrix(snapshot, layer, asked, sort, prefix(given), wanted if drawn is None else (drawn,), alone)
    shown = found.order[window] if given.structure("window") is not None and alone is None else slice(None)
    tensors = {"n": found.n, "order": found.order}
    metadata: dict[str, object] = {
        "rows": [{"source": one.source, "n": one.n, "of": one.of} for one in found.sources],
        "complete": found.complete,
        "optimal": found.optimal,
    }
    if drawn is None:
        names = ("mean", "std", *(name for name in ("max", "active") if name in wanted), "error")
        tensors |= {name: getattr(found, name)[:, shown] for name in names}
    else:
        values = getattr(found, drawn)
        if kind is None:
            bytes_ = cells.to_bytes(
                values[:, shown], bounds or cells.span(values)
            )  # of all columns: windows fit together
            tensors["cells"] = bytes_.values
        else:
            scale = scales.scale_of(values, kind, rows.reference(asked), **_ends(snapshot, layer, drawn, kind))
            bytes_ = scales.scaled_cells(values, scale)
            tensors["cells"] = bytes_.values[:, shown]
            metadata["scale"] = {
                name: getattr(scale, name)
                for name in ("kind", "signed", "end", "above", "below", "missing", "all_zero")
            }
        metadata |= {"cells": drawn, "bounds": [bytes_.low, bytes_.high]}
    if found.effect is not None:
        tensors["effect"] = found.effect[shown]
    return tensors, metadata


def _ends(snapshot: SnapshotReader, layer: str, statistic: str, kind: str) -> dict[str, Any]:
    """What is known of the ends of a scale: shares end at 1, and a layer with values below zero shows both ways."""
    signed = statistic in ("mean", "max") and strips.is_signed(snapshot.summary(layer))
    return {"signed": signed, "end": 1.0 if statistic == "active" and kind == "raw" else None}


def instance_columns(snapshot: SnapshotReader, given: Parameters) -> Tensors:
    """The route `columns`."""
    found = columns.columns(snapshot)
    return found.arrays, {"categories": found.categories}


def statistics_of_columns(snapshot: SnapshotReader, given: Parameters) -> object:
    """The route `column_statistics`."""
    found = column_statistics.column_statistics(
        snapshot, given.optional_text("column"), given.optional_text("prefix") or "", given.integer("limit", 20)
    )
    described: list[dict[str, object]] = []
    for one in found:
        if isinstance(one, column_statistics.NumberColumn):
            described.append(
                {
                    "name": one.name,
                    "type": "number",
                    "missing": one.missing,
                    "min": one.min,
                    "max": one.max,
                    "mean": one.mean,
                    "quantiles": list(one.quantiles),
                    "values": [{"value": value, "count": count} for value, count in one.values],
                }
            )
        else:
            values = [{"value": value, "count": count} for value, count in one.values]
            described.append(
                {
                    "name": one.name,
                    "type": one.type,
                    "missing": one.missing,
                    "distinct": one.distinct,
                    "values": values,
                }
            )
    functions = [{"name": name, "arguments": list(written)} for name, (written, _) in FUNCTIONS.items()]
    return {"columns": described, "functions": functions}


def activation(snapshot: SnapshotReader, given: Parameters) -> Tensors:
    """The route `activation`."""
    values = snapshot.neuron(given.text("layer"), given.integer("neuron"))
    return {"value": np.asarray(values, np.float32)}, {}


def where(snapshot: SnapshotReader, given: Parameters) -> Tensors:
    """The route `where`."""
    mask = snapshot.where(given.text("expression"))
    found = np.flatnonzero(mask).astype(np.int32)
    kept = snapshot.record.kept  # probes are found, but not counted
    return {"rows": found}, {"count": int(np.count_nonzero(mask[:kept])), "of": kept}


def instance_table(snapshot: SnapshotReader, given: Parameters) -> object:
    """The route `table`."""
    return table.table_page(snapshot, page(given))


def instance_groups(snapshot: SnapshotReader, given: Parameters) -> object:
    """The route `groups`."""
    found = groups.groups(snapshot, given.optional_text("by") or "label", given.optional_text("expression"))
    return {"groups": found.to_pylist()}


def one_instance(snapshot: SnapshotReader, given: Parameters) -> object:
    """The route `instance`."""
    return instances.instance(snapshot, given.text("layer"), instance_row(snapshot, given))


def one_subset(snapshot: SnapshotReader, given: Parameters) -> object:
    """The route `subset`."""
    (row,) = rows.parse_rows([given.structure("row")])
    return subset.subset(snapshot, given.text("layer"), row)


def instance_row(snapshot: SnapshotReader, given: Parameters) -> int:
    """The row that `row` or `id` names. Raises NotFoundError, QueryError."""
    if given.given("id"):
        return row_of_id(snapshot, given.scalar("id"))
    return given.integer("row")


def page(given: Parameters) -> table.Page:
    """Which instances a table or an export shows."""
    return table.Page(
        expression=given.optional_text("expression"),
        rows=_row_numbers(given.structure("rows")),
        order=given.optional_text("order"),
        descending=given.boolean("descending"),
        offset=given.integer("offset", 0),
        limit=given.integer("limit", 100),
    )


def prefix(given: Parameters) -> int | None:
    """The number of rows that a first answer is from; None for all."""
    found = given.integer("prefix", 0)
    if found < 0:
        raise QueryError(f"prefix must be a number of rows; got {found}.")
    return found or None


def _row_numbers(value: object) -> list[int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(row) is int for row in value):
        raise QueryError("rows must be a list of row numbers.")
    return value
