"""The matrix of 1,000 classes x 2,048 neurons, as the tab asks for it: processor time of the server without a socket, and bytes.

First the rows that the tab draws before anybody scrolls, then all of them; both are asked for in turns, so that one is the other's
peer. The clustered order is asked for once: the tab keeps it.

Usage: python benchmarks/queries_classes.py [ROUNDS]
"""

import json
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
from tests.serve.client import Client

CLASSES, NEURONS, INSTANCES = 1_000, 2_048, 4_000
#: Rows that the tab draws before anybody scrolls (frontend/src/state/matrices.ts).
FIRST_ROWS = 128
MILLISECONDS, MEGABYTES = 60, 0.5


def write_run(directory: Path) -> None:
    """Activations around a centre for each class."""
    random = np.random.default_rng(0)
    labels = np.arange(INSTANCES) % CLASSES
    shape = schema.Shape((-1, NEURONS))
    nodes = (schema.Node("", None, "module", "Net", "Net"), schema.Node("wide", "", "module", "wide", "Linear"))
    info = schema.LayerInfo("wide", NEURONS, "none", 0, shape)
    names = [f"class {index}" for index in range(CLASSES)]
    log = Recorder(directory, schema.Graph("torch", "Net", nodes, ()), [info], class_names=names, strict=True)
    centres = random.normal(size=(CLASSES, NEURONS)).astype(np.float32)
    with log.snapshot(0) as evaluation:
        for own in np.array_split(labels, 8):
            values = centres[own] + random.normal(size=(own.size, NEURONS)).astype(np.float32)
            evaluation.add(
                BatchRecord({"wide": values}, labels=own, outputs=np.eye(CLASSES, dtype=np.float32)[own] * 3)
            )
    log.close()


def main(rounds: int = 15) -> None:
    """Prints milliseconds of the processor and megabytes of each question."""
    with tempfile.TemporaryDirectory(prefix="activis-benchmark-") as directory:
        write_run(Path(directory) / "run")
        client = Client(Path(directory))
        rows = [{"subset": f"class {index}"} for index in range(CLASSES)]
        shown = {"run": "run", "step": 0, "layer": "wide", "rows": rows, "quantized": "mean", "scale": "z"}
        first: dict[str, object] = {"drawn": list(range(FIRST_ROWS))}
        questions: dict[str, dict[str, object]] = {
            "to draw the first rows": first,
            "all rows, once somebody scrolls": {},
            "to draw the first rows, by the difference of two": {**first, "sort": {"by": "difference", "a": 3, "b": 4}},
            "to draw the first rows, clustered": {**first, "sort": {"by": "clustered"}},
        }
        times: dict[str, list[float]] = {name: [] for name in questions}
        sizes: dict[str, int] = {}
        for turn in range(rounds + 1):
            for name, more in questions.items():
                if turn > 3 and "clustered" in name:
                    continue
                started = time.process_time()
                answer = client.post("matrix", **shown, **more)
                assert answer.status_code == 200, json.loads(answer.get_data())
                sizes[name] = len(answer.get_data())
                times[name].append(time.process_time() - started)
        for name in questions:
            limit = None if name.startswith("all") or "clustered" in name else MILLISECONDS
            line(f"1,000 classes x 2,048 neurons {name}", median(times[name][1:]), limit)
            verdict = (
                ""
                if name.startswith("all")
                else f"   limit {MEGABYTES} MB " + ("ok" if sizes[name] <= MEGABYTES * 1e6 else "MISSED")
            )
            print(f"  bytes: {sizes[name] / 1e6:.2f} MB{verdict}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
