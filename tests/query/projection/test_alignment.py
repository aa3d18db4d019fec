"""Layouts turned onto each other: against a rotation that is known, and scipy."""

import numpy as np
import pytest

from tensorboard_activis.query.projection.alignment import procrustes, turned_shares

linalg = pytest.importorskip("scipy.linalg")  # comes with scikit-learn


def layout(seed: int = 0) -> np.ndarray:
    xy = np.random.default_rng(seed).normal(size=(19, 2)).astype(np.float32) * [3, 1]
    return (xy - xy.mean(axis=0)).astype(np.float32)


@pytest.mark.parametrize("mirrored", [1, -1])
def test_a_turn_is_undone(mirrored: int) -> None:
    xy = layout()
    angle = 1.1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * [1, mirrored]
    rows = np.arange(19)
    found = procrustes(xy @ turn + 5, xy, rows, rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, xy, atol=1e-5)


def test_shared_instances_decide_and_all_are_turned() -> None:
    one, other = layout(1), layout(2)
    rows, like_rows = np.array([0, 3, 5, 8, 11]), np.array([7, 2, 1, 18, 4])
    centred = [each - each.mean(axis=0) for each in (one[rows].astype(float), other[like_rows].astype(float))]
    rotation, _ = linalg.orthogonal_procrustes(*centred)
    np.testing.assert_allclose(procrustes(one, other, rows, like_rows), one @ rotation, atol=1e-5)


def test_too_little_in_common_turns_nothing() -> None:
    xy = layout()
    for rows in (np.zeros(0, np.int64), np.array([4])):
        np.testing.assert_allclose(procrustes(xy, layout(1), rows, rows), xy, atol=1e-6)
    unknown = xy.copy()
    unknown[5:] = np.nan
    found = procrustes(unknown, xy, np.arange(19), np.arange(19))
    np.testing.assert_allclose(found[:5], xy[:5] - xy[:5].mean(axis=0), atol=1e-5)
    assert np.isnan(found[5:]).all()
    assert np.isnan(procrustes(np.full_like(xy, np.nan), xy, np.arange(19), np.arange(19))).all()


def test_the_variance_goes_with_the_axes() -> None:
    xy = layout()
    variance = xy.var(axis=0)
    shares = tuple(0.8 * variance / variance.sum())
    assert turned_shares(xy, shares) == pytest.approx(shares)
    assert turned_shares(xy[:, ::-1], shares) == pytest.approx(shares[::-1])
    assert turned_shares(xy, ()) == ()
    assert turned_shares(xy * 0, (0.0, 0.0)) == (0, 0)
