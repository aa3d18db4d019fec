"""Processor time and memory of all findings, of 1,000 and of 100,000 instances with 10 layers of 512 neurons, over 8 steps.

Everything has something to look for: 8 columns of which one names a slice that fails (so that its steps are looked back at, and
its direction is sought), the column of the training data, and activations of ten classes. Memory is what the search needs
beside the mapped files, sampled while it runs.

Usage: python benchmarks/findings_speed.py [INSTANCES ...]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._trials import CLASSES
from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.query.findings import search as searching
from tensorboard_activis.query.findings.concepts import concepts
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.run import Run, open_run
from tensorboard_activis.read.snapshot import SnapshotReader

LIMITS = {1_000: 3, 100_000: 60}
LAYERS, NEURONS, STEPS, BATCH = 10, 512, 8, 10_000


def logged(directory: Path, n: int) -> Run:
    """A run of some steps that keep all instances."""
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, n)
    columns = {f"c{place}": random.choice(list("ABCDEF"), n) for place in range(5)}
    columns |= {f"x{place}": random.normal(size=n) for place in range(3)}
    columns["in_training"] = np.where(random.random(n) < 0.01, "same", "no")
    wrong = random.random(n) < np.where(columns["c0"] == "A", 0.3, 0.06)
    predicted = np.where(wrong, (labels + random.integers(1, CLASSES, n)) % CLASSES, labels)
    logits = (5 * np.eye(CLASSES)[predicted] + random.normal(size=(n, CLASSES))).astype(np.float32)
    centres = random.normal(size=(LAYERS, CLASSES, NEURONS)).astype(np.float32)
    infos = [schema.LayerInfo(f"l{place}", NEURONS, "none", 0, schema.Shape((-1, NEURONS))) for place in range(LAYERS)]
    infos.append(schema.LayerInfo("scores", CLASSES, "none", 0, schema.Shape((-1, CLASSES))))
    leaves = (schema.Node(info.name, "", "module", info.name, "Linear") for info in infos)
    graph = schema.Graph("torch", "Net", (schema.Node("", None, "module", "Net", "Net"), *leaves), ())
    recorder = Recorder(
        directory,
        graph,
        infos,
        class_names=[f"{label}" for label in range(CLASSES)],
        sample=None,
        training=schema.Training(n, True),
        strict=True,
    )
    for step in range(1, STEPS + 1):
        with recorder.snapshot(step) as evaluation:
            for start in range(0, n, BATCH):
                here = slice(start, start + BATCH)
                noise = np.random.default_rng((1, start)).standard_normal(
                    (len(labels[here]), NEURONS + step), np.float32
                )
                layers = {
                    info.name: centres[place][labels[here]] + noise[:, step:] for place, info in enumerate(infos[:-1])
                }
                evaluation.add(
                    BatchRecord(
                        layers | {"scores": logits[here]},
                        labels=labels[here],
                        outputs=logits[here],
                        ids=list(range(n))[here],
                        columns={name: values[here].tolist() for name, values in columns.items()},
                    )
                )
    recorder.close()
    return open_run(directory)


@contextmanager
def most_memory(found: list[float]) -> Iterator[None]:
    """Appends by how many MB the memory of the process grew at most, mapped files aside."""
    begun, most, over = _anonymous(), [0.0], threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            most[0] = max(most[0], _anonymous() - begun)

    thread = threading.Thread(target=look)
    thread.start()
    yield
    over.set()
    thread.join()
    found.append(most[0])


def _anonymous() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def measure(n: int) -> None:
    """Lines of one size."""
    with tempfile.TemporaryDirectory() as directory:
        run = logged(Path(directory), n)
        snapshots = [run.snapshot(step) for step in run.steps]
        taken: dict[str, float] = {}

        def timed(name: str, work: Callable[[], list[Finding]]) -> list[Finding]:
            begun = time.process_time()
            found = work()
            taken[name] = time.process_time() - begun
            return found

        def wrapped(kind: str, look: searching.Search) -> searching.Search:
            return lambda some: timed(kind, lambda: look(some))

        def directions(some: Sequence[SnapshotReader], found: Sequence[Finding]) -> list[Finding]:
            return timed("concept", lambda: concepts(some, found))

        looks = {kind: wrapped(kind, look) for kind, look in searching.SEARCHES.items()}
        grown: list[float] = []
        with patch.dict(searching.SEARCHES, looks), patch.object(searching, "concepts", directions), most_memory(grown):
            begun = time.process_time()
            answer = searching.search(snapshots)
            whole = time.process_time() - begun
    limit = f"; limit {LIMITS[n]} s: {'ok' if whole <= LIMITS[n] else 'MISSED'}" if n in LIMITS else ""
    print(f"{n:,} instances: {whole:.1f} s of the processor{limit}; at most {grown[0]:,.0f} MB more", flush=True)
    for kind, seconds in sorted(taken.items(), key=lambda one: -one[1]):
        print(f"  {kind}: {seconds:.2f} s, {sum(one.kind == kind for one in answer.findings)} found", flush=True)
    for note in answer.notes:
        print(f"  {note}", flush=True)


if __name__ == "__main__":
    for size in map(int, sys.argv[1:]) if sys.argv[1:] else LIMITS:
        measure(size)
