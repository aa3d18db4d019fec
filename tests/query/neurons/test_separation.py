"""Separation of groups by layers: scikit-learn's nearest centroid on the same folds, and Hedges' g computed by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import NearestCentroid

import tensorboard_activis
from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.neurons.separation import FOLDS, separation
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import Data, small_graph

GRAPH_LAYERS = ("stem/relu", "head")


def logged(where: Path, labels: np.ndarray, layers: dict[str, np.ndarray], sample: int | None = None) -> SnapshotReader:
    """A snapshot of these labels and activations; ids are positions in them, and `half` is a column of two values."""
    infos = tuple(
        schema.LayerInfo(name, values.shape[1], "none", 0, schema.Shape((-1, values.shape[1])))
        for name, values in layers.items()
    )
    names = [f"c{index}" for index in range(max(2, labels.max() + 1))]
    recorder = Recorder(where, small_graph(), infos, class_names=names, sample=sample, strict=True)
    logits = np.eye(len(names), dtype=np.float32)[labels]
    with recorder.snapshot(1) as collector:
        collector.add(BatchRecord(layers, labels=labels, outputs=logits, ids=list(range(len(labels)))))
    recorder.close()
    return open_run(where).latest


def by_scikit_learn(values: np.ndarray, groups: np.ndarray) -> float:
    """Each group's instances are dealt to the folds in turn; `values` and `groups` are in the order of the sample."""
    folds = np.empty(len(groups), int)
    for group in np.unique(groups):
        folds[groups == group] = np.arange((groups == group).sum()) % FOLDS
    decided = np.empty_like(groups)
    for fold in range(FOLDS):
        if (folds == fold).any():
            means = NearestCentroid().fit(values[folds != fold], groups[folds != fold])
            decided[folds == fold] = means.predict(values[folds == fold])
    return float(balanced_accuracy_score(groups, decided))


def hedges(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    m = len(one) + len(other) - 2
    pooled = np.sqrt((len(one) * one.var(axis=0) + len(other) * other.var(axis=0)) / m)
    factor = math.exp(math.lgamma(m / 2) - math.lgamma((m - 1) / 2)) / math.sqrt(m / 2)
    return np.asarray((one.mean(axis=0) - other.mean(axis=0)) / pooled * factor)


@pytest.mark.parametrize(("instances", "offset"), [(61, 0.0), (2500, 0.0), (61, 500.0), (60, 0.0)])
def test_classes(tmp_path: Path, instances: int, offset: float) -> None:
    """Of unequal sizes, and in the last case of equal ones; also far from zero, and in several blocks."""
    random = np.random.default_rng(0)
    labels = np.arange(instances) % 3 if instances == 60 else random.choice(3, instances, p=[0.6, 0.3, 0.1])
    layers = {
        name: (random.normal(size=(instances, neurons)) + 0.7 * labels[:, None] + offset).astype(np.float16)
        for name, neurons in zip(GRAPH_LAYERS, (7, 3), strict=True)
    }
    snapshot = logged(tmp_path, labels, {name: values.astype(np.float32) for name, values in layers.items()})
    answer = separation(snapshot)
    assert [(group.name, group.n) for group in answer.groups] == [(f"c{i}", (labels == i).sum()) for i in range(3)]
    order = np.array(snapshot.instances["id"].to_pylist())
    assert [layer.name for layer in answer.layers] == list(GRAPH_LAYERS)
    for layer in answer.layers:
        values, groups = layers[layer.name].astype(np.float64), labels
        assert layer.problem is None
        assert layer.n == len(order)
        assert layer.accuracy == pytest.approx(by_scikit_learn(values[order], groups[order]), abs=1e-12)
        effects = np.stack([hedges(values[groups == i], values[groups != i]) for i in range(3)])
        assert (layer.group, layer.neuron) == np.unravel_index(np.abs(effects).argmax(), effects.shape)
        assert layer.effect == pytest.approx(effects[layer.group, layer.neuron], rel=1e-6)


@pytest.mark.parametrize(("classes", "neurons"), [(40, 3), (200, 64), (2, 700)])
def test_many_classes_and_near_ties(tmp_path: Path, classes: int, neurons: int) -> None:
    """Of classes that overlap, where float32 alone would take another group for the nearest."""
    random = np.random.default_rng(classes)
    labels = np.arange(700) % classes
    values = (random.normal(size=(700, neurons)) + 0.01 * labels[:, None] + 30).astype(np.float16)
    snapshot = logged(tmp_path, labels, {"head": values.astype(np.float32)})
    order = np.array(snapshot.instances["id"].to_pylist())
    (layer,) = separation(snapshot).layers
    assert layer.accuracy == pytest.approx(by_scikit_learn(values[order].astype(np.float64), labels[order]), abs=1e-12)


def test_standard_error(tmp_path: Path) -> None:
    """By hand: of two classes, 10 of 10 and 9 of 10 are right, one instance lies among the others."""
    labels = np.repeat([0, 1], 10)
    values = np.where(labels == 0, -1.0, 1.0)[:, None] + np.linspace(-0.1, 0.1, 20)[:, None]
    values[19] = -1
    snapshot = logged(tmp_path, labels, {"head": values.astype(np.float32)})
    (layer,) = separation(snapshot).layers
    assert layer.accuracy == pytest.approx(0.95)
    first, second = 11 / 12, 10 / 12
    by_hand = math.sqrt(first * (1 - first) / 10 + second * (1 - second) / 10) / 2
    assert layer.standard_error == pytest.approx(by_hand)


def test_layers_and_limit(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    labels = np.arange(200) % 4
    layers = {name: random.normal(size=(200, 5)).astype(np.float16).astype(np.float32) for name in GRAPH_LAYERS}
    snapshot = logged(tmp_path, labels, layers)
    assert [layer.name for layer in separation(snapshot, layers=["head"]).layers] == ["head"]
    # The first of the sample that are in a group: 50 of the two classes, wherever they lie among the others.
    rows = [Row(expression='label == "c1"'), Row(expression='label == "c3"')]
    answer = separation(snapshot, rows, limit=50)
    order = np.array(snapshot.instances["id"].to_pylist())
    used = order[np.isin(labels[order], [1, 3])][:50]
    assert [group.n for group in answer.groups] == [(labels[used] == 1).sum(), (labels[used] == 3).sum()]
    for layer in answer.layers:
        values = layers[layer.name].astype(np.float64)[used]
        assert layer.n == 50
        assert layer.accuracy == pytest.approx(by_scikit_learn(values, labels[used]), abs=1e-12)
    with pytest.raises(QueryError, match="limit must be at least 1; got 0"):
        separation(snapshot, limit=0)
    with pytest.raises(NotFoundError, match="nowhere"):
        separation(snapshot, layers=["head", "nowhere"])


def test_of_an_opened_run(tmp_path: Path) -> None:
    """The method of what `open_run` returns takes rows as its other methods do."""
    labels = np.repeat([0, 1], 20)
    values = np.random.default_rng(3).normal(size=(40, 3)) + labels[:, None]
    logged(tmp_path, labels, {"head": values.astype(np.float32)})
    snapshot = tensorboard_activis.open_run(tmp_path).latest
    answer = snapshot.separation(["c0", 'label == "c1"'], layers=["head"], limit=30)
    assert answer == separation(
        snapshot, [Row(subset="c0"), Row(expression='label == "c1"')], layers=["head"], limit=30
    )
    assert sum(group.n for group in answer.groups) == 30
    assert snapshot.separation().layers.table().column_names[:4] == ["name", "n", "accuracy", "standard_error"]
    with pytest.raises(QueryError, match="at least two"):
        snapshot.separation(["c0"])


def test_two_rows_without_what_is_in_both(snapshot: SnapshotReader, data: Data) -> None:
    rows = [Row(expression="id < 110"), Row(expression="id >= 107")]
    answer = separation(snapshot, rows)
    assert [(group.name, group.n) for group in answer.groups] == [("id < 110", 7), ("id >= 107", 7)]
    ids = np.array(snapshot.instances["id"].to_pylist())
    groups = np.where(ids < 107, 0, np.where(ids >= 110, 1, -1))
    for layer in answer.layers:
        values = snapshot.activations(layer.name).astype(np.float64)[groups >= 0]
        own = groups[groups >= 0]
        assert layer.n == 14
        assert layer.accuracy == pytest.approx(by_scikit_learn(values, own))
        effects = hedges(values[own == 0], values[own == 1])
        assert layer.effect is not None
        assert abs(layer.effect) == pytest.approx(np.nanmax(np.abs(effects)))
        assert layer.group == 0
        assert layer.effect == pytest.approx(effects[layer.neuron])


def test_instances_that_are_not_finite_and_groups_of_one_are_left_out(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    labels = np.array([0, 1] * 20 + [2])
    values = (random.normal(size=(41, 5)) + labels[:, None]).astype(np.float16).astype(np.float32)
    broken = values.copy()
    broken[[3, 8], [1, 4]] = np.nan, np.inf
    snapshot = logged(tmp_path, labels, {"stem/relu": broken, "head": values})
    answer = separation(snapshot)
    assert [group.n for group in answer.groups] == [20, 20]
    assert [layer.n for layer in answer.layers] == [38, 40]
    assert all(0.5 < layer.accuracy <= 1 for layer in answer.layers)
    all_broken = logged(tmp_path / "broken", labels, {"head": np.full_like(values, np.nan)})
    (layer,) = separation(all_broken).layers
    assert (layer.n, layer.neuron, layer.group) == (0, None, None)
    assert np.isnan([layer.accuracy, layer.standard_error, layer.effect]).all()


def test_nothing_to_tell_apart(tmp_path: Path) -> None:
    labels = np.zeros(9, np.int64)
    snapshot = logged(tmp_path, labels, {"head": np.ones((9, 3), np.float32)})
    answer = separation(snapshot)
    assert [group.n for group in answer.groups] == [9]
    assert answer.layers[0].problem == "Fewer than two groups have two instances or more."
    alike = separation(snapshot, [Row(expression="id < 4"), Row(expression="id >= 4")]).layers[0]
    assert (alike.accuracy, alike.neuron, alike.problem) == (0.5, None, None)
    assert math.isnan(alike.effect)


def test_rows_that_are_refused(snapshot: SnapshotReader) -> None:
    with pytest.raises(QueryError, match="at least two"):
        separation(snapshot, [Row(subset="all")])
    with pytest.raises(NotFoundError, match="no subset dog"):
        separation(snapshot, [Row(subset="all"), Row(subset="dog")])
