"""What was logged is read back; what is damaged is named, and the rest works."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import tensorboard_activis
from tensorboard_activis.errors import ActiVisWarning, ExpressionError, NotFoundError, UnreadableError
from tensorboard_activis.read.run import Run, current, open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import CLASSES, small_data, small_graph, write_run


def test_everything_comes_back(tmp_path: Path) -> None:
    data = small_data()
    write_run(tmp_path / "run", data, (3, 9), sample=None)

    run = tensorboard_activis.open_run(tmp_path / "run")

    assert run.steps == [3, 9]
    assert run.problems == ()
    assert run.graph == small_graph()
    snapshot = run.snapshot(9)
    assert (snapshot.step, snapshot.record.seen, snapshot.record.sample_size) == (9, 17, 17)
    assert {name: layer.info.neurons for name, layer in snapshot.layers.items()} == {"stem/relu": 5, "head": 3}
    rows = np.array(snapshot.instances["id"].to_pylist()) - 100
    assert sorted(rows) == list(range(17))
    for name, values in data.activations.items():
        np.testing.assert_array_equal(snapshot.activations(name), values[rows].astype(np.float16))
    assert snapshot.instances["label"].to_pylist() == [CLASSES[label] for label in data.labels[rows]]


def test_summaries_are_numpys(tmp_path: Path) -> None:
    data = small_data()
    write_run(tmp_path / "run", data, sample=4, subsets={"sure": "score > 0.5 and label in ['ant', 'bee']"})
    summary = open_run(tmp_path / "run").latest.summary("stem/relu")

    probability = np.exp(data.logits.astype(np.float64))
    probability /= probability.sum(axis=1, keepdims=True)
    prediction = probability.argmax(axis=1)
    masks = {"all": np.ones(17, bool)} | {name: data.labels == i for i, name in enumerate(CLASSES)}
    masks |= {"correct": prediction == data.labels, "wrong": prediction != data.labels}
    masks |= {"sure": (probability.max(axis=1) > 0.5) & (data.labels < 2)}
    assert summary.subsets == tuple(masks)
    values = data.activations["stem/relu"].astype(np.float64)
    for row, mask in enumerate(masks.values()):
        assert summary.count[row, 0] == mask.sum() > 0
        np.testing.assert_allclose(summary.mean[row], values[mask].mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(summary.std[row], values[mask].std(axis=0), rtol=1e-5)
        np.testing.assert_allclose(summary.min[row], values[mask].min(axis=0), rtol=1e-6)
        np.testing.assert_allclose(summary.max[row], values[mask].max(axis=0), rtol=1e-6)


def test_where_is_over_the_sample_in_its_order(tmp_path: Path) -> None:
    data = small_data()
    write_run(tmp_path / "run", data, sample=6)
    snapshot = open_run(tmp_path / "run").latest
    rows = np.array(snapshot.instances["id"].to_pylist()) - 100
    np.testing.assert_array_equal(snapshot.where("label == 'cat'"), data.labels[rows] == 2)


def test_large_arrays_are_mapped_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    write_run(tmp_path / "run", small_data(), sample=None)
    read = open_run(tmp_path / "run").latest.activations("head")
    assert not isinstance(read, np.memmap)
    monkeypatch.setattr("tensorboard_activis.read.array_file.MAPPED", 50)
    activations = open_run(tmp_path / "run").latest.activations("head")
    assert isinstance(activations, np.memmap)
    np.testing.assert_array_equal(activations, read)
    with pytest.raises(ValueError, match="read-only"):
        activations[0, 0] = 1


def test_a_growing_run(tmp_path: Path) -> None:
    write_run(tmp_path / "run", small_data(), (1,))
    run = open_run(tmp_path / "run")
    write_run(tmp_path / "run", small_data(), (2,))
    run.reload()
    assert run.steps == [1, 2]


def test_a_newer_session_supersedes_from_its_first_step_on(tmp_path: Path) -> None:
    write_run(tmp_path / "run", small_data(), (10, 20, 30))
    before = open_run(tmp_path / "run").snapshot(20).record
    write_run(tmp_path / "run", small_data(), (20, 25))
    run = open_run(tmp_path / "run")
    assert run.steps == [10, 20, 25]
    assert run.snapshot(20).record.session > before.session


def test_sessions_count_by_their_start_not_by_the_order_of_files(tmp_path: Path) -> None:
    write_run(tmp_path / "run", small_data(), (1,))
    record = open_run(tmp_path / "run").latest.record
    snapshots = [
        dataclasses.replace(record, session=session, step=step)
        for session, step in [("b", 5), ("a", 5), ("a", 6), ("a", 4)]
    ]
    assert {step: snapshot.session for step, snapshot in current(snapshots).items()} == {4: "a", 5: "b"}


@pytest.mark.parametrize(
    ("logged", "counting"),
    [
        ([], {}),
        ([("a", 3), ("a", 3)], {3: 1}),
        ([("a", 10), ("a", 20), ("a", 30), ("a", 15)], {10: 0, 15: 3}),
        ([("a", 0), ("a", 1), ("a", 2), ("a", 0), ("a", 1)], {0: 3, 1: 4}),
        ([("a", 10), ("a", 20), ("b", 25), ("b", 5)], {5: 3}),
        ([("b", 2), ("a", 1), ("a", 2), ("a", 3)], {1: 1, 2: 0}),
        ([("a", 1), ("a", 2), ("a", 3), ("a", 1), ("a", 2)], {1: 3, 2: 4}),  # an older copy of the event file beside it
    ],
)
def test_the_newest_counts(logged: list[tuple[str, int]], counting: dict[int, int]) -> None:
    """By step, the number of the snapshot that counts; each stands for what was logged before it at its step or above."""

    @dataclasses.dataclass
    class Logged:
        session: str
        step: int
        number: int

    found = current(Logged(session, step, number) for number, (session, step) in enumerate(logged))
    assert {step: one.number for step, one in found.items()} == counting
    assert list(found) == sorted(found)


def _event_file(run: Path) -> Path:
    return next((run / "activis").glob("*tfevents*"))


def test_a_truncated_event_file_gives_what_is_whole(tmp_path: Path) -> None:
    write_run(tmp_path, small_data(), (1, 2))
    file = _event_file(tmp_path)
    file.write_bytes(file.read_bytes()[:-9])
    assert open_run(tmp_path).steps == [1]


def test_a_damaged_event_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, small_data(), (1, 2))
    file = _event_file(tmp_path)
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    run = open_run(tmp_path)
    assert run.steps == [1]
    assert "damaged at byte" in run.problems[0]


def test_a_newer_format_is_said_and_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path, small_data(), (1,))
    with monkeypatch.context() as patch:
        patch.setattr("tensorboard_activis.metadata.FORMAT_VERSION", 2)
        write_run(tmp_path, small_data(), (2,))
    run = open_run(tmp_path)
    assert run.steps == [1]
    assert run.problems == (
        "Some of this was written in format version 2; this installation reads version 1. "
        "Upgrade with: pip install -U tensorboard-activis",
    )


@pytest.fixture
def filed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SnapshotReader, Path]:
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    write_run(tmp_path, small_data())
    snapshot = open_run(tmp_path).latest
    return snapshot, next((tmp_path / "activis").glob("*.safetensors"))


def test_a_missing_file_is_named(filed: tuple[SnapshotReader, Path]) -> None:
    snapshot, file = filed
    file.unlink()
    with pytest.raises(UnreadableError, match=rf"{file.name} is missing"):
        snapshot.activations("head")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:100], "not a complete safetensors file"),
        (lambda content: content[: content.index(b"}}") + 40], "does not fit into its"),
        (lambda content: b"\xff" * 8 + content[8:], "not a complete safetensors file"),
        (lambda content: content.replace(b'"activations/1"', b'"activations/x"'), "no tensor 'activations/1'"),
        (lambda content: content.replace(b'{"', b"{{", 1), "damaged header"),
        (lambda content: content.replace(b"[17,3]", b"[3,17]"), r"\(3, 17\); the snapshot says float16 \(17, 3\)"),
    ],
)
def test_a_damaged_file_is_named(filed: tuple[SnapshotReader, Path], damage, message: str) -> None:
    snapshot, file = filed
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UnreadableError, match=message):
        snapshot.activations("head")


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"PAR1 no")])
def test_a_damaged_table_of_instances_is_named(tmp_path: Path, damage) -> None:
    write_run(tmp_path, small_data())
    file = next((tmp_path / "activis").glob("*.parquet"))
    damage(file)
    snapshot = open_run(tmp_path).latest
    with pytest.raises(UnreadableError, match=file.name):
        _ = snapshot.instances
    assert snapshot.summary("head").mean.shape == (6, 3)


def test_a_directory_of_runs_stands_for_the_first_one(tmp_path: Path) -> None:
    write_run(tmp_path / "logs" / "val_b", small_data(), (4,))
    assert open_run(tmp_path / "logs").steps == [4]
    write_run(tmp_path / "logs" / "val_a", small_data(), (5,))
    with pytest.warns(ActiVisWarning, match=r"several runs: val_b, val_a\. This is val_b"):
        assert open_run(tmp_path / "logs").steps == [4]
    assert open_run(tmp_path / "logs" / "val_a").steps == [5]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "logs" / "run", small_data(), (4,))
    with pytest.raises(NotFoundError, match="holds no activations"):
        open_run(tmp_path)
    run = open_run(tmp_path / "logs" / "run" / "activis")
    with pytest.raises(NotFoundError, match=r"step 5. There are: 4\."):
        run.snapshot(5)
    with pytest.raises(NotFoundError, match="'fc' was not recorded at step 4. Recorded are: stem/relu, head"):
        run.latest.activations("fc")
    with pytest.raises(NotFoundError, match="no column 'f1' at step 4. There are: prediction"):
        run.latest.column("f1")


def test_a_directory_without_snapshots(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"")
    with pytest.raises(NotFoundError, match="no snapshots"):
        _ = Run(tmp_path).latest
    with pytest.raises(UnreadableError, match="no graph"):
        _ = Run(tmp_path).graph


def test_where_knows_neurons(tmp_path: Path) -> None:
    write_run(tmp_path, small_data())
    snapshot = open_run(tmp_path).latest
    expected = snapshot.activations("head")[:, 2] > 0.5
    assert 0 < expected.sum() < 17
    np.testing.assert_array_equal(snapshot.where('neuron("head", 2) > 0.5'), expected)
    with pytest.raises(ExpressionError, match="neurons 0 to 2; got 3"):
        snapshot.where('neuron("head", 3) > 0.5')
