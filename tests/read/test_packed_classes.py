"""Snapshots of many classes, from the recorder to the answers: within the bounds of `class_statistics` of what numpy says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis import codec, open_run, schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.class_statistics import unpack
from tensorboard_activis.errors import QueryError, UnreadableError
from tensorboard_activis.query.matrix.class_means import class_statistics
from tensorboard_activis.query.matrix.drawing import MatrixQuery, answer_matrix
from tensorboard_activis.query.matrix.matrix import matrix
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.matrix.sorting import Sort
from tensorboard_activis.query.matrix.statistic import STATISTICS
from tensorboard_activis.query.neurons.subset import differences
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.read.summary_arrays import SummaryArrays
from tests.processes import run_threads

CLASSES, NEURONS, INSTANCES = 90, 37, 1_200
NAMES = [f"class {index}" for index in range(CLASSES)]
LABELS = np.random.default_rng(0).integers(0, CLASSES - 1, INSTANCES)  # the last class has no instance
RIGHT = np.random.default_rng(1).random(INSTANCES) < 0.7
SHAPE = schema.Shape((-1, NEURONS))


def activations(missing: bool = False) -> np.ndarray:
    """Float32 [instances, neurons]: normal values, values after a ReLU, and a neuron that never changes."""
    random = np.random.default_rng(2)
    values = random.normal(size=(CLASSES, NEURONS))[LABELS] + random.normal(0, 0.4, (INSTANCES, NEURONS))
    values[:, 10:20] = np.maximum(values[:, 10:20], 0)
    values[:, 20] = 1 / 3
    if missing:
        values[random.random(values.shape) < 0.01] = np.nan
    return values.astype(np.float32)


def log(log_dir: Path, values: np.ndarray, processes: Processes | None = None) -> SnapshotReader:
    graph = schema.Graph(
        "torch",
        "Net",
        (
            schema.Node("", None, "module", "Net", "Net", (SHAPE,)),
            schema.Node("fc", "", "module", "fc", "Linear", (SHAPE,)),
        ),
        (),
    )
    layer = schema.LayerInfo("fc", NEURONS, "none", 0, SHAPE)
    outputs = np.eye(CLASSES, dtype=np.float32)[np.where(RIGHT, LABELS, (LABELS + 1) % CLASSES)]
    ids = np.arange(INSTANCES)
    recorder = Recorder(
        log_dir,
        graph,
        [layer],
        class_names=NAMES,
        subsets={"early": "id < 100"},
        sample=200,
        strict=True,
        processes=processes,
    )
    rank, size = (processes.rank, processes.size) if processes else (0, 1)
    with recorder.snapshot(3) as snapshot:
        for start in range(0, INSTANCES, 100):
            rows = ids[start : start + 100][rank::size]
            snapshot.add(
                BatchRecord({"fc": values[rows]}, labels=LABELS[rows], outputs=outputs[rows], ids=rows.tolist())
            )
    recorder.close()
    return open_run(log_dir).latest


def members() -> list[np.ndarray]:
    """Of the subsets: all, the classes, correct, wrong, early."""
    of_class = [np.equal(LABELS, index) for index in range(CLASSES)]
    return [np.full(INSTANCES, True), *of_class, RIGHT, ~RIGHT, np.arange(INSTANCES) < 100]


def expected(values: np.ndarray) -> dict[str, np.ndarray]:
    """By numpy, in float64: [subsets, neurons]; NaN without a value."""
    known = np.isfinite(values)
    arrays = {name: np.full((CLASSES + 4, NEURONS), np.nan) for name in ("mean", "std", "min", "max")}
    arrays["count"] = np.zeros((CLASSES + 4, NEURONS))
    for subset, inside in enumerate(members()):
        for neuron in range(NEURONS):
            column = values[inside & known[:, neuron], neuron].astype(np.float64)
            arrays["count"][subset, neuron] = column.size
            if column.size:
                for name in ("mean", "std", "min", "max"):
                    arrays[name][subset, neuron] = getattr(column, name)()
    return arrays


def check(summary: SummaryArrays, right: dict[str, np.ndarray]) -> None:
    classes = np.arange(1, CLASSES + 1)
    others = np.setdiff1d(np.arange(CLASSES + 4), classes)
    np.testing.assert_array_equal(np.broadcast_to(summary.count, summary.mean.shape), right["count"])
    assert summary.count.dtype == np.int64
    for name in ("mean", "std", "min", "max"):
        found, values = getattr(summary, name), right[name]
        assert (found.dtype, found.shape) == (np.float32, values.shape)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
        np.testing.assert_allclose(found[others], values[others], rtol=1e-5, atol=1e-6)
        found, values = found[classes], values[classes]
        width = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
        error, low, high = np.nan_to_num(found - values), -1e-5, 1e-5
        if name == "mean":
            assert (np.abs(error) <= width / 4094 + 1e-6).all()
        elif name == "std":
            largest = np.nanmax(values, axis=0)
            assert (np.abs(error) <= np.nan_to_num(0.0069 * values) + largest / 2047 + 1e-6).all()
        else:
            low, high = (-width / 63 - 1e-6, 1e-6) if name == "min" else (-1e-6, width / 63 + 1e-6)
            assert ((low <= error) & (error <= high)).all()


@pytest.mark.parametrize("missing", [False, True], ids=["all finite", "some NaN"])
def test_classes_are_within_their_bounds_and_other_subsets_exact(tmp_path: Path, missing: bool) -> None:
    values = activations(missing)
    snapshot = log(tmp_path, values)
    record = snapshot.layer("fc").summary
    assert record.classes is not None
    assert record.classes.shape == (CLASSES, NEURONS)
    assert record.mean.shape == (4, NEURONS)
    right = expected(values)
    whole = snapshot.summary("fc")
    assert whole.subsets == ("all", *NAMES, "correct", "wrong", "early")
    check(whole, right)
    first = snapshot.summary("fc", 1)
    np.testing.assert_array_equal(first.mean, whole.mean[:1])
    some = snapshot.summary_of("fc", [CLASSES + 2, 7, 0, 3])
    assert some.subsets == ("wrong", NAMES[6], "all", NAMES[2])
    for name in ("count", "mean", "std", "min", "max"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[[CLASSES + 2, 7, 0, 3]])
    assert check_directory(tmp_path / "activis").problems == []


def test_rows_say_whether_they_are_rounded_and_by_how_much(tmp_path: Path) -> None:
    values = activations()
    snapshot = log(tmp_path, values)
    rows = [Row(subset=NAMES[4]), Row(subset="all"), Row(subset="wrong"), Row(expression="id < 100"), Row(instance=0)]
    answer = matrix(snapshot, "fc", rows)
    assert [row.packed for row in answer.rows] == [True, False, False, False, False]
    # The words give the bounds that `check` holds above, and what is not of the summaries has none.
    said = {name: entry.info.rounding for name, entry in STATISTICS.items()}
    assert said["mean"].startswith("1/4,094 of the range")
    assert said["max"].startswith("1/63 of the range")
    assert said["std"].startswith("0.7%, or 1/2,048 of the largest")
    assert [name for name, entry in STATISTICS.items() if (entry.of_summary is None) != (said[name] == "")] == []
    few = matrix(open_run(Path(__file__).parent / "written_before_classes_were_packed").latest, "fc", rows[1:3])
    assert [row.packed for row in few.rows] == [False, False]


def test_several_processes_pack_what_one_does(tmp_path: Path) -> None:
    values = activations()
    run_threads(3, lambda processes: log(tmp_path / "three", values, processes))
    check(open_run(tmp_path / "three").latest.summary("fc"), expected(values))


def test_answers_about_classes_are_those_of_the_summary(tmp_path: Path) -> None:
    values = activations()
    snapshot = log(tmp_path, values)
    whole = snapshot.summary("fc")
    rows = [Row(subset=NAMES[4]), Row(subset="all"), Row(subset=NAMES[80]), Row(subset=NAMES[4])]
    answer = matrix(snapshot, "fc", rows)
    for index, subset in enumerate((5, 0, 81, 5)):
        np.testing.assert_array_equal(answer.mean[index], whole.mean[subset])
        np.testing.assert_array_equal(answer.std[index], whole.std[subset])
    found = class_statistics(snapshot, "fc", 4)
    assert found is not None
    np.testing.assert_array_equal(found.mean, whole.mean[5])
    compared = differences(snapshot, "fc", Row(subset=NAMES[4]))
    inside = LABELS == 4
    one, other = values[inside].astype(np.float64), values[~inside].astype(np.float64)
    pooled = np.sqrt((inside.sum() * one.var(0) + (~inside).sum() * other.var(0)) / INSTANCES)
    steady = pooled > 1e-6
    effect = np.divide(one.mean(0) - other.mean(0), pooled, out=np.zeros(NEURONS), where=steady)
    np.testing.assert_allclose(compared.effect[steady], effect[steady], rtol=0.02, atol=0.01)


def test_a_picture_sorted_by_a_difference_unpacks_the_deviations_of_two_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, values = log(tmp_path, activations()), activations().astype(np.float64)
    asked: list[tuple[int, set[str]]] = []

    def counted(codes: np.ndarray, scales: Any, known: Any, wanted: Any) -> Any:
        asked.append((len(codes), set(wanted)))
        return unpack(codes, scales, known, wanted)

    monkeypatch.setattr("tensorboard_activis.read.snapshot.unpack", counted)
    rows, sort = [Row(subset=name) for name in NAMES], Sort("difference", 3, 4)
    found = answer_matrix(reader, MatrixQuery("fc", rows, sort, quantized="mean"))
    assert sum(count for count, wanted in asked if "std" in wanted) == 2

    one, other = (values[index == LABELS] for index in (3, 4))
    degrees = len(one) + len(other) - 2
    pooled = np.sqrt((len(one) * one.var(0) + len(other) * other.var(0)) / degrees)
    moving = pooled > 1e-6
    hedges = (one.mean(0) - other.mean(0))[moving] / pooled[moving] * (1 - 3 / (4 * degrees - 1))
    assert found.effect is not None
    np.testing.assert_allclose(found.effect[moving], hedges, rtol=0.02, atol=0.01)


def test_a_log_that_was_written_before_opens() -> None:
    snapshot = open_run(Path(__file__).parent / "written_before_classes_were_packed").latest
    assert (snapshot.step, snapshot.layer("fc").summary.classes) == (5, None)
    ids = np.arange(140)
    values = np.stack([ids / 7, -ids % 11, np.maximum(ids - 70, 0)], 1).astype(np.float32)
    summary = snapshot.summary("fc")
    assert len(summary.subsets) == 73
    for position in range(70):
        one = values[ids % 70 == position].astype(np.float64)
        np.testing.assert_allclose(summary.mean[position + 1], one.mean(0), rtol=1e-6)
        np.testing.assert_allclose(summary.std[position + 1], one.std(0), rtol=1e-6)
        np.testing.assert_array_equal(summary.max[position + 1], one.max(0).astype(np.float32))
    np.testing.assert_array_equal(snapshot.summary_of("fc", [71, 0]).mean, summary.mean[[71, 0]])


@pytest.mark.parametrize(
    ("field", "array", "message"),
    [
        ("classes", schema.Array("int32", (3, NEURONS), bytes(12 * NEURONS)), "has shape"),
        ("classes", schema.Array("float32", (CLASSES, NEURONS), bytes(4 * CLASSES * NEURONS)), "packed statistics"),
        ("scales", schema.Array("float32", (6, NEURONS), bytes(24 * NEURONS)), "has shape"),
        ("scales", schema.Array("float64", (7, NEURONS), bytes(56 * NEURONS)), "packed statistics"),
        ("mean", schema.Array("float32", (CLASSES + 4, NEURONS), bytes(4 * (CLASSES + 4) * NEURONS)), "has shape"),
        ("scales", None, "has type ''"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, field: str, array: schema.Array | None, message: str) -> None:
    record = log(tmp_path, activations()).record
    with pytest.raises(UnreadableError, match=message):
        codec.decode_snapshot(codec.encode_snapshot(_with(record, field, array)))


def _with(record: schema.Snapshot, field: str, array: Any) -> schema.Snapshot:
    layer = record.layers[0]
    return replace(record, layers=(replace(layer, summary=replace(layer.summary, **{field: array})),))


def test_more_than_fits_into_memory_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = log(tmp_path, activations())
    monkeypatch.setattr("tensorboard_activis.read.snapshot._MOST_UNPACKED", 4 * 10 * NEURONS)
    with pytest.raises(QueryError, match="Ask for fewer subsets"):
        snapshot.summary("fc")
    assert snapshot.summary_of("fc", range(10)).mean.shape == (10, NEURONS)
