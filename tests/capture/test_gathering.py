"""Statistics are those that numpy computes of all instances, whatever the batches they come in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.collector import SnapshotCollector
from tensorboard_activis.capture.distributed.processes import Processes, SingleProcess
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.processes import run_threads
from tests.records import small_graph

#: Neurons per layer: some share a tile, one is in two tiles, one has a tile and more of its own.
WIDTHS = {"one": 1, "wide": 2500, "narrow": 7, "other": 600}
INSTANCES, CLASSES = 270, 6


class Evaluated:
    """Instances, of which class 5 has three and class 4 none, with what layers made of them, far from zero."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.labels = random.integers(0, 4, INSTANCES)
        self.labels[[13, 100, 269]] = 5
        self.logits = random.normal(size=(INSTANCES, CLASSES)).astype(np.float32)
        self.values = {
            name: (100 + random.normal(size=(INSTANCES, width)) * random.gamma(1, size=width)).astype(np.float32)
            for name, width in WIDTHS.items()
        }

    @property
    def masks(self) -> list[np.ndarray]:
        """By subset, in the order of a snapshot."""
        right = self.logits.argmax(axis=1) == self.labels
        return [np.ones(INSTANCES, bool), *(self.labels == number for number in range(CLASSES)), right, ~right]

    def batches(self, size: int) -> list[np.ndarray]:
        return [np.arange(start, min(start + size, INSTANCES)) for start in range(0, INSTANCES, size)]

    def record(self, rows: np.ndarray) -> BatchRecord:
        values = {name: layer[rows] for name, layer in self.values.items()}
        return BatchRecord(values, ids=rows.tolist(), labels=self.labels[rows], outputs=self.logits[rows])

    def recorder(self, log_dir: Path, processes: Processes, **options: Any) -> Recorder:
        layers = tuple(
            schema.LayerInfo(name, width, "mean", 0, schema.Shape((-1, width))) for name, width in WIDTHS.items()
        )
        return Recorder(log_dir, small_graph(), layers, strict=True, processes=processes, **options)

    def log(self, log_dir: Path, dealt: Sequence[Sequence[np.ndarray]], **options: Any) -> SnapshotReader:
        """The snapshot; `dealt` is per process the batches, each the positions of its instances."""
        turns = max(map(len, dealt))

        def work(processes: Processes) -> None:
            own = dealt[processes.rank]
            recorder = self.recorder(log_dir, processes, **options)
            with recorder.snapshot(1) as snapshot:
                for turn in range(turns):
                    snapshot.add(self.record(own[turn] if turn < len(own) else np.arange(0)))
            recorder.close()

        if len(dealt) == 1:
            work(SingleProcess())
        else:
            run_threads(len(dealt), work)
        return open_run(log_dir).latest

    def compare(self, snapshot: SnapshotReader) -> None:
        """Compares every statistic of every neuron with numpy's over all finite values."""
        for name, values in self.values.items():
            summary = snapshot.summary(name)
            known = np.where(np.isfinite(values), values.astype(np.float64), np.nan)
            for subset, mask in enumerate(self.masks):
                counts = np.isfinite(values[mask]).sum(axis=0)
                np.testing.assert_array_equal(np.broadcast_to(summary.count, summary.mean.shape)[subset], counts)
                some = counts > 0
                assert np.isnan(np.asarray(summary.mean)[subset, ~some]).all()
                if not some.any():
                    continue
                inside = known[mask][:, some]
                exact = {
                    "mean": np.nanmean(inside, axis=0),
                    "std": np.nanstd(inside, axis=0),
                    "min": np.nanmin(inside, axis=0),
                    "max": np.nanmax(inside, axis=0),
                }
                for field, expected in exact.items():
                    found = np.asarray(getattr(summary, field))[subset, some]
                    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6, err_msg=f"{name} {field}")
            layer = snapshot.layer(name)
            assert (layer.nan, layer.inf) == (np.isnan(values).sum(), np.isinf(values).sum())


@pytest.fixture
def evaluated() -> Evaluated:
    return Evaluated()


@pytest.mark.parametrize("size", [1, 8, 13, 256, INSTANCES])
def test_batches_of_any_size(evaluated: Evaluated, size: int, tmp_path: Path) -> None:
    evaluated.compare(evaluated.log(tmp_path, [evaluated.batches(size)], sample=20))


@pytest.mark.parametrize("size", [1, 13, 256])
def test_values_that_are_not_finite_and_layers_that_did_not_run_in_some_batches(
    evaluated: Evaluated, size: int, tmp_path: Path
) -> None:
    evaluated.values["narrow"][::3] = np.nan
    evaluated.values["other"][:40] = np.nan  # the first batches, which say what is near the values
    evaluated.values["wide"][5, 2049], evaluated.values["wide"][6, 3] = np.inf, -np.inf
    snapshot = evaluated.log(tmp_path, [evaluated.batches(size)])
    evaluated.compare(snapshot)
    assert snapshot.summary("one").count.shape == (9, 1), "no value of this layer was left out"


@pytest.mark.parametrize("most", [1, 5, 10_000])
def test_however_many_are_gathered(evaluated: Evaluated, most: int, tmp_path: Path) -> None:
    with patch("tensorboard_activis.capture.gathering.MOST_INSTANCES", most):
        evaluated.compare(evaluated.log(tmp_path, [evaluated.batches(8)]))


@pytest.mark.parametrize("size", [2, 3])
def test_processes_with_batches_of_their_own(evaluated: Evaluated, size: int, tmp_path: Path) -> None:
    evaluated.values["narrow"][9] = np.nan  # of one process
    batches = evaluated.batches(13)
    evaluated.compare(evaluated.log(tmp_path, [batches[rank::size] for rank in range(size)], sample=20))


def test_each_instance_is_in_many_subsets(evaluated: Evaluated, tmp_path: Path) -> None:
    """Sums are then by a product of matrices."""
    evaluated.values["narrow"][::3] = np.nan
    subsets = {f"number {number}": f"bits % {number} == 0" for number in range(2, 30)}
    bits = np.random.default_rng(1).integers(0, 10**6, INSTANCES)
    recorder = evaluated.recorder(tmp_path, SingleProcess(), subsets=subsets)
    with recorder.snapshot(1) as snapshot:
        for rows in evaluated.batches(13):
            record = evaluated.record(rows)
            snapshot.add(BatchRecord(record.activations, record.ids, columns={"bits": bits[rows].tolist()}))
    recorder.close()
    masks = [np.ones(INSTANCES, bool), *(bits % number == 0 for number in range(2, 30))]
    with patch.object(Evaluated, "masks", masks):
        evaluated.compare(open_run(tmp_path).latest)


def test_memory_is_bounded(evaluated: Evaluated, tmp_path: Path) -> None:
    """Whatever its number of instances, a pass keeps no more of their activations than a bound and one batch."""
    recorder = evaluated.recorder(tmp_path, SingleProcess(), sample=1)
    most, kept = 300_000, []
    with (
        patch("tensorboard_activis.capture.gathering.MOST_BYTES", most),
        recorder.snapshot(1) as snapshot,
    ):
        for rows in evaluated.batches(8):
            snapshot.add(evaluated.record(rows))
            kept.append(_gathered_bytes(snapshot))
    recorder.close()
    assert 0 < max(kept) <= most
    evaluated.compare(open_run(tmp_path).latest)


def _gathered_bytes(collector: SnapshotCollector) -> int:
    return sum(rows.nbytes for batch in collector._gathering._batches for rows in batch.activations)


def test_nothing_of_a_pass_that_failed_is_in_the_next_snapshot(evaluated: Evaluated, tmp_path: Path) -> None:
    recorder = evaluated.recorder(tmp_path, SingleProcess())
    first, *others = evaluated.batches(13)
    whole = evaluated.record(others[0])
    part = BatchRecord({**whole.activations, "one": np.zeros((12, 1), np.float32)}, whole.ids, whole.labels)

    def fail() -> None:
        with recorder.snapshot(1) as snapshot:
            snapshot.add(evaluated.record(first))
            snapshot.add(part)

    with pytest.raises(ActiVisError, match="rows for a batch of"):
        fail()
    with recorder.snapshot(2) as snapshot:
        for rows in (first, *others):
            snapshot.add(evaluated.record(rows))
    recorder.close()
    run = open_run(tmp_path)
    assert run.steps == [2]
    evaluated.compare(run.latest)
