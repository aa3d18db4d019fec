"""Writes the runs that the browser benchmarks open, with the real recorder."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder

OPERATORS = 10_000
STEPS_OF_MEMORY = (1, 2, 3)
BLOCKS = 40
MILLION = 1_000_000
_BATCH = 4096
#: Of each part: run, instances, classes, neurons.
_RUNS = {
    "matrix": [("matrix", 1_000, 1_000, 16_384)],
    "projection": [("points", 100_000, 10, 32), ("million", MILLION, 10, 8)],
    "million": [("million", MILLION, 10, 8)],
    "hover": [("hover", 10_000, 10, 512)],
    "table": [("hover", 10_000, 10, 512), ("million", MILLION, 10, 8)],
    "memory": [("memory", 5_000, 10, 256)],
    "graph": [("graph", 200, 10, 64)],
    "small": [("small", 1_000, 10, 64)],
    "first": [("layers", 10_000, 10, 2_048)],
}
#: Layers below `features` in the run "layers": with `head`, twenty of a network whose layers become wider.
_BELOW = {f"stage{i // 3}.conv{i % 3}": 64 << i // 4 for i in range(18)}


def write(log_dir: Path, parts: Iterable[str]) -> None:
    """Writes the runs that these parts need and that are not there yet."""
    for name, instances, classes, neurons in (run for part in parts for run in _RUNS.get(part, ())):
        if not (log_dir / name).exists():
            steps = STEPS_OF_MEMORY if name == "memory" else (1,)
            widths = {**(_BELOW if name == "layers" else {}), "features": neurons, "head": 10}
            _write(log_dir / name, instances, classes, widths, OPERATORS if name == "graph" else 12, steps)


def _graph(operators: int, widths: Mapping[str, int]) -> schema.Graph:
    """Operators one after the other, in blocks of equal size, then the recorded layers."""
    neurons = widths["features"]
    shape = (schema.Shape((-1, neurons)),)
    nodes = [
        schema.Node("", None, "module", "Net", "Net", shape),
        schema.Node("/input", "", "input", "input", "input", shape),
    ]
    edges, before = [], "/input"
    for block in range(BLOCKS if operators > BLOCKS else 1):
        nodes.append(schema.Node(f"block{block}", "", "module", f"block{block}", f"Block{block}", shape))
        for place in range(operators // (BLOCKS if operators > BLOCKS else 1)):
            key = f"block{block}.op{place}"
            nodes.append(
                schema.Node(key, f"block{block}", "operator", f"op{place}", ("relu", "linear", "add")[place % 3], shape)
            )
            edges.append(schema.Edge(before, key, shape[0]))
            before = key
    for name, width in widths.items():
        nodes.append(schema.Node(name, "", "module", name, "Linear", (schema.Shape((-1, width)),)))
        edges.append(schema.Edge(before, name, shape[0]))
        before = name
    return schema.Graph("torch", "Net", tuple(nodes), tuple(edges))


def _write(
    log_dir: Path, instances: int, classes: int, widths: Mapping[str, int], operators: int, steps: Iterable[int] = (1,)
) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(instances) % classes
    total = sum(widths.values()) - widths["head"]
    patterns = random.normal(size=(classes, total)).astype(np.float32)
    ends = np.cumsum(list(widths.values()))[:-2]
    layers = [schema.LayerInfo(name, width, "none", 0, schema.Shape((-1, width))) for name, width in widths.items()]
    recorder = Recorder(
        log_dir,
        _graph(operators, widths),
        layers,
        class_names=[f"class {index}" for index in range(classes)],
        sample=None,
        strict=True,
    )
    for step in steps:
        with recorder.guard(step), recorder.snapshot(step) as evaluation:
            for start in range(0, instances, _BATCH):
                own = labels[start : start + _BATCH]
                noise = random.normal(size=(len(own), total + classes)).astype(np.float32)
                scores = np.eye(classes, dtype=np.float32)[own] * 2 + noise[:, total:]
                hidden = np.split(patterns[own] + noise[:, :total], ends, axis=1)
                activations = dict(zip(widths, [*hidden, scores[:, :10]], strict=True))
                evaluation.add(BatchRecord(activations, labels=own, outputs=scores))
    recorder.close()
