"""How far 20 layers of 2,048 neurons moved between two steps, over 1,000 common instances.

Usage: python benchmarks/queries_movement.py
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._timing import line, seconds
from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.query.neurons.movement import movement
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader

LAYERS = [f"layer{index}" for index in range(20)]
NEURONS = 2_048
INSTANCES = 1_000


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="activis-benchmark-") as directory:
        one, two = _steps(Path(directory))
        times = seconds({"ours": lambda: movement(one, two), "peer": lambda: _peer(one, two)}, repeats=3)
        line(f"{len(LAYERS)} layers of {NEURONS:,} neurons, {INSTANCES:,} instances", times["ours"], 60_000)
        line("  numpy: the two Gram matrices of each layer in float64, nothing else", times["peer"])


def _steps(log_dir: Path) -> tuple[SnapshotReader, SnapshotReader]:
    """Two steps of a run of random activations, of which the second has some noise more."""
    infos = tuple(schema.LayerInfo(name, NEURONS, "none", 0, schema.Shape((-1, NEURONS))) for name in LAYERS)
    nodes = tuple(schema.Node(name, "", "module", name, "Linear", (schema.Shape((-1, NEURONS)),)) for name in LAYERS)
    root = schema.Node("", None, "module", "Net", "Net", (schema.Shape((-1, NEURONS)),))
    recorder = Recorder(log_dir, schema.Graph("torch", "Net", (root, *nodes), ()), infos, sample=None, strict=True)
    for step in (1, 2):
        with recorder.snapshot(step) as collector:
            layers = {name: _activations(seed, step) for seed, name in enumerate(LAYERS)}
            collector.add(BatchRecord(layers, ids=list(range(INSTANCES))))
    recorder.close()
    one, two = open_run(log_dir).snapshot(1), open_run(log_dir).snapshot(2)
    assert (movement(one, two).n, len(movement(one, two).layers)) == (INSTANCES, len(LAYERS))
    return one, two


def _activations(seed: int, step: int) -> np.ndarray:
    shape = (INSTANCES, NEURONS)
    first = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return first + np.random.default_rng([seed, step]).standard_normal(shape, np.float32) * np.float32(0.3)


def _peer(one: SnapshotReader, two: SnapshotReader) -> None:
    for name in LAYERS:
        for snapshot in (one, two):
            values = snapshot.activations(name).astype(np.float64)
            _ = values @ values.T


if __name__ == "__main__":
    main()
