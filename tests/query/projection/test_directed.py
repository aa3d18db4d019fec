"""Projections along a row's direction: against differences of means by numpy and the PCA of what is left by scikit-learn."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from tensorboard_activis.errors import ExpressionError, NotFoundError, QueryError
from tensorboard_activis.query.arithmetic.direction import Direction
from tensorboard_activis.query.projection import pca as module
from tensorboard_activis.query.projection import principal
from tensorboard_activis.query.projection.pca import directed
from tensorboard_activis.query.run import Run
from tests.query.findings.logged import log

LAYER = "stem/relu"


def plane(values: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, float, list[float]]:
    """Places [instances, 2] with y of either sign, the distance of the means, and the shares of the variance; all by hand."""
    direction = values[inside].mean(axis=0) - values[~inside].mean(axis=0)
    length = float(np.sqrt((direction**2).sum()))
    x = (values - values[~inside].mean(axis=0)) @ direction / length
    across = values - np.outer(values @ direction, direction) / length**2
    found = PCA(1, svd_solver="full").fit(across)
    total = values.var(axis=0).sum()
    return np.column_stack([x, found.transform(across)]), length, [x.var() / total, across.var(axis=0).sum() / total]


def made(instances: int, neurons: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    inside = random.random(instances) < 0.3
    values = (random.normal(size=(instances, 5)) * [5, 3, 1, 1, 0.5]) @ random.normal(size=(5, neurons)) + 7
    values += inside[:, None] * random.normal(size=neurons) + 0.1 * random.normal(size=(instances, neurons))
    return values.astype(np.float16), inside


@pytest.mark.parametrize("shape", [(200, 7), (30, 90), (1_500, 60)])
@pytest.mark.parametrize("exact", [True, False])
def test_agrees_with_numpy_and_scikit_learn(
    shape: tuple[int, int], exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exact:
        monkeypatch.setattr(module, "MAX_EXACT", 0)
        monkeypatch.setattr(principal, "_FIRST", 300)
    activations, inside = made(*shape)
    values = activations.astype(np.float64)
    expected, length, (along, across) = plane(values, inside)
    found = directed(activations, Direction(activations, inside, len(inside)))
    assert found.xy.dtype == np.float32
    size = np.abs(expected).max()
    np.testing.assert_allclose(found.xy[:, 0], expected[:, 0], atol=1e-3 * size)
    sign = np.sign(found.xy[:, 1] @ expected[:, 1])
    np.testing.assert_allclose(sign * found.xy[:, 1], expected[:, 1], atol=1e-2 * size)
    assert found.direction is not None
    assert (found.direction.n, found.direction.rest) == (inside.sum(), (~inside).sum())
    assert found.direction.length == pytest.approx(length, rel=1e-3)
    assert found.xy[~inside, 0].mean() == pytest.approx(0, abs=1e-3 * length)
    assert found.xy[inside, 0].mean() == pytest.approx(length, rel=2e-3)
    share = expected[:, 1].var() / values.var(axis=0).sum()
    np.testing.assert_allclose(found.explained, [along, share], rtol=1e-2, atol=1e-4)
    assert found.explained[1] < across


def test_nothing_is_left_across_or_all_is_alike() -> None:
    one = np.arange(12, dtype=np.float16)[:, None]
    inside = np.arange(12) > 7
    for exact in (module.MAX_EXACT, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "MAX_EXACT", exact)
            found = directed(one, Direction(one, inside, 12))
        assert not found.xy[:, 1].any()
        assert found.explained == (pytest.approx(1), 0)
        np.testing.assert_allclose(found.xy[:, 0], one[:, 0] - one[:8].mean(), atol=1e-3)
    same = np.ones((12, 3), np.float16)
    with pytest.raises(QueryError, match="whose means are the same"):
        directed(same, Direction(same, inside, 12))


def test_pinned_instances_have_a_place_but_no_say() -> None:
    activations, inside = made(60, 6)
    activations[50:] = 30
    expected = Direction(activations[:50].copy(), inside[:50], 50)
    found = directed(activations, Direction(activations, inside, 50))
    assert found.direction is not None
    assert found.direction.n + found.direction.rest == 50
    assert found.direction.length == pytest.approx(expected.length)
    assert found.direction.auc == pytest.approx(expected.auc())
    assert found.xy[:50][~inside[:50], 0].mean() == pytest.approx(0, abs=1e-4)
    assert len(found.xy) == 60


def test_values_that_are_not_finite_take_the_mean_of_their_neuron() -> None:
    activations, inside = made(80, 6)
    activations[3, 2], activations[9, 0] = np.nan, np.inf
    filled = activations.astype(np.float64)
    for row, neuron in ((3, 2), (9, 0)):
        filled[row, neuron] = np.delete(filled[:, neuron], row).mean()
    whole = np.isfinite(activations).all(axis=1)
    direction = filled[whole & inside].mean(axis=0) - filled[whole & ~inside].mean(axis=0)
    x = (filled - filled[whole & ~inside].mean(axis=0)) @ direction / np.linalg.norm(direction)
    found = directed(activations, Direction(activations, inside, 80))
    np.testing.assert_allclose(found.xy[:, 0], x, atol=1e-2)
    assert found.direction is not None
    assert found.direction.n + found.direction.rest == 78


def logged(where: Path, steps: int = 3, *, half: bool = False) -> tuple[Run, dict[int, np.ndarray], np.ndarray]:
    """Activations that change a little from step to step; with `half`, the later steps keep other instances."""
    values, inside = made(90, 8)
    random = np.random.default_rng(5)
    every = {
        step: (values + 0.05 * step * random.normal(size=values.shape)).astype(np.float16) for step in range(steps)
    }
    layers = {step: {LAYER: array} for step, array in every.items()}
    first = dict.fromkeys(range(1, steps), 1_000) if half else None
    run = log(where, layers, task="none", columns={"mark": inside.tolist()}, sample=None, first_id=first)
    return run, every, inside


def test_through_python_the_axes_are_those_of_the_snapshot(tmp_path: Path) -> None:
    run, every, inside = logged(tmp_path)
    ids = run.latest.instances["id"].to_numpy()
    found = run.latest.projection(LAYER, "direction", row="mark")
    expected, length, _ = plane(every[2].astype(np.float64)[ids], inside[ids])
    np.testing.assert_allclose(found.xy[:, 0], expected[:, 0], atol=2e-2)
    np.testing.assert_allclose(np.abs(found.xy[:, 1]), np.abs(expected[:, 1]), atol=5e-2)
    assert found.method == "direction"
    assert found.direction is not None
    assert found.direction.length == pytest.approx(length, rel=1e-3)
    # The axis is the one that colours are by: 0 and 1 there are 0 and the length here.
    concept = run.latest.concept(LAYER, "mark")
    np.testing.assert_allclose(found.xy[:, 0], concept.values * length, atol=1e-2)
    assert found.direction.auc == concept.auc
    # In the picture the row stands further from the others than instances that the direction was not made of.
    assert roc_auc_score(inside[ids], found.xy[:, 0]) > concept.auc


def test_x_points_to_the_row_and_y_keeps_its_sign_over_the_steps(tmp_path: Path) -> None:
    run, _, _ = logged(tmp_path, 6)
    layouts = [run.snapshot(step).projection(LAYER, "direction", row="mark") for step in run.steps]
    for before, after in pairwise(layouts):
        assert np.corrcoef(before.xy[:, 1], after.xy[:, 1])[0, 1] > 0.9
    away = [run.snapshot(step).projection(LAYER, "direction", row="not mark") for step in run.steps]
    for one, other in zip(layouts, away, strict=True):
        assert np.corrcoef(one.xy[:, 0], other.xy[:, 0])[0, 1] == pytest.approx(-1, abs=1e-4)
        assert one.direction is not None
        assert other.direction is not None
        assert one.direction.length == pytest.approx(other.direction.length)


def test_another_run_is_mirrored_but_not_turned(tmp_path: Path) -> None:
    run, _, _ = logged(tmp_path / "one")
    other = logged(tmp_path / "other")[0]
    like, plain = other.snapshot(0), run.latest.projection(LAYER, "direction", row="mark")
    found = run.latest.projection(LAYER, "direction", row="mark", like=like)
    assert found.aligned == 90
    np.testing.assert_array_equal(found.xy[:, 0], plain.xy[:, 0])
    np.testing.assert_array_equal(np.abs(found.xy[:, 1]), np.abs(plain.xy[:, 1]))
    assert np.corrcoef(found.xy[:, 1], like.projection(LAYER, "direction", row="mark").xy[:, 1])[0, 1] > 0.9


def test_bad_input_is_refused_in_words(tmp_path: Path) -> None:
    snapshot = logged(tmp_path)[0].latest
    for row, said in (("score2 < 1", "score2"), ("mark ==", "Not an expression")):
        with pytest.raises(ExpressionError, match=said):
            snapshot.projection(LAYER, "direction", row=row)
    for row, said in (
        ("id < 0", "0 instances of the row and 90 others"),
        ("all", "90 instances of the row and 0 others"),
    ):
        with pytest.raises(QueryError, match=f"no direction in the layer: there are {said}.*at least one of each"):
            snapshot.projection(LAYER, "direction", row=row)
    with pytest.raises(NotFoundError, match="nowhere"):
        snapshot.projection("nowhere", "direction", row="mark")
    with pytest.raises(QueryError, match="row is missing"):
        snapshot.projection(LAYER, "direction")
    with pytest.raises(QueryError, match="got method=pca"):
        snapshot.projection(LAYER, row="mark")
    with pytest.raises(QueryError, match="pca, tsne, direction; got 'umap'"):
        snapshot.projection(LAYER, "umap")  # type: ignore[arg-type]


def test_a_step_where_the_row_is_empty_is_passed_over(tmp_path: Path) -> None:
    """Two steps before have no score below, so that only the last one has a direction."""
    random = np.random.default_rng(0)
    values = random.normal(size=(60, 4)).astype(np.float32)
    labels = random.integers(0, 3, 60)
    sure, unsure = 9 * np.eye(3, dtype=np.float32)[labels], random.normal(size=(60, 3)).astype(np.float32)
    run = log(
        tmp_path,
        {step: {LAYER: values} for step in range(3)},
        labels=labels,
        logits={0: sure, 1: sure, 2: unsure},
        sample=None,
    )
    found = run.latest.projection(LAYER, "direction", row="score < 0.6")
    assert found.direction is not None
    assert 0 < found.direction.n < 60
    with pytest.raises(QueryError, match="no direction"):
        run.snapshot(0).projection(LAYER, "direction", row="score < 0.6")
