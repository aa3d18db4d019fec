"""Layouts over the steps: begun from the one before, found again by content."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.query.projection import continuity as module
from tensorboard_activis.query.projection.continuity import comparable, continuous_pca, continuous_tsne
from tensorboard_activis.query.projection.disk_cache import DiskCache
from tensorboard_activis.query.projection.pca import Projection
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import small_data, write_run

LAYER = "stem/relu"


@pytest.fixture
def snapshots(tmp_path: Path) -> list[SnapshotReader]:
    """Three steps: of the same data, then of other activations of the same instances."""
    write_run(tmp_path / "run", small_data(), (1, 2))
    write_run(tmp_path / "run", replace(small_data(), activations=small_data(seed=1).activations), (3,))
    run = open_run(tmp_path / "run")
    return [run.snapshot(step) for step in run.steps]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Where each t-SNE began; the layouts are made up."""
    pytest.importorskip("openTSNE", reason="pip install openTSNE")
    begun: list[np.ndarray] = []

    def tsne(activations: np.ndarray, initial: np.ndarray, report) -> np.ndarray:
        begun.append(initial)
        layout = np.full((len(activations), 2), len(begun), np.float32)
        report(0.5, layout)
        return layout

    monkeypatch.setattr(module, "tsne", tsne)
    return begun


def test_pca_keeps_its_signs_and_computes_a_step_once(snapshots: list[SnapshotReader]) -> None:
    kept: dict[object, Projection] = {}

    def keep(key, make):
        if key not in kept:
            kept[key] = make()
        return kept[key]

    first = continuous_pca(snapshots[:1], LAYER, keep)
    last = continuous_pca(snapshots, LAYER, keep)
    assert len(kept) == 3
    np.testing.assert_array_equal(last.xy, continuous_pca(snapshots, LAYER, keep).xy)
    assert len(kept) == 3
    np.testing.assert_array_equal(continuous_pca(snapshots[:2], LAYER, keep).xy, first.xy)
    assert ((last.xy * first.xy).sum(axis=0) >= 0).all()


@pytest.fixture(scope="module")
def turning(tmp_path_factory: pytest.TempPathFactory) -> list[SnapshotReader]:
    """70 steps: the main direction of the instances turns by a little more than a right angle, from step to step by little."""
    path = tmp_path_factory.mktemp("turning") / "run"
    data, random = small_data(), np.random.default_rng(3)
    basis = np.linalg.qr(random.normal(size=(17, 5)))[0]
    for step in range(70):
        angle = 0.55 * np.pi * step / 69
        first = np.cos(angle) * basis[:, 0] + np.sin(angle) * basis[:, 1]
        values = np.outer(first, [9, 1, 0, 0, 0]) + np.outer(basis[:, 2], [0, 0, 4, 1, 0]) + basis @ np.eye(5) * 0.1
        write_run(path, replace(data, activations={**data.activations, LAYER: values.astype(np.float32)}), (step,))
    run = open_run(path)
    return [run.snapshot(step) for step in run.steps]


def test_many_steps_turn_slowly_and_few_are_projected_for_one(turning: list[SnapshotReader]) -> None:
    layouts = []
    for count in range(1, 71):
        projected: list[object] = []

        def keep(key, make, projected=projected):
            projected.append(key)
            return make()

        layouts.append(continuous_pca(turning[:count], LAYER, keep).xy.astype(np.float64))
        assert len(set(projected)) == len(projected) <= 1 + module._MAX_PROJECTED
        # The number of steps hardly matters.
        assert len(projected) <= 18
    correlations = [
        (one * other).sum(axis=0) / np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
        for one, other in pairwise(layouts)
    ]
    assert np.min(correlations) > 0.9
    first, last = layouts[0][:, 0], layouts[-1][:, 0]
    assert (first * last).sum() < 0  # compared with the first step alone, it would be mirrored


def test_earlier_steps_of_other_instances_or_that_cannot_be_read_are_passed_over(
    tmp_path: Path, turning: list[SnapshotReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "run", small_data(11), (1, 2))
    other = open_run(tmp_path / "run")
    alone = continuous_pca(turning[20:40], LAYER).xy
    mixed = [*(other.snapshot(step) for step in (1, 2)), *turning[20:40]]
    np.testing.assert_array_equal(continuous_pca(mixed, LAYER).xy, alone)

    def activations(self: SnapshotReader, layer: str) -> np.ndarray:
        if self.step in (20, 36, 38):
            raise UnreadableError("damaged")
        return read(self, layer)

    read = SnapshotReader.activations
    monkeypatch.setattr(SnapshotReader, "activations", activations)
    found = continuous_pca(turning[20:40], LAYER).xy
    np.testing.assert_array_equal(np.abs(found), np.abs(alone))


def test_only_steps_of_the_same_instances_are_followed(snapshots: list[SnapshotReader]) -> None:
    one, two, _ = snapshots
    assert comparable(one, two, LAYER)
    assert not comparable(one, two, "gone")


def test_a_layout_is_found_by_its_content(tmp_path: Path, snapshots: list[SnapshotReader], asked: list) -> None:
    kept = DiskCache(tmp_path / "cache")
    layout = continuous_tsne(snapshots[:1], LAYER, kept)
    np.testing.assert_array_equal(asked[0], continuous_pca(snapshots[:1], LAYER).xy)
    # Equal activations at another step: nothing is computed, in this process or another.
    again = continuous_tsne(snapshots[:2], LAYER, DiskCache(tmp_path / "cache"))
    np.testing.assert_array_equal(again, layout)
    assert len(asked) == 1


def test_a_step_begins_where_the_one_before_ended(tmp_path: Path, snapshots: list[SnapshotReader], asked: list) -> None:
    kept = DiskCache(tmp_path / "cache")
    first = continuous_tsne(snapshots[:1], LAYER, kept)
    continuous_tsne(snapshots, LAYER, kept)
    np.testing.assert_array_equal(asked[1], first)
    given = np.ones((17, 2), np.float32)
    continuous_tsne(snapshots, "head", kept, given)
    np.testing.assert_array_equal(asked[2], given)


def test_a_layout_that_was_stopped_is_not_kept(tmp_path: Path, snapshots: list[SnapshotReader], asked: list) -> None:
    kept = DiskCache(tmp_path / "cache")
    continuous_tsne(snapshots[:1], LAYER, kept, report=lambda done, xy: False)
    continuous_tsne(snapshots[:1], LAYER, kept)
    assert len(asked) == 2


def test_a_kept_layout_of_another_shape_is_not_used(
    tmp_path: Path, snapshots: list[SnapshotReader], asked: list
) -> None:
    kept = DiskCache(tmp_path / "cache")
    continuous_tsne(snapshots[:1], LAYER, kept)
    (file,) = (tmp_path / "cache").iterdir()
    np.save(file, np.zeros((3, 2), np.float32))
    continuous_tsne(snapshots[:1], LAYER, kept)
    assert len(asked) == 2
