"""Snapshots are written completely or not at all; errors become warnings; one logger locks a directory."""

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.blobs import read_blobs
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.errors import ActiVisError, ActiVisWarning, ConfigurationError
from tensorboard_activis.leftovers import leftovers
from tensorboard_activis.metadata import SNAPSHOT_TAG
from tensorboard_activis.query.instances.content import content, describe_content
from tensorboard_activis.read.run import open_run
from tensorboard_activis.write.arrays import INLINE_BYTES
from tests.records import CLASSES, small_data, small_graph, small_layers, write_run


def recorder(log_dir: Path, **options: object) -> Recorder:
    arguments: dict = {"class_names": CLASSES} | options
    return Recorder(log_dir, small_graph(), small_layers(), **arguments)


def test_the_same_instances_are_kept_whatever_the_batches(tmp_path: Path) -> None:
    data = small_data(40)
    write_run(tmp_path / "a", data, sample=9, batch=3)
    write_run(tmp_path / "b", data, sample=9, batch=40)
    a, b = (open_run(tmp_path / name).latest for name in "ab")
    assert a.instances.equals(b.instances)
    np.testing.assert_array_equal(a.activations("head"), b.activations("head"))
    assert a.record.instances == b.record.instances


def test_the_table_of_instances_is_shared_by_all_steps(tmp_path: Path) -> None:
    write_run(tmp_path, small_data(), (1, 2, 3))
    assert len(list((tmp_path / "activis").glob("*.parquet"))) == 1


def test_the_graph_is_written_again_only_when_it_changes(tmp_path: Path) -> None:
    write_run(tmp_path, small_data(), (1, 2, 3))
    assert next((tmp_path / "activis").glob("*tfevents*")).read_bytes().count(b"activis/graph") == 1


def test_metrics_are_over_all_instances(tmp_path: Path) -> None:
    data = small_data()
    write_run(tmp_path, data, sample=2)
    metrics = open_run(tmp_path).latest.record.metrics
    logits = data.logits.astype(np.float64)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(17), data.labels]
    assert metrics["accuracy"] == pytest.approx((logits.argmax(axis=1) == data.labels).mean())
    assert metrics["loss"] == pytest.approx(losses.mean())


def test_a_pass_that_fails_publishes_nothing_warns_once_and_later_ones_work(tmp_path: Path) -> None:
    data = small_data()
    log = recorder(tmp_path)
    with pytest.warns(
        ActiVisWarning, match="lost the snapshot of step 1; training goes on. RuntimeError: boom"
    ) as caught:
        for step in (1, 2):
            with log.guard(step), log.snapshot(step) as evaluation:
                evaluation.add(BatchRecord(data.activations, labels=data.labels, outputs=data.logits))
                raise RuntimeError("boom")
    assert len(caught) == 1
    with log.guard(3), log.snapshot(3) as evaluation:
        evaluation.add(BatchRecord(data.activations, labels=data.labels, outputs=data.logits))
    log.close()
    assert open_run(tmp_path).steps == [3]


def test_strict_raises(tmp_path: Path) -> None:
    log = recorder(tmp_path, strict=True)
    with pytest.raises(ActiVisError, match="gave no instances"), log.guard(1), log.snapshot(1):
        pass
    log.close()


def test_ctrl_c_is_not_swallowed(tmp_path: Path) -> None:
    log = recorder(tmp_path)
    with pytest.raises(KeyboardInterrupt), log.guard(1), log.snapshot(1):
        raise KeyboardInterrupt
    log.close()
    assert not list((tmp_path / "activis").glob("*tfevents*"))


def test_a_directory_deleted_under_the_logger_comes_back(tmp_path: Path) -> None:
    data = small_data()
    log = recorder(tmp_path)

    def write(step: int) -> None:
        with log.guard(step), log.snapshot(step) as evaluation:
            evaluation.add(BatchRecord(data.activations, labels=data.labels, outputs=data.logits))

    write(1)
    shutil.rmtree(tmp_path / "activis")
    with pytest.warns(ActiVisWarning, match="activis was deleted or moved while it was logged to"):
        write(2)
    write(3)
    log.close()
    run = open_run(tmp_path)
    assert run.steps == [2, 3]
    assert run.graph == small_graph()


def log_step(log: Recorder, step: int, seed: int) -> np.ndarray:
    """Logs other data each time; returns what a layer's mean over all instances must be."""
    data = small_data(seed=seed)
    with log.snapshot(step) as evaluation:
        evaluation.add(BatchRecord(data.activations, labels=data.labels, outputs=data.logits, ids=data.ids.tolist()))
    mean: np.ndarray = data.activations["head"].mean(axis=0)
    return mean


def test_a_step_logged_again_has_files_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is announced keeps its arrays until what takes its place is announced; after a fault it goes on counting."""
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    log = recorder(tmp_path, strict=True)
    first = log_step(log, 3, seed=1)

    def shown() -> np.ndarray:
        mean: np.ndarray = open_run(tmp_path).snapshot(3).summary("head").mean[0]
        return mean

    with monkeypatch.context() as patch:
        patch.setattr(log._events, "write_blobs", lambda *_: np.testing.assert_allclose(shown(), first, atol=1e-6))
        log_step(log, 3, seed=2)
    np.testing.assert_allclose(shown(), first, atol=1e-6)

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("tensorboard_activis.write.events._write", full)
        with pytest.raises(OSError, match="full"):
            log_step(log, 3, seed=3)
    np.testing.assert_allclose(shown(), first, atol=1e-6)
    last = log_step(log, 3, seed=4)
    np.testing.assert_allclose(shown(), last, atol=1e-6)
    log.close()
    names = {path.name.split("-")[-1] for path in (tmp_path / "activis").glob("*.safetensors")}
    assert len(names) == 3, "the one that met a full disk is removed"


def test_going_back_is_said_and_the_same_step_is_not(tmp_path: Path) -> None:
    log = recorder(tmp_path, strict=True)
    for step in (10, 20, 20, 30):
        log_step(log, step, seed=step)
    with pytest.warns(ActiVisWarning, match=r"step 15 was logged after step 30\..*no longer counts: 20, 30\."):
        log_step(log, 15, seed=15)
    log_step(log, 20, seed=21)
    log.close()
    run = open_run(tmp_path)
    assert run.steps == [10, 15, 20]
    assert run.graph == small_graph()


def test_events_are_in_the_order_of_their_times_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = recorder(tmp_path, strict=True)
    log_step(log, 1, seed=1)
    monkeypatch.setattr("time.time", lambda: 1_000.0)
    for step in (2, 3):
        log_step(log, step, seed=step)
    log.close()
    times = [blob.wall_time for blob in read_blobs(tmp_path / "activis").blobs if blob.tag == SNAPSHOT_TAG]
    assert times == sorted(set(times))
    assert len(times) == 3


@pytest.mark.parametrize("step", [-1, 2**63, 1.5, "3", None])
def test_steps_that_no_event_can_hold(tmp_path: Path, step: Any) -> None:
    log = recorder(tmp_path)
    with (
        pytest.warns(ActiVisWarning, match="step must be a whole number, 0 or more; got"),
        log.guard(step),
        log.snapshot(step),
    ):
        pass
    log.close()
    assert not list((tmp_path / "activis").glob("*tfevents*"))


@pytest.mark.parametrize("step", [0, np.int64(7), 2**63 - 1])
def test_steps_that_an_event_can_hold(tmp_path: Path, step: Any) -> None:
    write_run(tmp_path, small_data(4_000), (step,), batch=500, sample=None)
    run = open_run(tmp_path)
    assert run.steps == [int(step)]
    assert run.latest.activations("head").shape == (4_000, 3)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupt_at_the_last_moment_leaves_all_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Ctrl-C when the event is on disk: its files stay. Just before: they go."""
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    data = small_data()
    log = recorder(tmp_path)
    write_blobs = log._events.write_blobs

    def interrupted(*given: Any) -> None:
        if when == "after":
            write_blobs(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(log._events, "write_blobs", interrupted)
    with pytest.raises(KeyboardInterrupt), log.guard(1), log.snapshot(1) as evaluation:
        evaluation.add(BatchRecord(data.activations, labels=data.labels, outputs=data.logits))
    log.close()
    assert len(list((tmp_path / "activis").glob("step-*"))) == (when == "after")
    if when == "after":
        assert open_run(tmp_path).latest.activations("head").shape == (17, 3)
        assert leftovers(tmp_path / "activis") == []


@pytest.mark.parametrize(
    ("activations", "message"),
    [
        ({"head": np.zeros((4, 3))}, "'stem/relu' did not run"),
        ({"stem/relu": np.zeros((4, 6)), "head": np.zeros((4, 3))}, r"shape \(4, 6\); \[instances, 5\] was expected"),
        ({"stem/relu": np.zeros((4, 5)), "head": np.zeros((2, 3))}, "2 rows for a batch of 4"),
    ],
)
def test_layers_that_are_not_what_they_were_are_named(tmp_path: Path, activations: dict, message: str) -> None:
    log = recorder(tmp_path, strict=True)
    with pytest.raises(ActiVisError, match=message), log.guard(1), log.snapshot(1) as evaluation:
        evaluation.add(BatchRecord(activations))
    log.close()


def test_not_finite_and_clipped_values_are_counted(tmp_path: Path) -> None:
    log = recorder(tmp_path, strict=True, class_names=None)
    stem = np.full((4, 5), 2, np.float32)
    stem[0, 0], stem[1, 0], stem[2, 1] = np.nan, np.inf, 1e5
    with log.guard(1), log.snapshot(1) as evaluation:
        evaluation.add(BatchRecord({"stem/relu": stem, "head": np.zeros((4, 3), np.float32)}))
    log.close()
    snapshot = open_run(tmp_path).latest
    layer = snapshot.layer("stem/relu")
    assert (layer.nan, layer.inf, layer.clipped) == (1, 1, 1)
    summary = snapshot.summary("stem/relu")
    np.testing.assert_array_equal(summary.count, [[2, 4, 4, 4, 4]])
    np.testing.assert_array_equal(summary.mean[0, [0, 2]], [2, 2])


def test_texts_are_content_and_a_column_of_expressions(tmp_path: Path) -> None:
    data = small_data(40)
    texts = [f"who is number {index}?" if index % 3 else f"né \ud800 {index}" for index in range(40)]
    log = recorder(tmp_path, strict=True, sample=9, subsets={"who": '"who" in text', "short": "len(text) < 13"})
    with log.guard(1), log.snapshot(1) as evaluation:
        for rows in (slice(0, 17), slice(17, 40)):
            evaluation.add(
                BatchRecord(
                    {name: values[rows] for name, values in data.activations.items()},
                    inputs=np.zeros((len(texts[rows]), 4), np.float32),
                    labels=data.labels[rows],
                    outputs=data.logits[rows],
                    texts=texts[rows],
                )
            )
    log.close()
    snapshot = open_run(tmp_path).latest
    counts = {subset.name: subset.count for subset in snapshot.record.subsets}
    assert (counts["who"], counts["short"]) == (26, 14)
    who = [index for index in range(40) if index % 3]
    members = [subset.name for subset in snapshot.record.subsets].index("who")
    np.testing.assert_allclose(snapshot.summary("head").mean[members], data.logits[who].mean(0), rtol=1e-5, atol=1e-6)
    columns = snapshot.instances.select(["id", "text"]).to_pydict()
    assert columns["text"] == [texts[index].replace("\ud800", "\\ud800") for index in columns["id"]]
    assert describe_content(snapshot) == ("text", False)
    assert content(snapshot, 0) == ("text", columns["text"][0])


def test_texts_that_are_too_few_or_not_for_every_batch(tmp_path: Path) -> None:
    data = small_data(4)
    log = recorder(tmp_path, strict=True)
    with pytest.raises(ActiVisError, match="3 texts for a batch of 4"), log.snapshot(1) as evaluation:
        evaluation.add(BatchRecord(data.activations, texts=["a", "b", "c"]))
    with log.snapshot(1) as evaluation:
        evaluation.add(BatchRecord(data.activations, texts=["a", "b", "c", "d"]))
        with pytest.raises(ActiVisError, match="Some batches have texts and others have none"):
            evaluation.add(BatchRecord(data.activations))
    log.close()


def test_labels_that_are_no_class_are_counted_and_said(tmp_path: Path) -> None:
    data = small_data()
    log = recorder(tmp_path, strict=True)
    labels = data.labels.copy()
    labels[:2] = -1, 99
    with log.guard(1), log.snapshot(1) as evaluation:
        evaluation.add(BatchRecord(data.activations, labels=labels, outputs=data.logits))
    log.close()
    snapshot = open_run(tmp_path).latest
    assert snapshot.record.notes == (
        "Labels that are missing or none of the 3 classes: 2. Their instances count in no class.",
    )
    assert snapshot.instances["label"].null_count == 2
    assert snapshot.instances["correct"].null_count == 2
    counts = {subset.name: subset.count for subset in snapshot.record.subsets}
    assert counts["correct"] + counts["wrong"] == sum(counts[name] for name in CLASSES) == 15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": 0}, "positive number of instances, or None to keep all; got 0"),
        ({"sample": 2.5}, "got 2.5"),
        ({"class_names": "abc"}, "must be a list of texts"),
        ({"class_names": [1, 2, 3]}, "must be a list of texts"),
        ({"class_names": ["a", "b", "a"]}, "'a' is there more than once"),
        ({"subsets": {"x": "label =="}}, "subset 'x' has a wrong expression"),
        ({"subsets": {"x": "__import__('os')"}}, "subset 'x' has a wrong expression"),
        ({"subsets": ["label == 1"]}, "must map names to expressions"),
    ],
)
def test_wrong_options_are_said_before_training(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        recorder(tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_log_dir_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="log_dir must be a directory, and .*file is a file or lies in one"):
        recorder(tmp_path / "file")


@pytest.mark.skipif(os.name == "nt", reason="directories have no write permission there")
def test_a_log_dir_that_is_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:  # root may write anywhere, so the operating system's answer is played
        monkeypatch.setattr(Path, "mkdir", _refuse)
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(ConfigurationError, match="cannot be written to: Permission denied"):
            recorder(tmp_path / "run")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def _refuse(path: Path, *_args: object, **_options: object) -> None:
    raise PermissionError(13, "Permission denied", str(path))


def test_a_second_logger_on_the_same_directory_is_refused_until_the_first_closes(tmp_path: Path) -> None:
    first = recorder(tmp_path)
    with pytest.raises(ConfigurationError, match="Another logger is writing to .*Close it first"):
        recorder(tmp_path)
    first.close()
    first.close()
    recorder(tmp_path).close()


def test_an_event_is_small(tmp_path: Path) -> None:
    write_run(tmp_path, small_data(4_000), tuple(range(1, 11)), batch=500, sample=None)
    events = next((tmp_path / "activis").glob("*tfevents*"))
    assert events.stat().st_size < 10 * 2 * INLINE_BYTES
