"""How well layers of 64 to 2,048 neurons tell 10 to 1,000 classes apart, at 1,000 kept instances: processor time per layer.

Usage: python benchmarks/separation.py [REPEATS]
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._timing import line
from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.query.neurons.separation import separation
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader

INSTANCES = 1_000
#: Milliseconds per layer.
LIMIT = 50


def snapshot(directory: Path, labels: np.ndarray, classes: int, neurons: int) -> SnapshotReader:
    """One layer whose classes overlap: a centre for each, and noise."""
    random = np.random.default_rng(classes + neurons)
    values = random.normal(size=(INSTANCES, neurons)) + 0.3 * random.normal(size=(classes, neurons))[labels]
    shape = schema.Shape((-1, neurons))
    nodes = (
        schema.Node("", None, "module", "Net", "Net", (shape,)),
        schema.Node("/input", "", "input", "input", "input", (shape,)),
        schema.Node("layer", "", "module", "layer", "Linear", (shape,)),
        schema.Node("/output", "", "output", "output", "output", (shape,)),
    )
    edges = (schema.Edge("/input", "layer", shape), schema.Edge("layer", "/output", shape))
    recorder = Recorder(
        directory,
        schema.Graph("torch", "Net", nodes, edges),
        (schema.LayerInfo("layer", neurons, "none", 0, shape),),
        class_names=[f"c{index}" for index in range(classes)],
        strict=True,
    )
    with recorder.snapshot(1) as collector:
        outputs = np.eye(classes, dtype=np.float32)[labels]
        layers = {"layer": values.astype(np.float32)}
        collector.add(BatchRecord(layers, labels=labels, outputs=outputs, ids=list(range(INSTANCES))))
    recorder.close()
    return open_run(directory).latest


def processor_seconds(read: SnapshotReader, repeats: int) -> float:
    """The median of one answer, after a warm-up."""
    times = []
    for _ in range(repeats + 1):
        begin = time.process_time()
        separation(read)
        times.append(time.process_time() - begin)
    return median(times[1:])


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory(prefix="activis-benchmark-") as directory:
        random = np.random.default_rng(0)
        labels = {
            f"{classes:,} classes": (classes, random.integers(0, classes, INSTANCES)) for classes in (2, 10, 100, 1_000)
        }
        # Of 1,000 classes at random, a third have two instances.
        labels["500 classes of two instances, the most there can be"] = (500, np.arange(INSTANCES) % 500)
        for name, (classes, label) in labels.items():
            for neurons in (64, 512, 2_048):
                read = snapshot(Path(directory) / f"{name}-{neurons}", label, classes, neurons)
                line(f"{name}, {neurons:,} neurons", processor_seconds(read, repeats), LIMIT)


if __name__ == "__main__":
    main()
