"""t-SNE keeps groups together, reports as it goes, stops when told to."""

import sys

import numpy as np
import pytest

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.projection import tsne as module

pytest.importorskip("openTSNE", reason="pip install openTSNE")

GROUPS = np.repeat([0, 1, 2], 20)


def sample() -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(3, 7))[GROUPS] * 6 + generator.normal(size=(60, 7))).astype(np.float16)


def test_groups_stay_together() -> None:
    told: list[float] = []

    def report(done: float, xy: np.ndarray) -> bool:
        told.append(done)
        return True

    layout = module.tsne(sample(), report=report)
    assert layout.shape == (60, 2)
    assert layout.dtype == np.float32
    np.testing.assert_allclose(layout.mean(axis=0), 0, atol=1e-3)
    distance = np.linalg.norm(layout[:, None] - layout, axis=2) + np.diag(np.full(60, np.inf))
    assert (GROUPS[distance.argmin(axis=1)] == GROUPS).all()
    assert told == sorted(told)
    assert told[-1] == 1


def test_neighbours_are_not_looked_for_when_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it took long")

    monkeypatch.setattr("openTSNE.affinity.PerplexityBasedNN", never)
    initial = np.arange(120, dtype=np.float32).reshape(60, 2)
    layout = module.tsne(sample(), initial, lambda done, xy: False)
    np.testing.assert_allclose(layout, initial - initial.mean(axis=0))


def test_stops_when_told_to() -> None:
    told: list[float] = []

    def report(done: float, layout: np.ndarray) -> bool:
        told.append(done)
        return len(told) < 3

    assert module.tsne(sample(), report=report).shape == (60, 2)
    assert len(told) == 3


@pytest.mark.parametrize("shape", [(0, 4), (3, 4), (5, 1), (9, 2)])
def test_little_data(shape: tuple[int, int]) -> None:
    layout = module.tsne(np.arange(np.prod(shape), dtype=np.float16).reshape(shape))
    assert layout.shape == (shape[0], 2)
    assert np.isfinite(layout).all()


@pytest.mark.slow
def test_beyond_a_number_of_rows_the_rest_is_placed_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FITTED", 120)
    monkeypatch.setattr(module, "_PLACED", 25)
    generator = np.random.default_rng(0)
    groups = generator.permutation(np.repeat([0, 1, 2], 60))
    centres = generator.normal(size=(3, 7)) * 6
    activations = (centres[groups] + generator.normal(size=(180, 7))).astype(np.float16)
    told: list[tuple[float, int]] = []

    def report(done: float, xy: np.ndarray) -> bool:
        told.append((done, int(np.isfinite(xy).all(axis=1).sum())))
        return True

    layout = module.tsne(activations, report=report)
    assert np.isfinite(layout).all()
    assert {placed for _, placed in told} == {120, 145, 170, 180}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (1, 180)
    distance = np.linalg.norm(layout[120:, None] - layout[:120], axis=2)
    assert (groups[:120][distance.argmin(axis=1)] == groups[120:]).mean() > 0.95
    stopped = module.tsne(activations, report=lambda done, xy: bool(np.isnan(xy[120:]).all()))
    assert np.isfinite(stopped[:145]).all()
    assert np.isnan(stopped[145:]).all()


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(ActiVisError, match="pip install openTSNE"):
        module.tsne(sample())
