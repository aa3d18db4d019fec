"""Limits of decoded graphs and snapshots: two bytes of a message become a hundred in memory, and many more in an answer."""

from collections.abc import Iterator

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis.errors import UnreadableError

#: Bytes of a message; decoding one this large takes about a gigabyte of memory.
MAX_BLOB = 12 << 20
_MAX_NODES, _MAX_EDGES, _MAX_OUTPUTS, _MAX_ATTRIBUTES = 100_000, 400_000, 400_000, 400_000
_MAX_LAYERS, _MAX_SUBSETS, _MAX_COLUMNS, _MAX_CLASSES = 5_000, 20_000, 4_000, 1_000_000
_MAX_NOTES, _MAX_METRICS, _MAX_STEPS = 10_000, 1_000, 1_000_000
#: Files of a table of instances, and how often all arrays of a snapshot may refer to files.
_MAX_FILES, _MAX_REFERENCES = 1_000, 60_000
#: Rows of arrays that hold nothing, for no bytes stand behind them; and neurons of all layers.
_MAX_ROWS, _MAX_NEURONS = 50_000_000, 1 << 24


def check_graph(message: pb.Graph) -> None:
    """Checks the counts of a graph against their limits. Raises UnreadableError."""
    _check("graph", nodes=(len(message.nodes), _MAX_NODES), edges=(len(message.edges), _MAX_EDGES))
    _check(
        "graph",
        outputs=(sum(len(node.outputs) for node in message.nodes), _MAX_OUTPUTS),
        attributes=(sum(len(node.attributes) for node in message.nodes), _MAX_ATTRIBUTES),
    )


def check_snapshot(message: pb.Snapshot) -> None:
    """Checks the counts of a snapshot against their limits. Raises UnreadableError."""
    what = f"snapshot of step {message.step}"
    _check(
        what,
        instances=(message.sample_size + message.pinned, _MAX_ROWS),
        layers=(len(message.layers), _MAX_LAYERS),
        blocks=(len(message.depth.layers), _MAX_LAYERS),
        effects=(len(message.effects.layers), _MAX_LAYERS),
        tokens=(len(message.depth.texts), _MAX_CLASSES),
        subsets=(len(message.subsets), _MAX_SUBSETS),
        columns=(len(message.columns), _MAX_COLUMNS),
        classes=(len(message.class_names), _MAX_CLASSES),
        notes=(len(message.notes), _MAX_NOTES),
        metrics=(len(message.metrics), _MAX_METRICS),
        files=(len(message.instances), _MAX_FILES),
    )
    _check(
        what,
        neurons=(sum(max(0, layer.neurons) for layer in message.layers), _MAX_NEURONS),
        references=(sum(len(array.files) for array in _arrays(message)), _MAX_REFERENCES),
    )


def check_health(message: pb.Health) -> None:
    """Checks the counts of training health against their limits. Raises UnreadableError."""
    _check(
        "training health",
        steps=(len(message.steps), _MAX_STEPS),
        measures=(len(message.measures), _MAX_METRICS),
        layers=(len(message.layers), _MAX_LAYERS),
        notes=(len(message.notes), _MAX_NOTES),
    )


def _arrays(message: pb.Snapshot) -> Iterator[pb.Array]:
    for column in message.columns:
        yield column.values
    depth = message.depth
    yield from (depth.top, depth.score, depth.rank, depth.label, depth.right)
    if message.HasField("effects"):
        effects = message.effects
        yield from (effects.instances, effects.tried, effects.before)
        for one in effects.layers:
            yield from (one.gradient, one.product, one.neurons, one.alone, one.together)
    for layer in message.layers:
        summary = layer.summary
        yield from (layer.activations, summary.count, summary.mean, summary.std, summary.min, summary.max)
        yield from (summary.classes, summary.scales)
        if layer.HasField("positions"):
            found = layer.positions
            yield from (found.peaks, found.strongest, found.maps, found.map_range, found.starts)
            yield from (found.pinned_maps, found.pinned_range)
        if layer.HasField("patterns"):
            yield from (layer.patterns.shares, layer.patterns.together)


def _check(what: str, **counts: tuple[int, int]) -> None:
    for name, (count, most) in counts.items():
        if count > most:
            raise UnreadableError(f"The {what} says that it has {count:,} {name}; at most {most:,} are read.")
