"""Several processes log the same snapshot as one process, however the data are distributed over them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.depth import DepthRecord
from tensorboard_activis.capture.distributed.processes import (
    OtherProcessError,
    Processes,
    SingleProcess,
    broadcast,
    rounds,
)
from tensorboard_activis.capture.distributed.serialization import deserialize, serialize
from tensorboard_activis.capture.instances.contents import Contents
from tensorboard_activis.capture.instances.doubts import Doubts
from tensorboard_activis.capture.instances.padding_runs import PaddingRuns
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.capture.tasks.evaluator import TaskEvaluator
from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.read.arrays import read_array
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.write.events import EventWriter
from tests.processes import run_threads
from tests.records import CLASSES, Data, depth_of, small_data, small_graph, small_layers

USER = {"odd": "number > 0 and id != 3"}


def doubts_of(rows: np.ndarray) -> Doubts:
    """Of texts of one to six tokens, filled up with zeros."""
    places = np.arange(6)
    tokens = np.where(places < 1 + rows[:, None] % 6, 10 + 7 * rows[:, None] + places, 0)
    return Doubts(PaddingRuns.of(tokens, tokens > 0))


def write(log_dir: Path, data: Data, dealt: list[list[np.ndarray]], pinned: int = 0, **options: Any) -> None:
    """One snapshot; `dealt` is per process the batches, each the positions of its instances."""

    def work(processes: Processes) -> None:
        recorder = Recorder(
            log_dir,
            small_graph(),
            small_layers(),
            class_names=CLASSES,
            subsets=USER,
            strict=True,
            processes=processes,
            **options,
        )
        with recorder.guard(1), recorder.snapshot(1) as evaluation:

            def add(rows: np.ndarray, pinned: bool = False) -> None:
                texts = [f"number {row}" for row in rows]
                columns = {"number": [None if row % 3 else row + 0.5 for row in rows], "name": [None] * len(rows)}
                evaluation.add(
                    BatchRecord(
                        {name: values[rows] for name, values in data.activations.items()},
                        labels=data.labels[rows],
                        outputs=data.logits[rows],
                        ids=None if pinned else rows.tolist(),
                        texts=texts,
                        columns=columns,
                        depth=depth_of(data, rows) if rows.size else None,
                        pinned=pinned,
                        doubts=doubts_of(rows),
                    )
                )

            for batch in rounds(processes, dealt[processes.rank]):
                add(np.zeros(0, int) if batch is None else batch)
            if pinned:
                add(np.arange(pinned), pinned=True)
        recorder.close()

    (log_dir / "activis").mkdir(parents=True, exist_ok=True)
    if len(dealt) == 1:
        work(SingleProcess())
    else:
        run_threads(len(dealt), work)


def same(a: SnapshotReader, b: SnapshotReader) -> None:
    assert str(a.instances.to_pylist()) == str(b.instances.to_pylist())  # NaN is not NaN
    assert a.record.subsets == b.record.subsets
    assert (a.record.seen, a.record.sample_size, a.record.pinned) == (
        b.record.seen,
        b.record.sample_size,
        b.record.pinned,
    )
    assert a.record.metrics == pytest.approx(b.record.metrics, rel=1e-12)
    for name in a.record.columns:
        np.testing.assert_array_equal(a.column(name), b.column(name))
    own, its = a.record.depth, b.record.depth
    assert own is not None
    assert its is not None
    assert (own.layers, own.counted, own.token) == (its.layers, its.counted, its.token)
    for left, right in zip(own.arrays, its.arrays, strict=True):
        np.testing.assert_array_equal(read_array(a._directory, left), read_array(b._directory, right))
    for name, layer in a.layers.items():
        np.testing.assert_array_equal(a.activations(name), b.activations(name))
        assert (layer.nan, layer.inf) == (b.layers[name].nan, b.layers[name].inf)
        mine, other = a.summary(name), b.summary(name)
        for field in ("count", "mean", "std", "min", "max"):
            np.testing.assert_allclose(getattr(mine, field), getattr(other, field), rtol=1e-6, atol=1e-6, err_msg=field)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_deal_gives_what_one_process_gives(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    count, size = data.draw(st.integers(1, 40)), data.draw(st.integers(2, 4))
    source = small_data(count)
    if data.draw(st.booleans()):
        source.activations["head"][0, 1] = np.nan
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    # Every instance at one or two processes; some processes may have none, and no two have equally many batches.
    owner = random.integers(0, data.draw(st.integers(1, size)), count)
    twice = random.random(count) < 0.3
    dealt = []
    for rank in range(size):
        mine = random.permutation(np.flatnonzero((owner == rank) | (twice & (rank == 0))))
        dealt.append([mine[start : start + 3 + rank] for start in range(0, mine.size, 3 + rank)])
    sample, pinned = data.draw(st.sampled_from([None, 1, 7, 1000])), data.draw(st.sampled_from([0, 3]))
    pinned = min(pinned, count)
    where = tmp_path_factory.mktemp("runs")
    write(where / "one", source, [[np.arange(count)]], pinned, sample=sample)
    write(where / "many", source, dealt, pinned, sample=sample)
    one, many = open_run(where / "one").latest, open_run(where / "many").latest
    same(one, many)
    if not (twice & (owner > 0)).any():  # else notes also speak of what came twice
        assert one.notes == many.notes


def test_depth_is_left_out_where_one_process_could_not_read_it(tmp_path: Path) -> None:
    data = small_data(12)
    (tmp_path / "activis").mkdir()

    def work(processes: Processes) -> None:
        recorder = Recorder(tmp_path, small_graph(), small_layers(), strict=True, processes=processes)
        with recorder.guard(1), recorder.snapshot(1) as evaluation:
            rows = np.arange(processes.rank, 12, 2)
            read = depth_of(data, rows) if processes.rank else DepthRecord.unknown(("a", "b"), len(rows), failed=True)
            activations = {name: values[rows] for name, values in data.activations.items()}
            evaluation.add(
                BatchRecord(
                    activations, labels=data.labels[rows], outputs=data.logits[rows], ids=rows.tolist(), depth=read
                )
            )
        recorder.close()

    run_threads(2, work)
    assert open_run(tmp_path).latest.record.depth is None


def test_several_processes_log_a_step_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each writes a file of its own each time, and the newest counts, though they went back meanwhile."""
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    sources = [small_data(seed=seed) for seed in range(4)]
    (tmp_path / "activis").mkdir()

    def work(processes: Processes) -> None:
        recorder = Recorder(
            tmp_path, small_graph(), small_layers(), class_names=CLASSES, strict=True, processes=processes
        )
        for step, data in zip((3, 3, 5, 3), sources, strict=True):
            with recorder.snapshot(step) as evaluation:
                rows = slice(processes.rank, None, 2)
                evaluation.add(
                    BatchRecord(
                        {name: values[rows] for name, values in data.activations.items()},
                        labels=data.labels[rows],
                        outputs=data.logits[rows],
                        ids=data.ids[rows].tolist(),
                    )
                )
        recorder.close()

    with pytest.warns(UserWarning, match="step 3 was logged after step 5"):
        run_threads(2, work)
    run = open_run(tmp_path)
    assert run.steps == [3]
    data, snapshot = sources[-1], run.latest
    np.testing.assert_allclose(snapshot.summary("head").mean[0], data.activations["head"].mean(axis=0), atol=1e-6)
    rows = np.array(snapshot.instances["id"].to_pylist()) - 100
    np.testing.assert_array_equal(snapshot.activations("head"), data.activations["head"][rows].astype(np.float16))
    report = check_directory(tmp_path / "activis")
    assert (report.problems, report.snapshots, report.superseded) == ([], 4, 3)
    assert len(list((tmp_path / "activis").glob("step-*.safetensors"))) == 8


def test_each_process_writes_its_part_in_hash_order(tmp_path: Path) -> None:
    data = small_data(6_000)
    dealt = [[np.arange(rank, 6_000, 3)] for rank in range(3)]
    write(tmp_path / "many", data, dealt, sample=None)
    write(tmp_path / "one", data, [[np.arange(6_000)]], sample=None)
    assert len(list((tmp_path / "many/activis").glob("*.safetensors"))) == 3
    assert len(list((tmp_path / "many/activis").glob("*.parquet"))) == 3
    many = open_run(tmp_path / "many").latest
    files = many.layers["head"].activations.files
    assert len(files) == 3
    assert len(set(files)) == 3
    assert many.instances["id"].to_pylist() != sorted(many.instances["id"].to_pylist())
    same(open_run(tmp_path / "one").latest, many)


def test_nothing_anywhere_is_a_fault_everywhere(tmp_path: Path) -> None:
    with pytest.raises(ActiVisError, match="gave no instances"):
        write(tmp_path, small_data(), [[], []])
    assert not list((tmp_path / "activis").glob("*events*"))


def test_a_fault_in_one_process_loses_the_snapshot_in_all(tmp_path: Path) -> None:
    data = small_data()
    (tmp_path / "activis").mkdir()

    def work(processes: Processes) -> Exception | None:
        recorder = Recorder(tmp_path, small_graph(), small_layers(), strict=True, processes=processes)
        try:
            with recorder.guard(1), recorder.snapshot(1) as evaluation:
                for batch in rounds(processes, range(3)):
                    if processes.rank == 1 and batch == 1:
                        raise ValueError("boom")
                    ids = [processes.rank * 100 + (batch or 0)]
                    evaluation.add(
                        BatchRecord({name: values[:1] for name, values in data.activations.items()}, ids=ids)
                    )
        except Exception as error:
            return error
        finally:
            recorder.close()
        return None

    first, second = run_threads(2, work)
    assert isinstance(first, OtherProcessError)
    assert "boom" in str(first)
    assert isinstance(second, ValueError)
    assert not list((tmp_path / "activis").glob("*events*"))
    assert not list((tmp_path / "activis").glob("*.safetensors"))


def logged(processes: Processes, log_dir: Path) -> Exception | None:
    """What a snapshot of one instance for each process raises."""
    recorder = Recorder(log_dir, small_graph(), small_layers(), strict=True, processes=processes)
    try:
        with recorder.guard(1), recorder.snapshot(1) as evaluation:
            rows = slice(processes.rank, processes.rank + 1)
            evaluation.add(
                BatchRecord(
                    {name: values[rows] for name, values in small_data().activations.items()}, ids=[processes.rank]
                )
            )
    except Exception as error:
        return error
    finally:
        recorder.close()
    return None


def test_where_the_event_cannot_be_written_the_files_of_all_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    found: list[str] = []

    def refused(writer: EventWriter, *_given: object) -> None:
        found.extend(path.name for path in (tmp_path / "activis").glob("step-*"))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(EventWriter, "write_blobs", refused)
    (tmp_path / "activis").mkdir()
    first, second = run_threads(2, lambda processes: logged(processes, tmp_path))
    assert isinstance(first, OSError)
    assert isinstance(second, OtherProcessError)
    assert len(found) == 2
    assert not list((tmp_path / "activis").glob("step-*"))


def test_what_another_process_meets_after_the_event_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ctrl-C, which all of them get: the files that the event names stay."""
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)

    def work(processes: Processes) -> Exception | None:
        collective, calls = processes.collective, iter(range(9))

        @contextmanager
        def interrupted() -> Iterator[None]:
            with collective():
                yield
                if next(calls) and processes.rank == 1:
                    raise ValueError("interrupted")

        monkeypatch.setattr(processes, "collective", interrupted)
        return logged(processes, tmp_path)

    (tmp_path / "activis").mkdir()
    first, second, third = run_threads(3, work)
    assert first is None
    assert str(second) == "interrupted"
    assert isinstance(third, OtherProcessError)
    latest = open_run(tmp_path).latest
    assert sorted(latest.instances["id"].to_pylist()) == [0, 1, 2]
    assert latest.activations("head").shape == (3, 3)
    assert check_directory(tmp_path / "activis").problems == []


def test_what_the_first_batch_decides_holds_for_the_others() -> None:
    """Whose own first batch would decide otherwise: dim pictures would be made bright, the rate of sounds another."""
    first, other = Contents(), Contents()
    bright, dim = (np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1) * factor for factor in (4, 0.01))
    sound = np.sin(np.arange(4_000) / 9)[None]
    for contents, images, rate in ((first, bright, 8_000), (other, dim, 44_100)):
        contents.columns_of_batch(1, texts=None, columns={"n": [1]})
        contents.content_of(np.array([0]), inputs=images)
        contents.content_of(np.array([0]), audio=(sound, rate))
    other.decide_as(deserialize(b"".join(serialize(first.decided))))
    for look in ({"inputs": dim}, {"audio": (sound, 8_000)}):
        expected, found = (contents.content_of(np.array([0]), **look) for contents in (first, other))
        assert {name: values.tolist() for name, values in found.items()} == {
            name: values.tolist() for name, values in expected.items()
        }
        assert expected
    with pytest.raises(ActiVisError, match="held numbers at first"):
        other.columns_of_batch(1, columns={"n": ["text"]})

    evaluator, same = TaskEvaluator(None), TaskEvaluator(None)
    evaluator.evaluate(np.array([[0.25, 0.75]]), np.array([1]))
    same.decide_as(deserialize(b"".join(serialize(evaluator.decided))))
    assert (same.task, same.classes, same.labelled) == ("classification", 2, True)
    assert same.evaluate(np.array([[0.9, 0.1]]), np.array([0])).columns["score"] == pytest.approx(
        [0.9]
    )  # not softmaxed


def test_a_value_is_that_of_the_first_process_that_has_one() -> None:
    def work(processes: Processes) -> object:
        return broadcast(processes, {"of": processes.rank} if processes.rank else None)

    assert run_threads(3, work) == [{"of": 1}] * 3
    assert run_threads(2, lambda processes: broadcast(processes, None)) == [None, None]
