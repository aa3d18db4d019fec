"""Distances of layers between snapshots: 1 − debiased linear CKA by its definition, with traces of whole Gram matrices."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.query.neurons.movement import LEAST_INSTANCES, MOST_INSTANCES, LayerMovement, movement
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import small_graph

STEM, HEAD = "stem/relu", "head"


def logged(
    where: Path, layers: dict[str, np.ndarray], ids: Sequence[int] | None = None, **options: object
) -> SnapshotReader:
    """A snapshot of these activations, float16 [instances, neurons], without labels; the ids are positions unless given."""
    infos = tuple(
        schema.LayerInfo(name, values.shape[1], "none", 0, schema.Shape((-1, values.shape[1])))
        for name, values in layers.items()
    )
    recorder = Recorder(where, small_graph(), infos, strict=True, **options)  # type: ignore[arg-type]
    ids = list(range(len(next(iter(layers.values()))))) if ids is None else ids
    wide = {name: values.astype(np.float32) for name, values in layers.items()}
    with recorder.snapshot(1) as collector:
        collector.add(BatchRecord(wide, ids=list(ids)))
    recorder.close()
    return open_run(where).latest


def normal(*shape: int, seed: int = 0, offset: float = 0.0) -> np.ndarray:
    """Activations with a common direction, so that Gram matrices are not next to zero."""
    random = np.random.default_rng(seed)
    common = np.random.default_rng(99).normal(size=(shape[0], 1))
    return (random.normal(size=shape) + common * random.normal(size=shape[1]) + offset).astype(np.float16)


def hsic(one: np.ndarray, two: np.ndarray) -> float:
    """The unbiased estimator of Song et al., equation 5; arguments are Gram matrices without their diagonals."""
    n, ones = len(one), np.ones(len(one))
    return float(
        (
            np.trace(one @ two)
            + (ones @ one @ ones) * (ones @ two @ ones) / ((n - 1) * (n - 2))
            - 2 / (n - 2) * (ones @ one @ two @ ones)
        )
        / (n * (n - 3))
    )


def distance(one: np.ndarray, two: np.ndarray) -> float:
    grams = []
    for values in (one.astype(np.float64), two.astype(np.float64)):
        gram = values @ values.T
        np.fill_diagonal(gram, 0)
        grams.append(gram)
    first, second = grams
    return 1 - hsic(first, second) / math.sqrt(hsic(first, first) * hsic(second, second))


def only(answer: Sequence[LayerMovement]) -> LayerMovement:
    (layer,) = answer
    return layer


@pytest.mark.parametrize(
    ("instances", "neurons", "other_neurons", "offset"),
    [(61, 7, 7, 0.0), (300, 40, 9, 0.0), (61, 7, 11, 200.0), (150, 1_100, 1_030, 0.0), (LEAST_INSTANCES, 5, 3, 0.0)],
)
def test_by_definition(tmp_path: Path, instances: int, neurons: int, other_neurons: int, offset: float) -> None:
    """Of other widths, far from zero, in several blocks of rows and of neurons, and of as few instances as can be."""
    one = {STEM: normal(instances, neurons, offset=offset), HEAD: normal(instances, 3, seed=1)}
    two = {STEM: normal(instances, other_neurons, seed=2, offset=offset), HEAD: normal(instances, 3, seed=3)}
    answer = movement(logged(tmp_path / "one", one), logged(tmp_path / "two", two))
    assert (answer.shared, answer.n, answer.only_here, answer.only_other) == (instances, instances, (), ())
    assert [(layer.name, layer.neurons, layer.other_neurons) for layer in answer.layers] == [
        (STEM, neurons, other_neurons),
        (HEAD, 3, 3),
    ]
    for layer in answer.layers:
        assert (layer.n, layer.problem) == (instances, None)
        assert layer.distance == pytest.approx(max(0, distance(one[layer.name], two[layer.name])), abs=1e-6)


def test_rotation_scale_and_offset_are_no_movement(tmp_path: Path) -> None:
    values = normal(90, 6)
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(6, 6)))
    turned = (values.astype(np.float64) @ turn * 3 + 10).astype(np.float16)
    answer = movement(logged(tmp_path / "one", {HEAD: values}), logged(tmp_path / "two", {HEAD: turned}))
    assert only(answer.layers).distance == pytest.approx(0, abs=1e-4)


def test_what_has_nothing_in_common_is_about_one_apart_with_many_neurons_too(tmp_path: Path) -> None:
    """Without the correction of the bias it would be near 0: 400 random neurons fit 40 instances."""
    one, two = (np.random.default_rng(seed).normal(size=(40, 400)).astype(np.float16) for seed in (0, 1))
    answer = movement(logged(tmp_path / "one", {HEAD: one}), logged(tmp_path / "two", {HEAD: two}))
    assert only(answer.layers).distance == pytest.approx(distance(one, two), abs=1e-6)
    assert only(answer.layers).distance == pytest.approx(1, abs=0.15)


def test_a_snapshot_has_not_moved_from_itself(tmp_path: Path) -> None:
    snapshot = logged(tmp_path, {HEAD: normal(30, 5)})
    assert only(movement(snapshot, snapshot).layers).distance == pytest.approx(0, abs=1e-12)


def test_instances_are_matched_by_id(tmp_path: Path) -> None:
    """The second run saw other instances in another order, and kept fewer."""
    one, two = normal(60, 5), normal(70, 4, seed=1)
    others = list(range(109, 39, -1))
    first, second = logged(tmp_path / "one", {HEAD: one}), logged(tmp_path / "two", {HEAD: two}, others, sample=50)
    kept = set(second.instances["id"].to_pylist())
    common = [index for index in first.instances["id"].to_pylist() if index in kept]
    assert LEAST_INSTANCES < len(common) < 20
    for answer in (movement(first, second), movement(second, first)):
        layer = only(answer.layers)
        assert answer.shared == answer.n == layer.n == len(common)
        expected = distance(one[common], two[[others.index(index) for index in common]])
        assert layer.distance == pytest.approx(expected, abs=1e-6)


def test_pinned_instances_are_left_out(tmp_path: Path) -> None:
    one, two = normal(30, 5), normal(30, 5, seed=1)
    first = logged(tmp_path / "one", {HEAD: one}, sample=20, pinned=list(range(30)))
    second = logged(tmp_path / "two", {HEAD: two}, sample=20, pinned=list(range(30)))
    sample = first.instances["id"].to_pylist()[:20]
    answer = movement(first, second)
    assert answer.n == 20
    assert only(answer.layers).distance == pytest.approx(distance(one[sample], two[sample]), abs=1e-6)


def test_instances_that_are_not_finite_in_either_are_left_out(tmp_path: Path) -> None:
    one, two = normal(30, 5), normal(30, 4, seed=1)
    broken, other = one.copy(), two.copy()
    broken[3, 1], broken[8, 4], other[8, 0], other[11, 2] = np.nan, np.inf, np.nan, -np.inf
    answer = movement(logged(tmp_path / "one", {HEAD: broken}), logged(tmp_path / "two", {HEAD: other}))
    left = [index for index in range(30) if index not in (3, 8, 11)]
    layer = only(answer.layers)
    assert (answer.n, layer.n) == (30, 27)
    assert layer.distance == pytest.approx(distance(one[left], two[left]), abs=1e-6)


@pytest.mark.parametrize("shared", [0, 1, 3])
def test_too_few_common_instances(tmp_path: Path, shared: int) -> None:
    first = logged(tmp_path / "one", {HEAD: normal(20, 5)})
    second = logged(tmp_path / "two", {HEAD: normal(20, 5)}, list(range(20 - shared, 40 - shared)))
    answer = movement(first, second)
    layer = only(answer.layers)
    assert (answer.shared, layer.n) == (shared, shared)
    assert math.isnan(layer.distance)
    assert layer.problem == (
        f"At least 4 instances with finite activations must be in both samples; here are {shared}."
    )


def test_activations_that_do_not_vary(tmp_path: Path) -> None:
    """Constant ones, far from zero too; and a single instance apart from the others, of which no debiased CKA is left."""
    one = {STEM: np.full((20, 5), 777, np.float16), HEAD: normal(20, 3)}
    apart = np.zeros((20, 3), np.float16)
    apart[7] = 1, -2, 0.3
    first, second = logged(tmp_path / "one", one), logged(tmp_path / "two", {STEM: normal(20, 5), HEAD: apart})
    for answer in (movement(first, second), movement(second, first)):
        assert [layer.name for layer in answer.layers] == [STEM, HEAD]
        for layer in answer.layers:
            assert math.isnan(layer.distance)
            assert layer.problem == "The activations do not vary over the instances, here or in the other snapshot."


def test_layers_of_one_snapshot_only(tmp_path: Path) -> None:
    first = logged(tmp_path / "one", {STEM: normal(20, 5), HEAD: normal(20, 3)})
    second = logged(tmp_path / "two", {"stem.conv": normal(20, 5), HEAD: normal(20, 3)})
    answer = movement(first, second)
    assert [layer.name for layer in answer.layers] == [HEAD]
    assert (answer.only_here, answer.only_other) == ((STEM,), ("stem.conv",))


def test_of_more_instances_the_first_are_compared(tmp_path: Path) -> None:
    instances = MOST_INSTANCES + 40
    one, two = normal(instances, 2), normal(instances, 2, seed=1)
    first, second = (logged(tmp_path / name, {HEAD: each}, sample=None) for name, each in (("a", one), ("b", two)))
    answer = movement(first, second)
    layer = only(answer.layers)
    assert (answer.shared, answer.n, layer.n) == (instances, MOST_INSTANCES, MOST_INSTANCES)
    order = first.instances["id"].to_pylist()[:MOST_INSTANCES]
    assert layer.distance == pytest.approx(distance(one[order], two[order]), abs=1e-6)
