"""Translates the parameters of each route into a call of `query`, and returns the dataclass that is the answer.

The front end's types are generated from the return types (`contract/` in the repository).
"""

from collections.abc import Callable, Sequence

from tensorboard_activis import schema
from tensorboard_activis.errors import QueryError
from tensorboard_activis.query import describe, graph
from tensorboard_activis.query.findings import evidence
from tensorboard_activis.query.health import health
from tensorboard_activis.query.instances import column_statistics, columns, facets, groups, selections, table
from tensorboard_activis.query.instances.classes import index_of_id
from tensorboard_activis.query.matrix import drawing, matrix, quantized, rows, scales, sorting, statistic, strips
from tensorboard_activis.query.neurons import (
    concept,
    depth,
    effects,
    history,
    instance,
    movement,
    neuron,
    neuron_pairs,
    overlap,
    separation,
    subset,
)
from tensorboard_activis.query.positions import attention, maps
from tensorboard_activis.query.positions import neuron as neuron_positions
from tensorboard_activis.read.health import Health
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.parameters import Parameters


def model_graph(recorded: schema.Graph) -> graph.Graph:
    """The route `graph`."""
    return graph.describe_graph(recorded)


def snapshot_description(snapshot: SnapshotReader, parameters: Parameters) -> describe.SnapshotInfo:
    """The route `snapshot`."""
    return describe.describe_snapshot(snapshot, parameters.string("run"))


def heat_strips(snapshot: SnapshotReader, parameters: Parameters) -> strips.Strips:
    """The route `strips`."""
    return strips.strips(snapshot)


def activation_matrix(
    snapshot: SnapshotReader, parameters: Parameters, others: Sequence[SnapshotReader] = ()
) -> matrix.Matrix | drawing.QuantizedMatrix:
    """The route `matrix`; its rows refer to another snapshot when there is one in `others`."""
    matrix_rows = rows.parse_rows(parameters.structure("rows"))
    for other in others:
        matrix_rows = rows.translate_rows(snapshot, other, matrix_rows)
    layer, quantized_statistic = parameters.string("layer"), parameters.optional_string("quantized")
    query = drawing.MatrixQuery(
        layer=layer,
        rows=matrix_rows,
        sort=sorting.parse_sort(parameters.structure("sort"), len(matrix_rows)),
        prefix=prefix(parameters),
        statistics=statistic.parse_statistics(parameters.structure("statistics")),
        window=quantized.parse_window(parameters.structure("window"), snapshot.layer(layer).info.neurons),
        quantized=None if quantized_statistic is None else statistic.parse_statistic(quantized_statistic, "quantized"),
        drawn=rows.parse_positions(parameters.structure("drawn"), len(matrix_rows)),
        bounds=quantized.parse_bounds(parameters.structure("bounds")),
        scale=scales.parse_scale(parameters.optional_string("scale")),
    )
    return drawing.answer_matrix(snapshot, query)


def instance_columns(snapshot: SnapshotReader, parameters: Parameters) -> columns.Columns:
    """The route `columns`."""
    return columns.columns(snapshot)


def statistics_of_columns(snapshot: SnapshotReader, parameters: Parameters) -> column_statistics.Vocabulary:
    """The route `column_statistics`."""
    return column_statistics.vocabulary(
        snapshot,
        parameters.optional_string("column"),
        parameters.optional_string("prefix") or "",
        parameters.integer("limit", 20),
    )


def facets_of_columns(snapshot: SnapshotReader, parameters: Parameters) -> facets.Facets:
    """The route `facets`."""
    return facets.facets(
        snapshot,
        parameters.optional_string("expression"),
        _names(parameters.structure("columns")),
        parameters.optional_string("search") or "",
        parameters.integer("limit", 50),
    )


def activation(snapshot: SnapshotReader, parameters: Parameters) -> selections.Activation:
    """The route `activation`."""
    return selections.activation(snapshot, parameters.string("layer"), parameters.integer("neuron"))


def where(snapshot: SnapshotReader, parameters: Parameters) -> selections.Where:
    """The route `where`."""
    return selections.where(snapshot, parameters.string("expression"))


def instance_table(snapshot: SnapshotReader, parameters: Parameters) -> table.Table:
    """The route `table`."""
    return table.table_page(snapshot, page(parameters))


def instance_groups(snapshot: SnapshotReader, parameters: Parameters) -> groups.Groups:
    """The route `groups`."""
    return groups.groups(
        snapshot, parameters.optional_string("by") or "label", parameters.optional_string("expression")
    )


def one_instance(snapshot: SnapshotReader, parameters: Parameters) -> instance.InstanceDetail:
    """The route `instance`."""
    index = instance_index(snapshot, parameters)
    return instance.instance(snapshot, parameters.string("layer"), index, parameters.optional_string("against"))


def one_neuron(snapshot: SnapshotReader, parameters: Parameters) -> neuron.NeuronDetail:
    """The route `neuron`."""
    neuron_rows = rows.parse_rows(parameters.structure("rows"))
    return neuron.neuron(
        snapshot, parameters.string("layer"), parameters.integer("neuron"), neuron_rows, prefix(parameters)
    )


def positions_of_neuron(snapshot: SnapshotReader, parameters: Parameters) -> neuron_positions.NeuronPositions:
    """The route `positions`."""
    return neuron_positions.neuron_positions(
        snapshot, parameters.string("layer"), parameters.integer("neuron"), parameters.integer("room", maps.WINDOW)
    )


def maps_of_instances(snapshot: SnapshotReader, parameters: Parameters) -> maps.InstanceMaps:
    """The route `instance_maps`."""
    indices = _indices(parameters.structure("indices"))
    if indices is None:
        raise QueryError("indices is missing: a list of whole numbers, the indices of instances.")
    return maps.instance_maps(
        snapshot,
        parameters.string("layer"),
        parameters.integer("neuron"),
        indices,
        parameters.integer("room", maps.WINDOW),
    )


def history_steps(snapshot: SnapshotReader, parameters: Parameters, steps: Sequence[int]) -> list[int]:
    """The steps that the route `history` looks at, of those that the run has."""
    parsed = rows.parse_rows(parameters.structure("rows"))
    width = 1 if parameters.has("neuron") else snapshot.layer(parameters.string("layer")).info.neurons
    most = history.parse_most(parameters.integer("most", history.DEFAULT_STEPS))
    return history.spread(steps, snapshot.step, history.most_steps(len(parsed), width, most))


def history_of_rows(
    snapshot: SnapshotReader, parameters: Parameters, steps: Sequence[SnapshotReader], cache: history.StepCache
) -> history.History:
    """The route `history`."""
    return history.history(
        snapshot,
        parameters.string("layer"),
        rows.parse_rows(parameters.structure("rows")),
        steps,
        parameters.integer("neuron") if parameters.has("neuron") else None,
        statistic.parse_statistic(parameters.optional_string("statistic") or "mean"),
        cache,
    )


def depth_of_instance(snapshot: SnapshotReader, parameters: Parameters) -> depth.Depth:
    """The route `depth`."""
    return depth.depth(snapshot, instance_index(snapshot, parameters))


def depth_over_steps(
    snapshot: SnapshotReader, parameters: Parameters, steps: Sequence[SnapshotReader]
) -> depth.DepthHistory:
    """The route `depth_history`."""
    return depth.depth_history(snapshot, steps)


def evidence_subject(parameters: Parameters) -> evidence.Subject:
    """What the finding of the route `evidence` is about."""
    fields = {name: parameters.string(name) for name in ("subset", "layer", "target") if parameters.has(name)}
    return evidence.Subject(evidence.check_kind(parameters.string("kind")), **fields)


def evidence_of_finding(
    snapshot: SnapshotReader, parameters: Parameters, steps: Sequence[SnapshotReader]
) -> evidence.Evidence:
    """The route `evidence`."""
    return evidence.evidence(snapshot, steps, evidence_subject(parameters))


def health_of_run(recorded: Health, parameters: Parameters) -> health.TrainingHealth:
    """The route `health`."""
    return health.training_health(recorded, parameters.integer("columns", health.DEFAULT_COLUMNS))


def one_subset(snapshot: SnapshotReader, parameters: Parameters) -> subset.SubsetDetail:
    """The route `subset`."""
    (row,) = rows.parse_rows([parameters.structure("row")])
    return subset.subset(snapshot, parameters.string("layer"), row)


def one_concept(snapshot: SnapshotReader, parameters: Parameters) -> concept.Concept:
    """The route `concept`."""
    (row,) = rows.parse_rows([parameters.structure("row")])
    return concept.concept(snapshot, parameters.string("layer"), row)


def effects_of_neurons(snapshot: SnapshotReader, parameters: Parameters) -> effects.RowEffects:
    """The route `effects`."""
    (row,) = rows.parse_rows([parameters.structure("row")])
    return effects.effects(snapshot, parameters.string("layer"), row)


def shared_instances(snapshot: SnapshotReader, parameters: Parameters) -> overlap.Overlap:
    """The route `overlap`."""
    (row,) = rows.parse_rows([parameters.structure("row")])
    return overlap.overlap(snapshot, row, rows.parse_rows(parameters.structure("rows")))


def separation_of_groups(snapshot: SnapshotReader, parameters: Parameters) -> separation.Separation:
    """The route `separation`."""
    groups = rows.parse_rows(parameters.structure("rows")) if parameters.has("rows") else None
    layers = parameters.structure("layers")
    if layers is not None and not (isinstance(layers, list) and all(isinstance(name, str) for name in layers)):
        raise QueryError(f"layers must be a list of names; got {layers!r:.60}.")
    limit = parameters.integer("limit") if parameters.has("limit") else None
    return separation.separation(snapshot, groups, layers, limit)


def movement_of_layers(
    snapshot: SnapshotReader, parameters: Parameters, others: Sequence[SnapshotReader]
) -> movement.Movement:
    """The route `movement`; the other snapshot is the only one in `others`."""
    (other,) = others
    return movement.movement(snapshot, other)


def pairs_of_neurons(
    snapshot: SnapshotReader, parameters: Parameters, others: Sequence[SnapshotReader]
) -> neuron_pairs.NeuronPairs:
    """The route `neuron_pairs`; the other snapshot is the only one in `others`."""
    (other,) = others
    return neuron_pairs.neuron_pairs(snapshot, other, parameters.string("layer"))


def one_attention(snapshot: SnapshotReader, parameters: Parameters) -> attention.Attention:
    """The route `attention`."""
    index = instance_index(snapshot, parameters) if parameters.has("index") or parameters.has("id") else None
    return attention.attention(snapshot, parameters.string("layer"), parameters.integer("head"), index)


#: The routes whose answer is of one snapshot, by name. Others are of two or more, such as `matrix` and `movement`: see `plugin.py`.
ROUTES: dict[str, Callable[[SnapshotReader, Parameters], object]] = {
    "snapshot": snapshot_description,
    "strips": heat_strips,
    "columns": instance_columns,
    "column_statistics": statistics_of_columns,
    "facets": facets_of_columns,
    "activation": activation,
    "where": where,
    "table": instance_table,
    "groups": instance_groups,
    "instance": one_instance,
    "depth": depth_of_instance,
    "neuron": one_neuron,
    "positions": positions_of_neuron,
    "instance_maps": maps_of_instances,
    "subset": one_subset,
    "concept": one_concept,
    "effects": effects_of_neurons,
    "overlap": shared_instances,
    "separation": separation_of_groups,
    "attention": one_attention,
}


def instance_index(snapshot: SnapshotReader, parameters: Parameters) -> int:
    """The index of the kept instance that the parameter `index` or `id` names. Raises NotFoundError, QueryError."""
    if parameters.has("id"):
        return index_of_id(snapshot, parameters.scalar("id"))
    return parameters.integer("index")


def page(parameters: Parameters) -> table.Page:
    """The instances that a table or an export shows: filter, order and page."""
    return table.Page(
        expression=parameters.optional_string("expression"),
        indices=_indices(parameters.structure("indices")),
        order=parameters.optional_string("order"),
        descending=parameters.boolean("descending"),
        offset=parameters.integer("offset", 0),
        limit=parameters.integer("limit", 100),
    )


def prefix(parameters: Parameters) -> int | None:
    """The number of kept instances that a first, approximate answer is computed from; None for all. Raises QueryError."""
    count = parameters.integer("prefix", 0)
    if count < 0:
        raise QueryError(f"prefix must be a number of instances; got {count}.")
    return count or None


def _indices(value: object) -> list[int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(index) is int for index in value):
        raise QueryError("indices must be a list of whole numbers, the indices of instances.")
    return value


def _names(value: object) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(name) is str for name in value):
        raise QueryError("columns must be a list of texts, the names of columns.")
    return value
