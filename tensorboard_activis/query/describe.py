"""A snapshot in words and counts: its layers, subsets and columns, and what is wrong with any of them."""

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.instances.content import describe_content
from tensorboard_activis.query.instances.kinds import describe_columns
from tensorboard_activis.query.matrix import strips
from tensorboard_activis.read.snapshot import SnapshotReader


def describe_snapshot(snapshot: SnapshotReader) -> dict[str, object]:
    """What docs/http_api.md calls `snapshot`, without the run's name. Damage is listed under `problems`, never raised."""
    record = snapshot.record
    problems: list[str] = []
    content, ink, columns = None, False, []
    try:
        content, ink = describe_content(snapshot)
        columns = describe_columns(snapshot.instances)
    except ActiVisError as error:
        problems.append(f"Instances cannot be shown: {error}")
    layers = [describe_layer(snapshot, layer) for layer in record.layers]
    problems += [f"Layer {layer['name']}: {layer['problem']}" for layer in layers if layer["problem"]]
    return {
        "step": record.step,
        "wall_time": record.wall_time,
        "task": record.task,
        "class_names": list(record.class_names),
        "seen": record.seen,
        "kept": record.kept,
        "probes": record.probes,
        "metrics": {name: record.metrics.get(name) for name in ("accuracy", "loss")},
        "content": content,
        "ink": ink,
        "layers": layers,
        "subsets": [
            {"name": subset.name, "kind": subset.kind, "expression": subset.expression, "count": subset.count}
            for subset in record.subsets
        ],
        "columns": columns,
        "notes": list(record.notes),
        "problems": problems,
    }


def describe_layer(snapshot: SnapshotReader, layer: schema.Layer) -> dict[str, object]:
    """One layer with its warnings: numbers of neurons (`nonfinite` and `clipped`: of values)."""
    info = layer.info
    described: dict[str, object] = {
        "name": info.name,
        "neurons": info.neurons,
        "reducer": info.reducer,
        "axis": info.axis,
        "sizes": list(info.shape.sizes),
        "signed": True,
        "max_abs": 0.0,
        "problem": None,
        "warnings": {
            "all_zero": 0,
            "constant": 0,
            "never_above_zero": 0,
            "nonfinite": layer.nan + layer.inf,
            "clipped": layer.clipped,
        },
    }
    try:
        summary = snapshot.summary(info.name, 1)
        snapshot.check_activations(info.name)
    except ActiVisError as error:
        return described | {"problem": str(error)}
    if not len(snapshot.record.subsets):
        return described | {"problem": "It has no statistics."}
    counts = np.bincount(strips.states(layer, summary, snapshot.record.seen), minlength=5)
    warnings = {
        "all_zero": int(counts[strips.ALL_ZERO]),
        "constant": int(counts[strips.CONSTANT]),
        "never_above_zero": int(counts[strips.NEVER_ABOVE_ZERO]),
        "nonfinite": layer.nan + layer.inf,
        "clipped": layer.clipped,
    }
    ends = {"signed": strips.is_signed(summary), "max_abs": strips.largest(summary)}
    return described | ends | {"warnings": warnings}
