"""Small records and runs for tests; every axis has another length, or swapped axes would pass."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.depth import DepthRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.health_codec import make_health
from tensorboard_activis.health_part import HealthLayer, HealthPart
from tensorboard_activis.summarize.sample import ranks
from tests.recorded_positions import maps_with_means, positions_of, positions_recorded

CLASSES = ("ant", "bee", "cat")


def small_graph() -> schema.Graph:
    """input -> stem (conv, relu) -> head -> output"""
    maps, row = schema.Shape((-1, 5, 4, 4)), schema.Shape((-1, 3))
    nodes = (
        schema.Node("", None, "module", "Net", "Net", (row,), parameters=68),
        schema.Node("/input", "", "input", "input", "input", (schema.Shape((-1, 1, 8, 8)),)),
        schema.Node("stem", "", "module", "stem", "Sequential", (maps,), parameters=50),
        schema.Node("stem.conv", "stem", "module", "conv", "Conv2d", (maps,), 50, {"kernel": "3×3"}),
        schema.Node("stem/relu", "stem", "operator", "relu", "relu", (maps,)),
        schema.Node("head", "", "module", "head", "Linear", (row,), parameters=18),
        schema.Node("/output", "", "output", "output", "output", (row,)),
    )
    edges = (
        schema.Edge("/input", "stem.conv", schema.Shape((-1, 1, 8, 8))),
        schema.Edge("stem.conv", "stem/relu", maps),
        schema.Edge("stem/relu", "head", maps),
        schema.Edge("head", "/output", row),
    )
    return schema.Graph("torch", "Net", nodes, edges)


def small_layers() -> tuple[schema.LayerInfo, ...]:
    """The layers of `small_graph` that are recorded: 5 and 3 neurons."""
    return (
        schema.LayerInfo("stem/relu", 5, "mean", 0, schema.Shape((-1, 5, 4, 4))),
        schema.LayerInfo("head", 3, "none", 0, schema.Shape((-1, 3))),
    )


@dataclass(frozen=True)
class Data:
    """Evaluation data and what a model made of it; the first axis is instances. `depth`: whether that is recorded by depth."""

    ids: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    activations: Mapping[str, np.ndarray]
    depth: bool = False


def small_data(instances: int = 17, seed: int = 0) -> Data:
    """Random data for `small_graph`: seeded, so equal in every test."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, instances)
    logits = (random.normal(size=(instances, 3)) + 1.5 * np.eye(3)[labels]).astype(np.float32)
    stem = np.maximum(random.normal(size=(instances, 5)), 0).astype(np.float32)
    return Data(
        np.arange(100, 100 + instances),
        random.random((instances, 1, 8, 8)).astype(np.float32),
        labels,
        logits,
        {"stem/relu": stem, "head": logits},
        depth=True,
    )


def small_positions(data: Data, sample: int | None = None) -> AbstractContextManager[None]:
    """Within this context, recorders write made-up maps of the first layer, whose means are its activations."""
    order = np.argsort(ranks(data.ids.tolist()), kind="stable")[:sample]
    means = data.activations["stem/relu"][order]
    maps = maps_with_means(means, (4, 4))
    return positions_recorded({"stem/relu": lambda: positions_of(maps, means)})


def depth_of(data: Data, rows: np.ndarray | slice) -> DepthRecord:
    """What two blocks are made to say: the second the logits, the first these backwards."""
    logits = np.stack([data.logits[rows][:, ::-1], data.logits[rows]], axis=1)
    order = np.argsort(-logits, axis=2)
    record = DepthRecord.unknown(("a", "b"), len(logits))
    record.top[:, :, :3], record.score[:, :, :3] = order, np.take_along_axis(logits, order, axis=2)
    record.rank[:] = 1 + np.argmax(order == data.labels[rows][:, None, None], axis=2)
    return replace(record, label=data.labels[rows].astype(np.int32), token="first")


def write_run(
    log_dir: Path | str,
    data: Data,
    steps: tuple[int, ...] = (3,),
    *,
    batch: int = 7,
    texts: list[str] | None = None,
    columns: Mapping[str, Sequence[Any]] | None = None,
    **options: object,
) -> None:
    """Logs the data at every step through the real recorder, in batches of unequal size; texts are shown instead of pictures.

    The maps of the first layer are made up, and recorded for the kept instances.
    """
    arguments: dict = {"class_names": CLASSES, "strict": True} | options
    recorder = Recorder(log_dir, small_graph(), small_layers(), **arguments)
    with small_positions(data, arguments.get("sample")):
        recorder.session.write_health(small_health(recorder.session.name))
        _log(recorder, data, steps, batch, texts, columns)
    recorder.close()


def small_health(session: str, steps: Sequence[int] = range(25), scale: float = 1) -> HealthPart:
    """Made-up training health of `small_graph`: two measures of two layers."""
    values = scale * np.arange(1, 4 * len(steps) + 1, dtype=np.float32).reshape(2, 2, -1) / 1024
    layers = HealthLayer("stem.conv", "Conv2d"), HealthLayer("head", "Linear")
    measures, loss = ("update_ratio", "gradient_norm"), np.ones(len(steps), np.float32)
    return make_health(session, 1.75e9, tuple(steps), measures, layers, values, loss, 1)


def _log(
    recorder: Recorder,
    data: Data,
    steps: tuple[int, ...],
    batch: int,
    texts: list[str] | None,
    columns: Mapping[str, Sequence[Any]] | None,
) -> None:
    for step in steps:
        with recorder.guard(step), recorder.snapshot(step) as evaluation:
            for start in range(0, len(data.labels), batch):
                rows = slice(start, start + batch)
                evaluation.add(
                    BatchRecord(
                        {name: values[rows] for name, values in data.activations.items()},
                        inputs=None if texts else data.images[rows],
                        texts=texts and texts[rows],
                        labels=data.labels[rows],
                        outputs=data.logits[rows],
                        ids=data.ids[rows].tolist(),
                        channels="first",
                        columns={name: values[rows] for name, values in (columns or {}).items()},
                        depth=depth_of(data, rows) if data.depth else None,
                    )
                )
