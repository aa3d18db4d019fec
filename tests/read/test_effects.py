"""Effects are read as they were recorded; damage is said, and what is absent is said to be."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import open_run, schema
from tensorboard_activis.check.report import Report
from tensorboard_activis.check.snapshots import check_snapshot
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import small_data, write_run

ROWS, TRIED = np.array([1, 4, 7], np.int32), np.array([4], np.int32)
RANDOM = np.random.default_rng(3)
GRADIENT = {"stem/relu": RANDOM.normal(size=(3, 5)), "head": RANDOM.normal(size=(3, 3))}
PRODUCT, SET = RANDOM.normal(size=(3, 5)), np.array([[2, 0, -1, -1, -1]])
ALONE = np.array([[0.5, -1, np.nan, np.nan, np.nan]])


def array(values: np.ndarray, dtype: str = "float32") -> schema.Array:
    values = values.astype(dtype)
    return schema.Array(values.dtype.name, values.shape, values.tobytes())


def effects(rows: np.ndarray = ROWS, tried: np.ndarray = TRIED, neurons: np.ndarray = SET) -> schema.Effects:
    stem = schema.LayerEffects(
        array(GRADIENT["stem/relu"]), array(PRODUCT), array(neurons, "int32"), array(ALONE), array(np.array([0.75]))
    )
    layers = {"stem/relu": stem, "head": schema.LayerEffects(array(GRADIENT["head"]))}
    return schema.Effects(array(rows, "int32"), 6, layers, array(tried, "int32"), array(np.array([-2.0])))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> SnapshotReader:
    log_dir = tmp_path_factory.mktemp("run")
    write_run(log_dir, small_data())
    return open_run(log_dir).latest


def reader(plain: SnapshotReader, recorded: schema.Effects | None, problem: str = "") -> SnapshotReader:
    record = dataclasses.replace(plain.record, effects=recorded, effects_problem=problem)
    return SnapshotReader(record, Path())


def read(plain: SnapshotReader, recorded: schema.Effects | None) -> SnapshotReader:
    found = reader(plain, recorded)
    found.activations = plain.activations  # type: ignore[method-assign]
    return found


def test_effects_by_gradients(plain: SnapshotReader) -> None:
    snapshot = read(plain, effects())
    stem, head = snapshot.gradient_effects("stem/relu"), snapshot.gradient_effects("head")
    for one, name in ((stem, "stem/relu"), (head, "head")):
        assert one.rows.tolist() == ROWS.tolist()
        assert one.wrong == 6
        assert (one.gradient == GRADIENT[name].astype(np.float32)).all()
    assert (stem.product == PRODUCT.astype(np.float32)).all()
    assert stem.has_positions
    assert not head.has_positions
    assert np.allclose(head.product, GRADIENT["head"] * plain.activations("head")[ROWS].astype(float), atol=1e-5)


def test_the_change_is_estimated_for_what_becomes_of_a_neuron(plain: SnapshotReader) -> None:
    snapshot = read(plain, effects())
    head, stem = snapshot.gradient_effects("head"), snapshot.gradient_effects("stem/relu")
    now, means = plain.activations("head")[ROWS].astype(float), np.array([1.0, 2, 3])
    assert np.allclose(head.change(now, means), GRADIENT["head"] * (means - now), atol=1e-5)
    now = np.array([[1.0, 2, 4, 0, 1]] * 3)
    means = np.array([[2.0, 1, 4, 1, 50]] * 3)
    scaled, shifted = PRODUCT * (means / np.maximum(now, 1) - 1), GRADIENT["stem/relu"] * (means - now)
    expected = np.concatenate([scaled[:, :3], shifted[:, 3:]], axis=1)
    assert np.allclose(stem.change(now, means), expected, atol=1e-5)


def test_what_was_tried(plain: SnapshotReader) -> None:
    tried = read(plain, effects()).tried_effects("stem/relu")
    assert tried.rows.tolist() == [4]
    assert tried.neurons.tolist() == SET.tolist()
    assert np.array_equal(tried.alone, ALONE, equal_nan=True)
    assert (tried.before.tolist(), tried.together.tolist(), tried.corrected.tolist()) == ([-2.0], [0.75], [True])


def test_what_is_not_there_is_said(plain: SnapshotReader) -> None:
    with pytest.raises(
        NotFoundError, match=r'No effects were recorded at step 3. To record some, log with effects="gradients"'
    ):
        read(plain, None).gradient_effects("head")
    with pytest.raises(
        NotFoundError, match=r'No neurons of \'head\' were tried at step 3. To try some, log with effects="tried"'
    ):
        read(plain, effects()).tried_effects("head")
    with pytest.raises(NotFoundError, match="The layer 'x' was not recorded"):
        read(plain, effects()).gradient_effects("x")
    with pytest.raises(UnreadableError, match="they lie"):
        reader(plain, None, "they lie").gradient_effects("head")


@pytest.mark.parametrize("rows", [[1, 1, 2], [2, 1, 3], [-1, 1, 2], [1, 2, 17]])
def test_indices_that_are_none_are_found(plain: SnapshotReader, rows: list[int]) -> None:
    with pytest.raises(UnreadableError, match="not in ascending order, or not among the 17 kept ones"):
        read(plain, effects(rows=np.array(rows))).gradient_effects("stem/relu")
    with pytest.raises(UnreadableError, match="not in ascending order, or not among the 17 kept ones"):
        read(plain, effects(tried=np.array(rows[:2] if rows[0] >= rows[1] else rows[2:] + rows[:1]))).tried_effects(
            "stem/relu"
        )


@pytest.mark.parametrize("neuron", [5, -2])
def test_neurons_that_are_none_are_found(plain: SnapshotReader, neuron: int) -> None:
    with pytest.raises(UnreadableError, match="of layer 'stem/relu' were tried; it has neurons 0 to 4"):
        read(plain, effects(neurons=np.array([[neuron, 0, 1, 2, 3]]))).tried_effects("stem/relu")


@pytest.mark.parametrize(
    ("changed", "problem", "said"),
    [
        (effects(), "", ""),
        (effects(rows=np.array([4, 1, 7])), "", "not in ascending order"),
        (effects(tried=np.array([17])), "", "not among the 17 kept ones"),
        (effects(neurons=np.array([[9, 0, 1, 2, 3]])), "", "were tried; it has neurons 0 to 4"),
        (None, "the record of effects lies", "the record of effects lies"),
    ],
)
def test_the_check_command_finds_lies_about_effects(
    plain: SnapshotReader, changed: schema.Effects | None, problem: str, said: str
) -> None:
    record = dataclasses.replace(plain.record, effects=changed, effects_problem=problem)
    report = Report(plain._directory)
    check_snapshot(record, plain._directory, None, set(), report)
    problems = [each.wrong for each in report.problems]
    assert (not problems) if not said else any(said in each for each in problems)
