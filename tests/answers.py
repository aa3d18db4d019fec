"""The recorded answers: what every route says about a small run, written here and read by the front end's tests.

The run goes through the real writer and the answers come from the real plugin, so that neither side can drift from the other.
"""

import contextlib
import csv
import io
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.depth import DepthRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.capture.session import Session
from tensorboard_activis.health_codec import make_health
from tensorboard_activis.health_part import HealthLayer
from tensorboard_activis.summarize.sample import ranks
from tests.recorded_positions import maps_with_means, positions_of, positions_recorded

FIXTURES = Path(__file__).resolve().parent.parent / "frontend" / "fixtures"
CLASSES = ("three", "eight", "nine")
STEPS = (10, 20, 40)
INSTANCES = 23
SAMPLE = 20


def graph() -> schema.Graph:
    """A stem, two residual blocks and a head: nested modules, a repeated block, an operator that is recorded."""
    maps, row = schema.Shape((-1, 6, 4, 4)), schema.Shape((-1, 3))
    nodes = [
        schema.Node("", None, "module", "DigitNet", "DigitNet", (row,), parameters=711),
        schema.Node("/input", "", "input", "input", "input", (schema.Shape((-1, 1, 8, 8)),)),
        schema.Node("stem", "", "module", "stem", "Conv2d", (maps,), 60, {"kernel_size": "3×3", "stride": "2×2"}),
        schema.Node("blocks", "", "module", "blocks", "Sequential", (maps,), 660),
    ]
    edges = [schema.Edge("/input", "stem", schema.Shape((-1, 1, 8, 8)))]
    before = "stem"
    for index in range(2):
        block = f"blocks.{index}"
        nodes += [
            schema.Node(block, "blocks", "module", str(index), "Block", (maps,), 330),
            schema.Node(f"{block}.conv", block, "module", "conv", "Conv2d", (maps,), 330, {"kernel_size": "3×3"}),
            schema.Node(f"{block}/relu", block, "operator", "relu", "relu", (maps,)),
            schema.Node(f"{block}/add", block, "operator", "add", "add", (maps,)),
        ]
        edges += [
            schema.Edge(before, f"{block}.conv", maps),
            schema.Edge(f"{block}.conv", f"{block}/relu", maps),
            schema.Edge(f"{block}/relu", f"{block}/add", maps),
            schema.Edge(before, f"{block}/add", maps),
        ]
        before = f"{block}/add"
    nodes += [
        schema.Node("head", "", "module", "head", "Linear", (row,), 21),
        schema.Node("/output", "", "output", "output", "output", (row,)),
    ]
    edges += [schema.Edge(before, "head", maps), schema.Edge("head", "/output", row)]
    return schema.Graph("torch", "DigitNet", tuple(nodes), tuple(edges))


def layers() -> tuple[schema.LayerInfo, ...]:
    """Three recorded layers of 6, 6 and 3 neurons."""
    maps = schema.Shape((-1, 6, 4, 4))
    return (
        schema.LayerInfo("stem", 6, "mean", 0, maps, feeds_relu=True),
        schema.LayerInfo("blocks.1/add", 6, "mean", 0, maps),
        schema.LayerInfo("head", 3, "none", 0, schema.Shape((-1, 3))),
    )


def write_runs(logdir: Path) -> None:
    """Two runs of a made-up model that learns: three steps, 23 small pictures, three classes."""
    for run, seed in (("baseline", 0), ("wide", 1)):
        random = np.random.RandomState(7)  # its stream of numbers is frozen, unlike default_rng's methods
        labels = random.randint(0, 3, INSTANCES)
        images = (
            np.round(random.rand(INSTANCES, 8, 8, 1) * 4) / 4 * (np.abs(np.indices((8, 8)) - 3.5).max(0) < 3)[..., None]
        )
        noise = random.randn(INSTANCES, 6).round(3)
        directions = np.array([[2, 0, 0, 1, -3, 0], [0, 2, 0, -1, -3, 0], [0, 0, 2, 0, -3, 0.5]])
        recorder = Recorder(
            logdir / run,
            graph(),
            layers(),
            class_names=CLASSES,
            subsets={"unsure": "score < 0.6"},
            sample=SAMPLE,
            strict=True,
        )
        for step in STEPS:
            strength = (step + 10 * seed) / 40
            stem = (noise + strength * directions[labels]).astype(np.float32)
            add = np.maximum(stem, 0).astype(np.float32)
            logits = (add[:, :3] * 1.25 + 0.125 * seed).astype(np.float32)
            kept = stem[np.argsort(ranks(list(range(INSTANCES))))[:SAMPLE]]
            positions = partial(positions_of, maps_with_means(kept, (4, 4)), kept)
            with positions_recorded({"stem": positions}), recorder.snapshot(step) as evaluation:
                for start in range(0, INSTANCES, 9):
                    rows = slice(start, start + 9)
                    evaluation.add(
                        BatchRecord(
                            {"stem": stem[rows], "blocks.1/add": add[rows], "head": logits[rows]},
                            inputs=images[rows].astype(np.float32),
                            labels=labels[rows],
                            outputs=logits[rows],
                            ids=list(range(start, min(start + 9, INSTANCES))),
                            depth=depth_of(logits[rows], stem[rows, :3], labels[rows]),
                        )
                    )
        write_health(recorder.session, random)
        recorder.close()


def write_health(session: Session, random: np.random.RandomState) -> None:
    """Health of 60 training steps in two parts, with a jump at step 40 and a step that was not measured in one layer."""
    layers = HealthLayer("stem", "Conv2d"), HealthLayer("head", "Linear")
    values = (0.01 + 0.002 * random.rand(3, 2, 60)).astype(np.float32)
    values[0, :, 40:42], values[1, 1, 7] = 0.4, np.nan
    loss = np.linspace(2, 0.5, 60, dtype=np.float32)
    measures = "update_ratio", "gradient_norm", "dead_share"
    for part in (slice(0, 35), slice(35, 60)):
        steps = tuple(range(60)[part])
        session.write_health(
            make_health(session.name, 1.75e9, steps, measures, layers, values[..., part], loss[part], 1)
        )


def depth_of(last: np.ndarray, first: np.ndarray, labels: np.ndarray) -> DepthRecord:
    """What two blocks say: the second the logits, the first something near them."""
    logits = np.stack([first, last], axis=1)
    order = np.argsort(-logits, axis=2, kind="stable")
    shares = np.exp(logits - logits.max(axis=2, keepdims=True))
    shares /= shares.sum(axis=2, keepdims=True)
    read = DepthRecord.unknown(("blocks.0", "blocks.1"), len(labels))
    read.top[:, :, :3], read.score[:, :, :3] = order, np.take_along_axis(shares, order, axis=2)
    read.rank[:] = 1 + np.argmax(order == labels[:, None, None], axis=2)
    return replace(read, label=labels.astype(np.int32), token="first")


def questions() -> dict[str, tuple[str, dict[str, object]]]:
    """File name -> route and parameters. Names end by what the route answers."""
    at: dict[str, object] = {"run": "baseline", "step": 40}
    rows: list[object] = [
        {"subset": "all"},
        *({"subset": name} for name in CLASSES),
        {"expression": "score < 0.6"},
        {"instance": 4},
    ]
    wrong_at_first: dict[str, object] = {"run": "baseline", "step": 10}
    return {
        "runs.json": ("runs", {}),
        "graph.json": ("graph", {"run": "baseline"}),
        "snapshot.json": ("snapshot", at),
        "strips.safetensors": ("strips", at),
        "columns.safetensors": ("columns", at),
        "where.safetensors": ("where", at | {"expression": 'label == "three" and score < 0.9'}),
        "matrix.safetensors": ("matrix", at | {"layer": "stem", "rows": rows}),
        "matrix-difference.safetensors": (
            "matrix",
            at | {"layer": "stem", "rows": rows, "sort": {"by": "difference", "a": 1, "b": 2}},
        ),
        "matrix-quantized.safetensors": (
            "matrix",
            at | {"layer": "stem", "rows": rows, "sort": {"by": "strongest"}, "quantized": "mean", "window": [1, 4]},
        ),
        "matrix-median.safetensors": (
            "matrix",
            at | {"layer": "stem", "rows": rows, "quantized": "median", "scale": "raw"},
        ),
        **{
            f"matrix-{scale}.safetensors": (
                "matrix",
                at | {"layer": "stem", "rows": rows, "quantized": "mean", "scale": scale},
            )
            for scale in ("z", "unit", "raw")
        },
        "matrix-drawn.safetensors": (
            "matrix",
            at | {"layer": "stem", "rows": rows, "quantized": "mean", "scale": "z", "drawn": [5, 0, 2]},
        ),
        "projection.safetensors": ("projection", at | {"layer": "head", "method": "pca"}),
        "projection-direction.safetensors": (
            "projection",
            at | {"layer": "stem", "method": "direction", "row": {"subset": "eight"}},
        ),
        "table.json": ("table", at | {"order": "score", "descending": True, "limit": 5}),
        "groups.json": ("groups", at | {"by": "prediction"}),
        "activation.safetensors": ("activation", at | {"layer": "head", "neuron": 2}),
        "export.csv": ("export", at | {"expression": "not correct"}),
        "content.png": ("content", at | {"index": 3}),
        "instance.json": ("instance", wrong_at_first | {"layer": "stem", "index": FIRST_WRONG}),
        "depth.json": ("depth", wrong_at_first | {"index": FIRST_WRONG}),
        "depth_history.safetensors": ("depth_history", at),
        "column_statistics.json": ("column_statistics", at),
        "facets.json": ("facets", at | {"expression": 'label == "three" and score < 0.9'}),
        "subset.json": ("subset", at | {"layer": "stem", "row": {"subset": "eight"}}),
        "concept.safetensors": ("concept", at | {"layer": "stem", "row": {"subset": "eight"}}),
        "effects.safetensors": ("effects", wrong_at_first | {"layer": "stem", "row": {"subset": "all"}}),
        "overlap.json": ("overlap", at | {"row": {"expression": "score < 0.6"}, "rows": rows}),
        "separation.json": ("separation", at),
        "separation-rows.json": (
            "separation",
            at | {"rows": [rows[1], {"expression": 'label == "nine"'}], "layers": ["stem", "head"], "limit": 14},
        ),
        "movement.json": ("movement", at | {"other": {"run": "wide", "step": 40}}),
        "neuron_pairs.json": ("neuron_pairs", at | {"other": {"run": "wide", "step": 40}, "layer": "stem"}),
        "findings.json": ("findings", at),
        "evidence.json": ("evidence", at | {"kind": "dead", "layer": "stem"}),
        "health.safetensors": ("health", {"run": "baseline", "columns": 20}),
        "attention.safetensors": ("attention", at | {"layer": "stem", "head": 1}),
        "neuron.json": ("neuron", at | {"layer": "stem", "neuron": 1, "rows": rows[:3]}),
        "positions.safetensors": ("positions", at | {"layer": "stem", "neuron": 1}),
        "instance_maps.safetensors": ("instance_maps", at | {"layer": "stem", "neuron": 1, "indices": [4, 0, 9]}),
        "history.safetensors": ("history", at | {"layer": "stem", "neuron": 1, "rows": rows}),
        "history-row.safetensors": ("history", at | {"layer": "head", "rows": rows[:1], "statistic": "max", "most": 2}),
        "error-expression.json": ("where", at | {"expression": "lable == 3"}),
        "error-layer.json": ("projection", at | {"layer": "nowhere"}),
    }


#: Index of an instance that is taken for another class at step 10.
FIRST_WRONG = 10


def normal(name: str, content: bytes, logdir: Path) -> bytes:
    """An answer without what differs between runs of this test: times, places, sessions, whether the documentation was built."""
    if not name.endswith(".json"):
        return content
    text = content.decode().replace(str(logdir), "logs").replace('"docs":true', '"docs":false')
    text = re.sub(r'"wall_time":[0-9.e+]+', '"wall_time":1750000000.0', text)
    digests = itertools.count(1)
    text = re.sub(r'"digest":"[0-9a-f]+"', lambda _: f'"digest":"{next(digests):032x}"', text)
    return (json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n").encode()


def equal(name: str, one: bytes, other: bytes) -> bool:
    """Whether two answers say the same: numbers to seven digits, for libraries of linear algebra differ in the last."""
    if name.endswith(".json"):
        return _alike(json.loads(one), json.loads(other))
    if name.endswith(".csv"):
        return _alike(*(_cells(content) for content in (one, other)))
    if name.endswith(".png"):
        pixels, others = (np.asarray(Image.open(io.BytesIO(content))) for content in (one, other))
        return np.array_equal(pixels, others)
    first, second = _tensors(one), _tensors(other)
    return (
        first.keys() == second.keys()
        and _alike(first.pop(""), second.pop(""))
        and all(
            first[key].dtype == second[key].dtype
            and first[key].shape == second[key].shape
            and np.allclose(first[key], second[key], rtol=1e-5, atol=1e-6, equal_nan=True)
            for key in first
        )
    )


def _cells(content: bytes) -> list[list[object]]:
    """Lines of CSV, numbers as such."""
    return [[_number(cell) for cell in line] for line in csv.reader(io.StringIO(content.decode()))]


def _number(cell: str) -> object:
    with contextlib.suppress(ValueError):
        return float(cell)
    return cell


def _alike(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, (int, float)):
        return abs(one - other) <= 1e-6 + 1e-5 * abs(one)
    return type(one) is type(other) and one == other


def _tensors(content: bytes) -> dict:
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    kinds = {"F32": "float32", "I32": "int32", "I64": "int64", "U8": "uint8", "U32": "uint32"}
    found: dict = {"": json.loads(header.pop("__metadata__")["json"])}
    for key, entry in header.items():
        start, end = entry["data_offsets"]
        data = np.frombuffer(content[8 + length + start : 8 + length + end], kinds[entry["dtype"]])
        found[key] = data.reshape(entry["shape"])
    return found


def record(logdir: Path, ask: Callable[[str, dict[str, object]], bytes]) -> list[str]:
    """Compares every answer with the recorded one and records those that differ; returns their names."""
    FIXTURES.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, (route, parameters) in questions().items():
        content = normal(name, ask(route, parameters), logdir)
        path = FIXTURES / name
        if not path.exists() or not equal(name, path.read_bytes(), content):
            path.write_bytes(content)
            changed.append(name)
    index = {name: {"route": route, "parameters": parameters} for name, (route, parameters) in questions().items()}
    listing = (json.dumps(index, indent=1) + "\n").encode()
    path = FIXTURES / "index.json"
    if not path.exists() or path.read_bytes() != listing:
        path.write_bytes(listing)
        changed.append("index.json")
    return changed
