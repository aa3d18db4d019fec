"""Serialization: records to protobuf messages and back. Decoding checks everything that a record promises, once, here."""

import hashlib
from operator import attrgetter

from google.protobuf.message import DecodeError

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import schema
from tensorboard_activis.array_codec import check_files, decode_array, encode_array
from tensorboard_activis.bounds import MAX_BLOB, check_graph, check_snapshot
from tensorboard_activis.class_statistics import SCALES
from tensorboard_activis.depth_codec import decode_depth, encode_depth
from tensorboard_activis.effects_codec import decode_effects, encode_effects
from tensorboard_activis.errors import ActiVisError, UnreadableError
from tensorboard_activis.patterns_codec import decode_patterns, encode_patterns
from tensorboard_activis.positions_codec import decode_positions, encode_positions

#: What to do about a record that is too large to be read back.
_RECORD_LESS = {
    "graph": "A model with so many operators cannot be logged as a whole: log a part of it.",
    "snapshot": "Record fewer layers (layers=), subsets (subsets=) or columns (columns=).",
}
#: Axes of a tensor in the model's graph.
_MAX_AXES = 64


def encode_graph(graph: schema.Graph) -> bytes:
    """Serializes a graph: the blob of the tag `activis/graph`. Raises ActiVisError where it is too large to be read back."""
    message = pb.Graph(framework=graph.framework, model=graph.model, origin=graph.origin)
    for node in graph.nodes:
        message.nodes.add(
            key=node.key,
            has_parent=node.parent is not None,
            parent=node.parent or "",
            kind=node.kind,
            name=node.name,
            type=node.type,
            outputs=[_shape(shape) for shape in node.outputs],
            parameters=node.parameters,
            attributes=[pb.Attribute(name=name, value=value) for name, value in sorted(node.attributes.items())],
            call=node.call,
            calls=node.calls,
            branch=node.branch,
        )
    for edge in graph.edges:
        message.edges.add(source=edge.source, target=edge.target, shape=_shape(edge.shape), branch=edge.branch)
    return _serialized(message, "graph")


def decode_graph(blob: bytes) -> schema.Graph:
    """Deserializes a graph and checks it; the inverse of `encode_graph`.

    Raises:
        UnreadableError: the blob is not a graph, or its nodes do not form a tree below the model.
    """
    message = pb.Graph()
    _parse(message, blob, "graph")
    check_graph(message)
    nodes = tuple(
        schema.Node(
            key=node.key,
            parent=node.parent if node.has_parent else None,
            kind=node.kind,
            name=node.name,
            type=node.type,
            outputs=tuple(_to_shape(shape) for shape in node.outputs),
            parameters=node.parameters,
            attributes={one.name: one.value for one in node.attributes},
            call=node.call,
            calls=node.calls,
            branch=node.branch,
        )
        for node in message.nodes
    )
    edges = tuple(schema.Edge(edge.source, edge.target, _to_shape(edge.shape), edge.branch) for edge in message.edges)
    _check_tree(nodes, edges)
    return schema.Graph(message.framework, message.model, nodes, edges, message.origin)


def encode_snapshot(snapshot: schema.Snapshot) -> bytes:
    """Serializes a snapshot: the blob of the tag `activis/snapshot`. Raises ActiVisError where it is too large to be read back."""
    message = pb.Snapshot(
        step=snapshot.step,
        wall_time=snapshot.wall_time,
        session=snapshot.session,
        task=snapshot.task,
        class_names=snapshot.class_names,
        seen=snapshot.seen,
        sample_size=snapshot.sample_size,
        pinned=snapshot.pinned,
        unit=snapshot.unit,
        metrics=[pb.Metric(name=name, value=value) for name, value in sorted(snapshot.metrics.items())],
        instances=snapshot.instances,
        columns=[pb.Column(name=name, values=encode_array(array)) for name, array in snapshot.columns.items()],
        subsets=[pb.Subset(name=s.name, kind=s.kind, expression=s.expression, count=s.count) for s in snapshot.subsets],
        notes=snapshot.notes,
        depth=encode_depth(snapshot.depth),
        effects=encode_effects(snapshot.effects),
        training=None
        if snapshot.training is None
        else pb.Training(instances=snapshot.training.instances, complete=snapshot.training.complete),
    )
    for layer in snapshot.layers:
        info, summary = layer.info, layer.summary
        message.layers.add(
            name=info.name,
            neurons=info.neurons,
            reducer=info.reducer,
            axis=info.axis,
            shape=_shape(info.shape),
            feeds_relu=info.feeds_relu,
            nan=layer.nan,
            inf=layer.inf,
            clipped=layer.clipped,
            activations=encode_array(layer.activations),
            summary=pb.Summary(
                count=encode_array(summary.count),
                mean=encode_array(summary.mean),
                std=encode_array(summary.std),
                min=encode_array(summary.min),
                max=encode_array(summary.max),
                classes=None if summary.classes is None else encode_array(summary.classes),
                scales=None if summary.scales is None else encode_array(summary.scales),
            ),
            positions=encode_positions(layer.positions),
            patterns=encode_patterns(layer.patterns),
        )
    return _serialized(message, "snapshot")


def decode_snapshot(blob: bytes) -> schema.Snapshot:
    """Deserializes a snapshot and checks it; the inverse of `encode_snapshot`.

    Raises:
        UnreadableError: the blob is not a snapshot, or its arrays do not have the shapes that its counts demand.
    """
    message = pb.Snapshot()
    _parse(message, blob, "snapshot")
    sample_size, subsets = message.sample_size, len(message.subsets)
    if not 0 <= sample_size <= message.seen:
        raise UnreadableError(
            f"The snapshot of step {message.step} says that {sample_size} of {message.seen} instances were kept."
        )
    if message.pinned < 0:
        raise UnreadableError(
            f"The snapshot of step {message.step} says that it has {message.pinned} pinned instances."
        )
    stored_instances = sample_size + message.pinned
    check_snapshot(message)
    declared = _to_subsets(message)
    classes = sum(subset.kind == "class" for subset in declared)
    check_files(message.instances, "table of instances")
    if message.layers and not subsets:
        raise UnreadableError(
            f"The snapshot of step {message.step} has layers but no subset that they are summed up over."
        )
    effects, effects_problem = None, ""
    try:
        effects = decode_effects(message, stored_instances)
    except UnreadableError as error:  # the rest of the snapshot is as good as ever
        effects_problem = str(error)
    columns = {}
    for column in message.columns:
        array = decode_array(column.values, "column", column.name)
        if not array.shape or array.shape[0] != stored_instances:
            raise UnreadableError(
                f"Column {column.name!r:.200} has shape {array.shape}; {stored_instances} instances were kept."
            )
        columns[column.name] = array
    snapshot = schema.Snapshot(
        step=message.step,
        wall_time=message.wall_time,
        session=message.session,
        task=message.task,
        class_names=tuple(message.class_names),
        seen=message.seen,
        sample_size=sample_size,
        metrics={one.name: one.value for one in message.metrics},
        instances=tuple(message.instances),
        columns=columns,
        subsets=declared,
        layers=tuple(_to_layer(layer, stored_instances, message.pinned, subsets, classes) for layer in message.layers),
        notes=tuple(message.notes),
        pinned=message.pinned,
        depth=decode_depth(message.depth, stored_instances) if message.HasField("depth") else None,
        unit=message.unit,
        effects=effects,
        effects_problem=effects_problem,
        training=_to_training(message.training) if message.HasField("training") else None,
    )
    object.__setattr__(snapshot, "digest", digest_of(blob))  # frozen, and no argument, so that changed copies have none
    return snapshot


_fields_of_subset = attrgetter("name", "kind", "expression", "count")
#: The subsets of the snapshot that was decoded last, by their fields.
_latest_subsets: dict[tuple[str, str, str, int], schema.Subset] = {}


def _to_subsets(message: pb.Snapshot) -> tuple[schema.Subset, ...]:
    """Those that the snapshot before had, too, are the same objects: most of a thousand classes are the same at every step."""
    global _latest_subsets
    before, fields = _latest_subsets, list(map(_fields_of_subset, message.subsets))
    subsets = _latest_subsets = {own: before.get(own) or schema.Subset(*own) for own in fields}
    return tuple(map(subsets.__getitem__, fields))


def _to_training(message: pb.Training) -> schema.Training:
    if message.instances < 0:
        raise UnreadableError(f"The snapshot says that {message.instances} training instances were looked at.")
    return schema.Training(message.instances, message.complete)


def digest_of(blob: bytes) -> str:
    """Of a snapshot's record as it was read: 32 hexadecimal digits."""
    return hashlib.blake2b(blob, digest_size=16).hexdigest()


def _to_layer(message: pb.Layer, instances: int, pinned: int, subsets: int, classes: int) -> schema.Layer:
    name, neurons = message.name, message.neurons
    activations = decode_array(message.activations, "layer", name)
    if activations.dtype != "float16" or activations.shape != (instances, neurons):
        raise UnreadableError(
            f"Layer {name!r:.200} has activations of {activations.dtype} {activations.shape}; float16 {(instances, neurons)} was "
            "expected."
        )
    summary = _to_summary(message.summary, name, neurons, subsets, classes)
    info = schema.LayerInfo(
        name, neurons, message.reducer, message.axis, _to_shape(message.shape), feeds_relu=message.feeds_relu
    )
    positions, problem = None, ""
    try:
        positions = decode_positions(message, instances, pinned)
    except UnreadableError as error:  # the rest of the layer is as good as ever
        problem = str(error)
    patterns, patterns_problem = None, ""
    try:
        patterns = decode_patterns(message, pinned)
    except UnreadableError as error:
        patterns_problem = str(error)
    counts = message.nan, message.inf, message.clipped
    return schema.Layer(info, activations, summary, *counts, positions, problem, patterns, patterns_problem)


def _to_summary(message: pb.Summary, name: str, neurons: int, subsets: int, classes: int) -> schema.Summary:
    """The statistics of the layer of this name; `classes` of the subsets are classes, which may be packed."""
    packed = message.HasField("classes")
    exact = (subsets - classes if packed else subsets, neurons)
    shapes = {"count": (subsets, neurons), **dict.fromkeys(("mean", "std", "min", "max"), exact)}
    if packed:
        shapes |= {"classes": (classes, neurons), "scales": (SCALES, neurons)}
    fields = {}
    for field, shape in shapes.items():
        array = decode_array(getattr(message, field), f"{field} of layer", name)
        if array.shape != shape and not (field == "count" and array.shape == (subsets, 1)):
            raise UnreadableError(f"The {field} of layer {name!r:.200} has shape {array.shape}; {shape} was expected.")
        fields[field] = array
    if packed and (fields["classes"].dtype, fields["scales"].dtype) != ("int32", "float32"):
        raise UnreadableError(
            f"The packed statistics of layer {name!r:.200} are {fields['classes'].dtype} with scales of "
            f"{fields['scales'].dtype}; int32 with float32 was expected."
        )
    return schema.Summary(**fields)


def _serialized(message: pb.Graph | pb.Snapshot, what: str) -> bytes:
    blob: bytes = message.SerializeToString(deterministic=True)
    try:
        check_graph(message) if isinstance(message, pb.Graph) else check_snapshot(message)
    except UnreadableError as error:
        raise ActiVisError(f"{error} {_RECORD_LESS[what]}") from error
    if len(blob) > MAX_BLOB:
        raise ActiVisError(
            f"The {what} takes {len(blob):,} bytes, and only {MAX_BLOB:,} can be read back. {_RECORD_LESS[what]}"
        )
    return blob


def _parse(message: pb.Graph | pb.Snapshot, blob: bytes, what: str) -> None:
    if len(blob) > MAX_BLOB:
        raise UnreadableError(f"A {what} event has {len(blob):,} bytes; at most {MAX_BLOB:,} are read.")
    try:
        message.ParseFromString(blob)
    except DecodeError as error:
        raise UnreadableError(f"A {what} event of {len(blob)} bytes cannot be decoded: {error}.") from error


def _shape(shape: schema.Shape) -> pb.Shape:
    return pb.Shape(sizes=shape.sizes, dtype=shape.dtype)


def _to_shape(message: pb.Shape) -> schema.Shape:
    if len(message.sizes) > _MAX_AXES:
        raise UnreadableError(f"A tensor has {len(message.sizes):,} axes; at most {_MAX_AXES} are read.")
    return schema.Shape(tuple(message.sizes), message.dtype)


def _check_tree(nodes: tuple[schema.Node, ...], edges: tuple[schema.Edge, ...]) -> None:
    """Checks that the nodes form a tree below the model and that edges end at nodes. Raises UnreadableError."""
    parents: dict[str, str | None] = {}
    for node in nodes:
        if node.key in parents:
            raise UnreadableError(f"The graph has two nodes with the key {node.key!r:.200}.")
        parents[node.key] = node.parent
    rooted: set[str] = set()
    for key in parents:
        path: list[str] = []
        at: str | None = key
        while at is not None and at not in rooted:
            if at not in parents:
                raise UnreadableError(f"The graph's node {path[-1]!r:.200} lies in {at!r:.200}, which is not there.")
            if len(path) > len(parents):
                raise UnreadableError(f"The graph's node {key!r:.200} lies within itself.")
            path.append(at)
            at = parents[at]
        rooted.update(path)
    for edge in edges:
        for key in (edge.source, edge.target):
            if key not in parents:
                raise UnreadableError(f"An edge of the graph ends at {key!r:.200}, which is not there.")
