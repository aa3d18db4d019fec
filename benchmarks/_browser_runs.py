"""Runs of the sizes that the browser benchmarks name, written by the real recorder."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.recorder import Recorder

OPERATORS = 10_000
STEPS_OF_MEMORY = (1, 2, 3)
BLOCKS = 40
_BATCH = 4096
#: Of each part: run, instances, classes, neurons.
_RUNS = {
    "matrix": [("matrix", 1_000, 1_000, 16_384)],
    "projection": [("points", 100_000, 10, 32), ("million", 1_000_000, 10, 8)],
    "hover": [("hover", 10_000, 10, 512)],
    "memory": [("memory", 5_000, 10, 256)],
    "graph": [("graph", 200, 10, 64)],
}


def write(log_dir: Path, parts: Iterable[str]) -> None:
    """Writes the runs that these parts need and that are not there yet."""
    for name, instances, classes, neurons in (run for part in parts for run in _RUNS[part]):
        if not (log_dir / name).exists():
            steps = STEPS_OF_MEMORY if name == "memory" else (1,)
            _write(log_dir / name, instances, classes, neurons, OPERATORS if name == "graph" else 12, steps)


def _graph(operators: int, neurons: int, classes: int) -> schema.Graph:
    """Operators one after the other, in blocks of equal size; the last two are recorded."""
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
    for name, width in (("features", neurons), ("head", classes)):
        nodes.append(schema.Node(name, "", "module", name, "Linear", (schema.Shape((-1, width)),)))
        edges.append(schema.Edge(before, name, shape[0]))
        before = name
    return schema.Graph("torch", "Net", tuple(nodes), tuple(edges))


def _write(
    log_dir: Path, instances: int, classes: int, neurons: int, operators: int, steps: Iterable[int] = (1,)
) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(instances) % classes
    patterns = random.normal(size=(classes, neurons)).astype(np.float32)
    layers = [
        schema.LayerInfo("features", neurons, "none", 0, schema.Shape((-1, neurons))),
        schema.LayerInfo("head", 10, "none", 0, schema.Shape((-1, 10))),
    ]
    recorder = Recorder(
        log_dir,
        _graph(operators, neurons, 10),
        layers,
        class_names=[f"class {index}" for index in range(classes)],
        sample=None,
        strict=True,
    )
    for step in steps:
        with recorder.guard(step), recorder.snapshot(step) as evaluation:
            for start in range(0, instances, _BATCH):
                own = labels[start : start + _BATCH]
                noise = random.normal(size=(len(own), neurons + classes)).astype(np.float32)
                scores = np.eye(classes, dtype=np.float32)[own] * 2 + noise[:, neurons:]
                activations = {"features": patterns[own] + noise[:, :neurons], "head": scores[:, :10]}
                evaluation.add(activations, labels=own, outputs=scores)
    recorder.close()
