"""Writes synthetic runs of any size with the writer of the callbacks: 2,048 neurons, ten classes, a text for each instance.

Usage: python benchmarks/_synthetic.py DIRECTORY INSTANCES
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from tensorboard_activis import codec, metadata, schema
from tensorboard_activis.capture.instances.columns import prediction_table
from tensorboard_activis.summarize.float16 import to_float16
from tensorboard_activis.summarize.groups import Groups
from tensorboard_activis.summarize.membership import Membership
from tensorboard_activis.summarize.moments import Moments
from tensorboard_activis.summarize.sample import ranks
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.events import EventWriter
from tensorboard_activis.write.instances import InstanceWriter

NEURONS = 2_048
LAYER = "encoder"
STEP = 1
CLASSES = tuple(f"class {index}" for index in range(10))
#: Where the runs of several benchmarks lie; each writes its own and removes them without it.
VARIABLE = "ACTIVIS_BENCHMARK_RUNS"
_BLOCK = 8_192
_WORDS = "who what how many people of the city ask why river when did a first where is not old paper large in light"


@contextmanager
def runs(*sizes: int) -> Iterator[list[Path]]:
    """A log directory for each number of instances, written where it is not there yet."""
    shared = os.environ.get(VARIABLE)
    with tempfile.TemporaryDirectory(prefix="activis-benchmark-") as temporary:
        base = Path(shared or temporary)
        for size in sizes:
            if not (base / str(size) / "done").exists():
                write_run(base / str(size), size)
        yield [base / str(size) for size in sizes]


def write_run(log_dir: Path, instances: int) -> None:
    """One snapshot of one layer of `NEURONS` neurons; all instances are kept. Memory is that of a block, and of the columns."""
    directory = log_dir / metadata.RUN_DIRECTORY
    directory.mkdir(parents=True, exist_ok=True)
    session = f"{int(time.time() * 1000):013d}-benchmark"
    random = np.random.default_rng(instances)
    instance_ids = np.arange(instances)
    instance_ids = instance_ids[np.argsort(ranks(instance_ids))]  # type: ignore[arg-type]
    label = random.integers(0, len(CLASSES), instances).astype(np.int32)
    wrong = random.random(instances) < 0.1
    prediction = np.where(wrong, (label + 1) % len(CLASSES), label).astype(np.int32)
    varying: dict[str, np.ndarray] = {
        "prediction": prediction,
        "correct": (~wrong).astype(np.uint8),
        "score": random.random(instances, dtype=np.float32),
        "loss": random.exponential(size=instances).astype(np.float32),
        "label_score": random.random(instances, dtype=np.float32),
    }
    arrays, tables, events = (
        ArrayWriter(directory, STEP, session),
        InstanceWriter(directory),
        EventWriter(directory, session),
    )
    members = [np.ones(instances, bool), *(label == index for index in range(len(CLASSES))), ~wrong, wrong]
    with tempfile.TemporaryFile(dir=log_dir) as file:
        activations, moments = _activations(file, label, members, random)
        statistics = moments.statistics()
        layer = schema.Layer(
            schema.LayerInfo(LAYER, NEURONS, "none", 0, schema.Shape((-1, NEURONS))),
            arrays.add("0/activations", activations),
            schema.Summary(
                *(arrays.add(f"0/{name}", getattr(statistics, name)) for name in ("count", "mean", "std", "min", "max"))
            ),
        )
        columns = {name: arrays.add(f"column/{name}", values) for name, values in varying.items()}
        arrays.close()
    table = prediction_table(instance_ids, label, {}, CLASSES, {})
    table = table.append_column("text", pa.array(_texts(instances, random)))
    names = ["all", *CLASSES, "correct", "wrong"]
    kinds = ["all", *["class"] * len(CLASSES), "correct", "wrong"]
    expressions = ["True", *(f'label == "{name}"' for name in CLASSES), "correct", "not correct"]
    snapshot = schema.Snapshot(
        step=STEP,
        wall_time=time.time(),
        session=session,
        task="classification",
        class_names=CLASSES,
        seen=instances,
        sample_size=instances,
        metrics={"accuracy": float((~wrong).mean()), "loss": float(varying["loss"].mean())},
        instances=(tables.write(table),),
        columns=columns,
        subsets=tuple(
            schema.Subset(name, kind, expression, int(mask.sum()))
            for name, kind, expression, mask in zip(names, kinds, expressions, members, strict=True)
        ),
        layers=(layer,),
    )
    shape = schema.Shape((-1, NEURONS))
    nodes = (
        schema.Node("", None, "module", "Net", "Net", (shape,)),
        schema.Node("/input", "", "input", "input", "input", (shape,)),
        schema.Node(LAYER, "", "module", LAYER, "Linear", (shape,)),
        schema.Node("/output", "", "output", "output", "output", (shape,)),
    )
    edges = (schema.Edge("/input", LAYER, shape), schema.Edge(LAYER, "/output", shape))
    graph = schema.Graph("torch", "Net", nodes, edges)
    events.write_blob(metadata.GRAPH_TAG, STEP, codec.encode_graph(graph), snapshot.wall_time)
    events.write_blob(metadata.SNAPSHOT_TAG, STEP, codec.encode_snapshot(snapshot), snapshot.wall_time)
    events.close()
    (log_dir / "done").touch()


def _activations(
    file: object, label: np.ndarray, members: list[np.ndarray], random: np.random.Generator
) -> tuple[np.ndarray, Moments]:
    """float16 [instances, NEURONS] in a mapped file, and its statistics: directions of falling weight, classes and noise."""
    weights = 2.0 ** -np.arange(0, 8, 0.25)
    pool = (random.normal(size=(2 * _BLOCK, weights.size)) * weights) @ random.normal(size=(weights.size, NEURONS))
    pool = (pool + 0.3 * random.normal(size=pool.shape)).astype(np.float32)
    centres = (random.normal(size=(len(CLASSES), NEURONS)) + 0.5).astype(np.float32)
    moments = Moments(len(members), NEURONS)
    values = np.memmap(file, np.float16, "w+", shape=(label.size, NEURONS))  # type: ignore[call-overload]
    for start in range(0, label.size, _BLOCK):
        here = slice(start, start + _BLOCK)
        rows = label[here]
        block = pool[random.permutation(len(pool))[: rows.size]]
        block *= random.uniform(0.5, 1.5, (rows.size, 1)).astype(np.float32)  # no two rows are equal
        block += centres[rows]
        values[here], _ = to_float16(block)
        membership = Membership.of_lists([np.flatnonzero(mask[here]) for mask in members], rows.size)
        moments.add(block, Groups(membership))
    return values, moments


def _texts(instances: int, random: np.random.Generator) -> list[str]:
    """Questions of six to twelve words; "who" is in a third of them."""
    words = np.array(_WORDS.split())
    words = words[random.integers(0, words.size, (instances, 12))]
    lengths = random.integers(6, 13, instances)
    return [" ".join(row[:length]) for row, length in zip(words.tolist(), lengths.tolist(), strict=True)]


if __name__ == "__main__":
    write_run(Path(sys.argv[1]) / sys.argv[2], int(sys.argv[2]))
