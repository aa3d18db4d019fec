"""Handles the routes about one snapshot: checks the parameters, calls `query`, returns its dataclass.

The return types are what the front end's types are made of (`contract/` in the repository).
"""

from collections.abc import Sequence

from tensorboard_activis import schema
from tensorboard_activis.errors import QueryError
from tensorboard_activis.query import describe, graph
from tensorboard_activis.query.instances import column_statistics, columns, groups, selections, table
from tensorboard_activis.query.instances.classes import row_of_id
from tensorboard_activis.query.matrix import drawing, matrix, quantized, rows, scales, sorting, statistic, strips
from tensorboard_activis.query.neurons import instance, neuron, subset
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.parameters import Parameters


def model_graph(recorded: schema.Graph) -> graph.Graph:
    """The route `graph`."""
    return graph.describe_graph(recorded)


def snapshot_description(snapshot: SnapshotReader, parameters: Parameters) -> describe.SnapshotInfo:
    """The route `snapshot`."""
    return describe.describe_snapshot(snapshot, parameters.text("run"))


def heat_strips(snapshot: SnapshotReader, parameters: Parameters) -> strips.Strips:
    """The route `strips`."""
    return strips.strips(snapshot)


def activation_matrix(
    snapshot: SnapshotReader, parameters: Parameters, others: Sequence[SnapshotReader] = ()
) -> matrix.Matrix | drawing.QuantizedMatrix:
    """The route `matrix`; its rows are those of another snapshot when one is given."""
    asked = rows.parse_rows(parameters.structure("rows"))
    for other in others:
        asked = rows.rows_here(snapshot, other, asked)
    layer, drawn = parameters.text("layer"), parameters.optional_text("quantized")
    query = drawing.MatrixQuery(
        layer=layer,
        rows=asked,
        sort=sorting.parse_sort(parameters.structure("sort"), len(asked)),
        prefix=prefix(parameters),
        statistics=statistic.parse_statistics(parameters.structure("statistics")),
        window=quantized.parse_window(parameters.structure("window"), snapshot.layer(layer).info.neurons),
        quantized=None if drawn is None else statistic.parse_statistic(drawn),
        bounds=quantized.parse_bounds(parameters.structure("bounds")),
        scale=scales.parse_scale(parameters.optional_text("scale")),
    )
    return drawing.answer_matrix(snapshot, query)


def instance_columns(snapshot: SnapshotReader, parameters: Parameters) -> columns.Columns:
    """The route `columns`."""
    return columns.columns(snapshot)


def statistics_of_columns(snapshot: SnapshotReader, parameters: Parameters) -> column_statistics.Vocabulary:
    """The route `column_statistics`."""
    return column_statistics.vocabulary(
        snapshot,
        parameters.optional_text("column"),
        parameters.optional_text("prefix") or "",
        parameters.integer("limit", 20),
    )


def activation(snapshot: SnapshotReader, parameters: Parameters) -> selections.Activation:
    """The route `activation`."""
    return selections.activation(snapshot, parameters.text("layer"), parameters.integer("neuron"))


def where(snapshot: SnapshotReader, parameters: Parameters) -> selections.Where:
    """The route `where`."""
    return selections.where(snapshot, parameters.text("expression"))


def instance_table(snapshot: SnapshotReader, parameters: Parameters) -> table.Table:
    """The route `table`."""
    return table.table_page(snapshot, page(parameters))


def instance_groups(snapshot: SnapshotReader, parameters: Parameters) -> groups.Groups:
    """The route `groups`."""
    return groups.groups(snapshot, parameters.optional_text("by") or "label", parameters.optional_text("expression"))


def one_instance(snapshot: SnapshotReader, parameters: Parameters) -> instance.InstanceDetail:
    """The route `instance`."""
    return instance.instance(snapshot, parameters.text("layer"), instance_row(snapshot, parameters))


def one_neuron(
    snapshot: SnapshotReader, parameters: Parameters, steps: Sequence[SnapshotReader]
) -> neuron.NeuronDetail:
    """The route `neuron`."""
    asked = rows.parse_rows(parameters.structure("rows"))
    return neuron.neuron(
        snapshot, parameters.text("layer"), parameters.integer("neuron"), asked, steps, prefix(parameters)
    )


def one_subset(snapshot: SnapshotReader, parameters: Parameters) -> subset.SubsetDetail:
    """The route `subset`."""
    (row,) = rows.parse_rows([parameters.structure("row")])
    return subset.subset(snapshot, parameters.text("layer"), row)


def instance_row(snapshot: SnapshotReader, parameters: Parameters) -> int:
    """The row that `row` or `id` names. Raises NotFoundError, QueryError."""
    if parameters.given("id"):
        return row_of_id(snapshot, parameters.scalar("id"))
    return parameters.integer("row")


def page(parameters: Parameters) -> table.Page:
    """Which instances a table or an export shows."""
    return table.Page(
        expression=parameters.optional_text("expression"),
        rows=_row_numbers(parameters.structure("rows")),
        order=parameters.optional_text("order"),
        descending=parameters.boolean("descending"),
        offset=parameters.integer("offset", 0),
        limit=parameters.integer("limit", 100),
    )


def prefix(parameters: Parameters) -> int | None:
    """The number of rows that a first answer is from; None for all."""
    found = parameters.integer("prefix", 0)
    if found < 0:
        raise QueryError(f"prefix must be a number of rows; got {found}.")
    return found or None


def _row_numbers(value: object) -> list[int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(row) is int for row in value):
        raise QueryError("rows must be a list of row numbers.")
    return value
