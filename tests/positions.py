"""A small run with positions: a sequence with tokens, a map, and a layer without; one instance is pinned."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.summarize.sample import ranks
from tests.recorded_positions import STRONGEST, WINDOW, positions_of, positions_recorded
from tests.records import CLASSES, small_data, small_graph

__all__ = ["FLAT", "MAP", "SEQUENCE", "STRONGEST", "WINDOW", "Truth", "write_positions_run"]
SEQUENCE, MAP, FLAT = "encoder", "stem/relu", "head"
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

    positions = {
        name: lambda name=name: positions_of(truth.values[name], reduced[name][order], pinned=1)
        for name in (SEQUENCE, MAP)
    }
    with positions_recorded(positions):
        log = Recorder(log_dir, position_graph(), layers, class_names=CLASSES, strict=True)
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
