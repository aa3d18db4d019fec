"""Collecting and writing a sample takes little more memory than its bytes, in one process and in several."""

import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.distributed.serialization import Serialized
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.read.run import open_run
from tests.processes import run_threads
from tests.records import small_graph

NEURONS, BATCH, SAMPLE = 3_000, 64, 6_000
LAYERS = [
    schema.LayerInfo(name, NEURONS, "none", 0, schema.Shape((-1, NEURONS)))
    for name in ("stem/relu", "head", "stem.conv")
]
BYTES = len(LAYERS) * NEURONS * SAMPLE * 2


def batch(start: int) -> BatchRecord:
    """Each value says whose it is."""
    ids = np.arange(start, start + BATCH)
    values = (ids[:, None] % 1_000 + np.arange(NEURONS) % 7).astype(np.float32)
    activations = {info.name: values + index for index, info in enumerate(LAYERS)}
    return BatchRecord(activations, labels=ids % 3, outputs=np.eye(3, dtype=np.float32)[ids % 3], ids=ids.tolist())


def log(log_dir: Path, starts: range, sample: int | None, processes: Processes | None = None) -> None:
    recorder = Recorder(log_dir, small_graph(), LAYERS, sample=sample, strict=True, processes=processes)
    with recorder.snapshot(1) as snapshot:
        for start in starts:
            snapshot.add(batch(start))
    recorder.close()


def check(log_dir: Path, kept: int) -> None:
    snapshot = open_run(log_dir).latest
    ids = np.array(snapshot.instances["id"].to_pylist())
    assert ids.size == np.unique(ids).size == kept
    for index, info in enumerate(LAYERS):
        expected = (ids[:, None] % 1_000 + np.arange(NEURONS) % 7 + index).astype(np.float16)
        np.testing.assert_array_equal(snapshot.activations(info.name), expected)


@pytest.mark.slow
@pytest.mark.parametrize("seen", [SAMPLE // BATCH * BATCH, 3 * SAMPLE // BATCH * BATCH], ids=["all", "a third"])
def test_a_sample_takes_little_more_than_its_bytes(tmp_path: Path, seen: int) -> None:
    log(tmp_path / "first", range(0, seen, BATCH), 1)  # imports, and what they take
    statistics = peak_of(lambda: log(tmp_path / "statistics", range(0, seen, BATCH), 1))
    peak = peak_of(lambda: log(tmp_path / "run", range(0, seen, BATCH), SAMPLE))
    check(tmp_path / "run", min(SAMPLE, seen))
    assert peak - statistics < 1.25 * BYTES


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_processes_send_a_sample_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns, rounds = 9, 10
    monkeypatch.setattr("tensorboard_activis.capture.merging._TURN", rounds * BATCH * NEURONS * 2 // turns)
    sent: list[int] = []

    def work(processes: Processes) -> None:
        exchange = processes.all_to_all

        def counted(parts: Sequence[Serialized]) -> list[memoryview]:
            sent.append(max(sum(map(len, part)) for part in parts))
            return exchange(parts)

        processes.all_to_all = counted  # type: ignore[method-assign]
        log(tmp_path, range(processes.rank * BATCH, 3 * rounds * BATCH, 3 * BATCH), SAMPLE, processes)

    run_threads(3, work)
    check(tmp_path, 3 * rounds * BATCH)
    assert len(sent) > 3 * len(LAYERS) * turns
    assert max(sent) < BYTES / len(LAYERS) / turns
