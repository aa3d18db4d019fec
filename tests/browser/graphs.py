"""A model that has all that the graph view draws in a way of its own, and activations with all that its strips mark."""

from pathlib import Path

import numpy as np
from playwright.sync_api import Position

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder

#: Of a module, open or closed; its middle is another node's, or its bar.
TITLE: Position = {"x": 40, "y": 10}

STEPS = 350
WAYS = 100
INSTANCES = 30
#: Per neuron of stem.relu. All zero, all one, NaN for one instance, and for instance i of the others i times so much.
SLOPES = (0.0, 0.0, 1.0, 0.5, 0.25, -0.25, 1.0)
LARGEST = float(INSTANCES - 1)
ZERO, CONSTANT, BROKEN, HALF = 0, 1, 2, 3


def _shape(*sizes: int) -> schema.Shape:
    return schema.Shape((-1, *sizes))


class _Model:
    def __init__(self) -> None:
        self.nodes: list[schema.Node] = []
        self.edges: list[schema.Edge] = []

    def add(
        self, key: str, type_: str, shape: schema.Shape, *sources: str, kind: str = "module", **more: object
    ) -> str:
        """A node, and the edges to it; a source's own shape flows along."""
        parent = None if not key else key.rpartition("/")[0] if "/" in key else key.rpartition(".")[0]
        name = key.replace("/", ".").rpartition(".")[2] or type_
        self.nodes.append(schema.Node(key, parent, kind, name, type_, (shape,), **more))  # type: ignore[arg-type]
        shapes = {node.key: node.outputs[0] for node in self.nodes}
        self.edges += [schema.Edge(source, key, shapes[source], bool(more.get("branch"))) for source in sources]
        return key


def _graph() -> schema.Graph:
    model, maps = _Model(), _shape(7, 5, 3)
    model.add("", "Net", _shape(3))
    before = model.add("/input", "input", _shape(1, 9, 9), kind="input")
    model.add("stem", "Sequential", maps, parameters=70)
    model.add(
        "stem.conv", "Conv2d", maps, before, parameters=70, attributes={"kernel": "3×3", "padding": "1", "bias": "yes"}
    )
    before = model.add("stem.relu", "ReLU", maps, "stem.conv")
    model.add("blocks", "Sequential", maps)
    for block in range(3):
        model.add(f"blocks.{block}", "Res", maps, parameters=1_234)
        model.add(f"blocks.{block}.conv", "Conv2d", maps, before, parameters=1_234)
        model.add(f"blocks.{block}/add", "add", maps, f"blocks.{block}.conv", before, kind="operator")
        before = model.add(f"blocks.{block}/relu", "relu", maps, f"blocks.{block}/add", kind="operator")
    model.add("split", "Split", _shape(11))
    for half in ("left", "right"):
        model.add(f"split.{half}", "Linear", _shape(11), before)
    model.add("join", "Join", _shape(7))
    before = model.add("join/cat", "cat", _shape(22), "split.left", "split.right", kind="operator")
    model.add("sometimes", "Linear", _shape(22), before, branch=True)
    before = model.add("always", "Linear", _shape(22), before)
    model.edges.append(schema.Edge("sometimes", "always", _shape(22), branch=True))
    model.add("many", "Many", _shape(22))
    for step in range(STEPS):
        before = model.add(f"many.step{step}", "Linear", _shape(22), before)
    model.add("wide", "Wide", _shape(22))
    ways = [model.add(f"wide.way{way}", "Linear", _shape(22), before) for way in range(WAYS)]
    before = model.add("wide/cat", "cat", _shape(22), *ways, kind="operator")
    before = model.add("head", "Linear", _shape(3), before, parameters=69, call=1, calls=2)
    model.add("/output", "output", _shape(3), before, kind="output")
    return schema.Graph("torch", "Net", tuple(model.nodes), tuple(model.edges))


def write(log_dir: Path) -> None:
    """The run `net`, of one step."""
    maps = _shape(len(SLOPES), 5, 3)
    recorded = ("stem.relu", "blocks.0/relu", "blocks.1/relu", "blocks.2/relu")
    layers = [schema.LayerInfo(name, len(SLOPES), "mean", 0, maps) for name in recorded]
    layers.append(schema.LayerInfo("sometimes", 22, "none", 0, _shape(22)))
    layers.append(schema.LayerInfo("head", 3, "none", 0, _shape(3)))
    stem = np.arange(INSTANCES, dtype=np.float32)[:, None] * np.array(SLOPES, np.float32)
    stem[:, CONSTANT] = 1
    stem[4, BROKEN] = np.nan
    random = np.random.default_rng(0)
    values = {name: random.normal(size=stem.shape).astype(np.float32) for name in recorded} | {"stem.relu": stem}
    # Every other instance goes another way.
    values["sometimes"] = random.normal(size=(INSTANCES, 22)).astype(np.float32)
    values["sometimes"][::2] = np.nan
    labels = np.arange(INSTANCES) % 3
    values["head"] = np.eye(3, dtype=np.float32)[labels] + random.normal(scale=0.1, size=(INSTANCES, 3)).astype(
        np.float32
    )
    recorder = Recorder(log_dir / "net", _graph(), layers, class_names=["a", "b", "c"], sample=None, strict=True)
    with recorder.guard(1), recorder.snapshot(1) as evaluation:
        evaluation.add(BatchRecord(values, labels=labels, outputs=values["head"]))
    recorder.close()
