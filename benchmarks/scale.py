"""How far it goes: what each stage takes for a snapshot of 10,000,000 instances, 50 layers of 4,096 neurons and 10,000 classes.

Made activations of that width and that many classes go through the code that a real evaluation goes through: contributions of
parts, the merge, the writer, the reader. Layers are few and steps are few, for a machine has not the memory of all: two sizes are
measured, so that the law by which the rest is computed (so much per layer, per part, per step) is seen to hold or not.

Usage: python benchmarks/scale.py [LAYERS]      # docs/scale.md has the results; 4 layers take 4 GB of memory
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import json
import pickle
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tensorboard_activis import open_run, schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.collector import SnapshotCollector
from tensorboard_activis.capture.contribution import Contribution
from tensorboard_activis.capture.publication import SnapshotOptions
from tensorboard_activis.capture.recorder import Recorder

INSTANCES, LAYERS, NEURONS, CLASSES, STEPS, SAMPLE = 10_000_000, 50, 4_096, 10_000, 1_000, 1_000
#: Rows of a part, as in `capture/ray/parts.py`, and of a batch.
PART, BATCH = 8_192, 256
#: Parts that are merged here, and steps that are written.
PARTS, WRITTEN = 12, 3


def layers(number: int) -> list[schema.LayerInfo]:
    """Layers of the width in question."""
    shape = schema.Shape((-1, NEURONS))
    return [schema.LayerInfo(f"layer{index}", NEURONS, "none", 0, shape) for index in range(number)]


def graph(number: int) -> schema.Graph:
    """A chain of these layers."""
    row = schema.Shape((-1, NEURONS))
    nodes = [schema.Node("", None, "module", "Net", "Net", (row,))]
    nodes += [schema.Node(each.name, "", "module", each.name, "Linear", (row,)) for each in layers(number)]
    edges = [schema.Edge(nodes[index].key, nodes[index + 1].key, row) for index in range(1, number)]
    return schema.Graph("torch", "Net", tuple(nodes), tuple(edges))


def options(number: int) -> SnapshotOptions:
    """As a logger has them."""
    given = {"class_names": None, "subsets": None, "sample": SAMPLE, "task": None}
    return SnapshotOptions.of(given, layers(number), positions=0)


def evaluated_part(number: int) -> tuple[SnapshotCollector, float]:
    """What an actor does for a part beside the model, and its processor seconds."""
    random = np.random.default_rng(0)
    collector = SnapshotCollector(options(number), 0)
    made = [random.standard_normal((BATCH, NEURONS), np.float32) for _ in range(number)]
    logits = random.standard_normal((BATCH, CLASSES), np.float32)
    seconds = 0.0
    for start in range(0, PART, BATCH):
        activations = {
            layer.name: np.roll(rows, start, axis=1) for layer, rows in zip(layers(number), made, strict=True)
        }
        labels = random.integers(0, CLASSES, BATCH)
        record = BatchRecord(activations, np.arange(start, start + BATCH).tolist(), labels, logits)
        begin = time.process_time()
        collector.add(record)
        seconds += time.process_time() - begin
    return collector, seconds


def as_of(contribution: Contribution, number: int, bound: np.uint64 | None) -> Contribution:
    """The contribution of another part: other instances, of which those are kept that can be in the sample."""
    random = np.random.default_rng(number)
    order = np.sort(random.integers(0, 2**64 - 1, PART, np.uint64))[: len(contribution.order)]
    rows = np.flatnonzero(order < bound) if bound is not None else np.arange(order.size)
    stored = {name: values[rows] for name, values in contribution.stored.items()}
    return replace(contribution, order=order[rows], stored=stored | {"id": number * PART + rows})


def size(contribution: Contribution) -> int:
    """Bytes that are sent."""
    buffers: list[pickle.PickleBuffer] = []
    return len(pickle.dumps(contribution, 5, buffer_callback=buffers.append)) + sum(
        len(buffer.raw()) for buffer in buffers
    )


def memory(field: str = "VmRSS") -> float:
    """Gigabytes of this process."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 2**20


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a piece of work, and its processor seconds."""
    begin = time.process_time()
    result = work()
    return result, time.process_time() - begin


def measure(number: int) -> dict[str, float]:
    """The figures of so many layers; those of driver and reader are of a process of their own, for their memory."""
    collector, seconds = evaluated_part(number)
    contribution = collector.contribution()
    late = as_of(contribution, 600, np.uint64(2**64 // (600 * PART // SAMPLE)))
    figures = {
        "statistics of a part, s": seconds,
        "first contribution, MB": size(contribution) / 1e6,
        "contribution midway, MB": size(late) / 1e6,
    }
    with tempfile.TemporaryDirectory() as where:
        made = Path(where) / "part"
        made.write_bytes(pickle.dumps((collector.decided, contribution), 5))
        return figures | in_process("drive", number, where) | in_process("read", number, where)


def drive(number: int, where: Path) -> dict[str, float]:
    """What the driver does: merges parts, and writes."""
    before = memory()
    decided, contribution = pickle.loads((where / "part").read_bytes())
    log_dir, merged, written = where / "run", 0.0, 0.0
    recorder = Recorder(log_dir, graph(number), layers(number), sample=SAMPLE, positions=0, strict=True)
    recorder.quiet = True
    figures: dict[str, float] = {}
    for step in range(1, WRITTEN + 1):
        with recorder.snapshot(step) as driver:
            driver.decide_as(decided)
            driver.merge(contribution)
            for part in range(1, PARTS if step == 1 else 2):
                other = as_of(contribution, part, driver.collected.sample.bound)
                merged += timed(lambda other=other, driver=driver: driver.merge(other))[1]  # type: ignore[misc]
            if step == 1:
                figures["merge of a part, s"] = merged / (PARTS - 1)
                figures["driver while it merges, GB"] = memory() - before
            begin = time.process_time()
        written += time.process_time() - begin
    recorder.close()
    files = sum(path.stat().st_size for path in log_dir.rglob("*") if path.is_file())
    figures["write a step, s"] = written / WRITTEN
    figures["driver at most, GB"] = memory("VmHWM") - before
    figures["a step on disk, MB"] = files / WRITTEN / 1e6
    return figures


def read(number: int, where: Path) -> dict[str, float]:
    """What the reader does."""
    before = memory()
    run, opened = timed(lambda: open_run(where / "run"))
    snapshot = run.latest
    rows = ["all", "correct", "wrong", *[str(index) for index in range(997)]]
    matrix, asked = timed(lambda: snapshot.matrix("layer0", rows, statistics=["mean"]))
    assert matrix.mean.shape == (1_000, NEURONS)
    _, followed = timed(lambda: snapshot.history("layer0", rows[:12], neuron=0))
    return {
        f"open {WRITTEN} steps, s": opened,
        "matrix of 1,000 rows, s": asked,
        f"one neuron over {WRITTEN} steps, s": followed,
        "reader at most, GB": memory("VmHWM") - before,
    }


def in_process(what: str, number: int, *more: str) -> dict[str, float]:
    """The figures of a process of its own."""
    command = [sys.executable, __file__, what, str(number), *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    if len(sys.argv) > 2:  # in a process of its own
        number, where = int(sys.argv[2]), [Path(each) for each in sys.argv[3:]]
        print(json.dumps({"measure": measure, "drive": drive, "read": read}[sys.argv[1]](number, *where)))  # type: ignore[operator]
        return
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    few = max(1, many // 2)
    small, large = in_process("measure", few), in_process("measure", many)
    print(f"{'':<36}{few:>5} layers {many:>5} layers {LAYERS:>8} by the law")
    for name in large:
        each = (large[name] - small[name]) / (many - few)
        print(f"{name:<36}{small[name]:>12,.3f} {large[name]:>12,.3f} {large[name] + each * (LAYERS - many):>12,.2f}")
    print(f"{INSTANCES / PART:,.0f} parts of {PART:,} rows; {STEPS:,} steps")


if __name__ == "__main__":
    main()
