"""A small run with positions: a sequence with tokens, a map, and a layer without; one instance is pinned."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture import recorder
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.summarize.sample import ranks
from tests.records import CLASSES, small_data, small_graph

SEQUENCE, MAP, FLAT = "encoder", "stem/relu", "head"
WINDOW, STRONGEST = 5, 4
WORDS = ["what", "is", "the", "capital", "of", "a", "city", "in", "which", "people", "play", "chess", "at", "night"]


@dataclass(frozen=True)
class Truth:
    """What a run holds; the first axis is kept instances, in the order of the run, the pinned one last.

    Attributes:
        ids: int64 [instances].
        tokens: by instance; as many as its sequence has positions.
        values: raw outputs by layer, float32 [instances, neurons, *sizes], NaN behind the end of a sequence.
    """

    ids: np.ndarray
    tokens: list[list[str]]
    values: Mapping[str, np.ndarray]


def position_graph() -> schema.Graph:
    """`small_graph` with an encoder over tokens before it, and maps of 3 x 4."""
    graph = small_graph()
    encoder = schema.Node(SEQUENCE, "", "module", SEQUENCE, "TransformerEncoderLayer", (schema.Shape((-1, 9, 6)),))
    nodes = tuple(
        replace(node, outputs=(schema.Shape((-1, 5, 3, 4)),)) if node.key.startswith("stem") else node
        for node in graph.nodes
    )
    edges = (
        schema.Edge("/input", SEQUENCE, schema.Shape((-1, 9))),
        schema.Edge(SEQUENCE, "stem.conv", schema.Shape((-1, 9, 6))),
    )
    return replace(graph, nodes=(*nodes[:2], encoder, *nodes[2:]), edges=(*edges, *graph.edges[1:]))


def write_positions_run(log_dir: Path, steps: tuple[int, ...] = (3,), instances: int = 23) -> Truth:
    """Logs a run whose positions are made from random values here, by numpy alone; returns what it holds."""
    random = np.random.default_rng(5)
    data = small_data(instances)
    lengths = random.integers(1, 10, instances)
    tokens = [random.choice(WORDS, length).tolist() for length in lengths]
    sequences = random.normal(size=(instances, 6, 9)).astype(np.float32)
    sequences[np.broadcast_to(np.arange(9) >= lengths[:, None, None], sequences.shape)] = np.nan
    values = {
        SEQUENCE: sequences,
        MAP: np.maximum(random.normal(size=(instances, 5, 3, 4)), 0).astype(np.float32),
        FLAT: data.logits,
    }
    layers = (
        schema.LayerInfo(SEQUENCE, 6, "mean", 1, schema.Shape((-1, 9, 6))),
        schema.LayerInfo(MAP, 5, "mean", 0, schema.Shape((-1, 5, 3, 4))),
        schema.LayerInfo(FLAT, 3, "none", 0, schema.Shape((-1, 3))),
    )
    reduced = {name: np.nanmean(each.reshape(*each.shape[:2], -1), 2) for name, each in values.items()}
    last = instances - 1
    order = np.append(np.argsort(ranks(data.ids[:last].tolist())), last)
    truth = Truth(
        data.ids[order], [tokens[index] for index in order], {name: each[order] for name, each in values.items()}
    )

    def with_positions(record: schema.Snapshot) -> schema.Snapshot:
        return replace(
            record,
            layers=tuple(
                layer
                if layer.name == FLAT
                else replace(layer, positions=positions_of(truth.values[layer.name], reduced[layer.name][order]))
                for layer in record.layers
            ),
        )

    write_event = recorder.Recorder._write_event
    with mock.patch.object(
        recorder.Recorder, "_write_event", lambda self, record: write_event(self, with_positions(record))
    ):
        log = recorder.Recorder(log_dir, position_graph(), layers, class_names=CLASSES, strict=True)
        for step in steps:
            with log.guard(step), log.snapshot(step) as evaluation:
                for rows, pinned in ((slice(0, last), False), (slice(last, None), True)):

                    def tokens_of(chosen: np.ndarray, rows: slice = rows) -> list[list[str]]:
                        return [tokens[rows][index] for index in chosen]

                    evaluation.add(
                        BatchRecord(
                            {name: each[rows] for name, each in reduced.items()},
                            labels=data.labels[rows],
                            outputs=data.logits[rows],
                            ids=data.ids[rows].tolist(),
                            texts=[" ".join(words) for words in tokens[rows]],
                            tokens=tokens_of,
                            pinned=pinned,
                        )
                    )
        log.close()
    return truth


def positions_of(values: np.ndarray, reduced: np.ndarray) -> schema.Positions:
    """The record of positions of a layer, float32 [instances, neurons, *sizes], by loops; the last instance is pinned."""
    instances, neurons, *sizes = values.shape
    flat = values.reshape(instances, neurons, -1)
    peaks = np.nanargmax(flat, axis=2)
    stored = (WINDOW,) if len(sizes) == 1 else tuple(sizes)
    strongest = np.argsort(-reduced.astype(np.float16).astype(np.float32), axis=0, kind="stable")[:STRONGEST].T
    starts = np.zeros((neurons, STRONGEST), np.uint32)
    maps = np.full((neurons, STRONGEST, *stored), 255, np.uint8)
    ranges = np.full((neurons, STRONGEST, 2), np.nan, np.float32)
    for neuron in range(neurons):
        for place, row in enumerate(strongest[neuron]):
            shown = values[row, neuron]
            if len(sizes) == 1:
                length = int((~np.isnan(shown)).sum())
                start = min(max(peaks[row, neuron] - WINDOW // 2, 0), max(length - WINDOW, 0))
                starts[neuron, place] = start
                shown = shown[start : start + WINDOW]
            maps[neuron, place], ranges[neuron, place] = _bytes(shown)
    pinned = [_bytes(values[-1, neuron]) for neuron in range(neurons)]
    return schema.Positions(
        (-1,) if len(sizes) == 1 else tuple(sizes),
        _inline(peaks.astype(np.uint8)),
        _inline(strongest.astype(np.int32)),
        _inline(maps),
        _inline(ranges),
        _inline(starts) if len(sizes) == 1 else None,
        _inline(np.stack([codes for codes, _ in pinned], -1)[None]),
        _inline(np.array([each for _, each in pinned], np.float32)[None]),
    )


def _bytes(values: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    codes = np.rint((values - low) * (254 / (high - low) if high > low else 0))
    return np.where(np.isnan(values), 255, codes).astype(np.uint8), (low, high)


def _inline(values: np.ndarray) -> schema.Array:
    return schema.Array(values.dtype.name, values.shape, values.tobytes())
