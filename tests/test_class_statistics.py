"""Packed statistics of classes are within the bounds that are stated, against the numbers themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis.class_statistics import SCALES, pack, unpack

EVERY = np.ones((1, 1), bool)


def statistics(classes: int, neurons: int, kind: str, seed: int) -> tuple[np.ndarray, ...]:
    """Of normal values, of values after a ReLU, or of ones with outliers of many magnitudes; float32 [classes, neurons]."""
    random = np.random.default_rng(seed)
    values = random.normal(random.normal(size=(classes, 1, neurons)), 0.5, (classes, 8, neurons))
    if kind == "relu":
        values = np.maximum(values - 0.5, 0)
    elif kind == "outliers":
        values *= np.exp(random.normal(0, 4, (classes, 1, neurons)))
    values = values.astype(np.float32).astype(np.float64)
    return tuple(each.astype(np.float32) for each in (values.mean(1), values.std(1), values.min(1), values.max(1)))


@given(
    st.integers(1, 90), st.integers(1, 40), st.sampled_from(["normal", "relu", "outliers"]), st.integers(0, 2**32 - 1)
)
def test_errors_are_within_their_bounds(classes: int, neurons: int, kind: str, seed: int) -> None:
    mean, std, low, high = statistics(classes, neurons, kind, seed)
    codes, scales = pack((mean, std, low, high))
    assert (codes.dtype, codes.shape, scales.dtype, scales.shape) == (
        np.int32,
        mean.shape,
        np.float32,
        (SCALES, neurons),
    )
    means, stds, lows, highs = unpack(codes, scales, EVERY)

    def width(values: np.ndarray) -> np.ndarray:
        return np.ptp(values.astype(np.float64), axis=0)

    rounding = 1e-6 * np.abs(np.stack([mean, low, high])).max((0, 1))
    assert (np.abs(means - mean) <= width(mean) / 4094 + rounding).all()
    assert (lows <= means).all()
    assert (means <= highs).all()
    assert (lows <= low).all()
    assert (low - lows <= width(low) / 63 + rounding).all()
    assert (highs >= high).all()
    assert (highs - high <= width(high) / 63 + rounding).all()
    largest = std.max(0)
    assert (np.abs(stds - std) <= np.where(std >= largest / 1024, 0.0069 * std, largest / 2047)).all()
    for packed, values in ((stds, std), (lows, low), (highs, high)):
        np.testing.assert_array_equal(packed.max(0), values.max(0))
    np.testing.assert_array_equal(lows.min(0), low.min(0))
    np.testing.assert_array_equal(highs.min(0), high.min(0))
    silent = high == 0
    assert (means[silent & (low == 0)] == 0).all()


@pytest.mark.parametrize("kind", ["normal", "relu", "outliers"])
def test_effect_sizes_between_classes_are_those_of_the_numbers(kind: str) -> None:
    """The error of the difference of two means, in deviations, and that of a deviation."""
    mean, std, low, high = statistics(1_000, 64, kind, 1)
    means, stds, _, _ = unpack(*pack((mean, std, low, high)), EVERY)
    one, other = np.random.default_rng(2).integers(0, 1_000, (2, 5_000))

    def effect(mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pooled = np.sqrt((std[one].astype(np.float64) ** 2 + std[other].astype(np.float64) ** 2) / 2)
        return (mean[one].astype(np.float64) - mean[other]) / np.where(pooled > 0, pooled, np.inf), pooled

    (found, _), (expected, pooled) = effect(means, stds), effect(mean, std)
    judged = np.minimum(std[one], std[other]) >= std.max(0) / 1024
    bound = 2 * np.ptp(mean, axis=0) / 4094 / np.where(judged, pooled, 1) + 0.01 * np.abs(expected)
    assert np.abs(expected[judged]).max() > 5
    assert (np.abs(found - expected) <= 1.02 * bound)[judged].all()
    if kind != "outliers":
        usual = pooled > np.median(pooled) / 2
        np.testing.assert_allclose(found[usual], expected[usual], rtol=0.01, atol=0.02)


def test_classes_without_values() -> None:
    mean, std, low, high = (each.copy() for each in statistics(70, 5, "normal", 3))
    known = np.ones((70, 5), bool)
    known[7], known[:, 2], known[9, 1] = False, False, False
    for values in (mean, std, low, high):
        values[~known] = np.nan
    codes, scales = pack((mean, std, low, high))
    assert np.isfinite(scales).all()
    for values, expected in zip(unpack(codes, scales, known), (mean, std, low, high), strict=True):
        np.testing.assert_array_equal(np.isnan(values), ~known)
        np.testing.assert_allclose(values[known], expected[known], atol=0.1)


@pytest.mark.parametrize("value", [0.0, 1 / 3, -3e38])
def test_what_is_the_same_for_all_classes_is_exact(value: float) -> None:
    same = np.full((100, 3), value, np.float32)
    none = np.zeros_like(same)
    for values, expected in zip(unpack(*pack((same, none, same, same)), EVERY), (same, none, same, same), strict=True):
        np.testing.assert_array_equal(values, expected)


def test_the_whole_range_of_float32() -> None:
    mean = np.array([[-3e38], [3e38], [1e-40]], np.float32)
    means, stds, lows, highs = unpack(*pack((mean, np.abs(mean), mean, mean)), EVERY)
    assert means[:2].tolist() == mean[:2].tolist()
    assert np.isfinite([means, stds, lows, highs]).all()


@given(st.integers(0, 2**32 - 1))
def test_anything_can_be_unpacked(seed: int) -> None:
    random = np.random.default_rng(seed)
    codes = random.integers(-(2**31), 2**31, (5, 7)).astype(np.int32)
    scales = random.integers(0, 2**32, (SCALES, 7), dtype=np.uint32).view(np.float32)
    known = random.random((5, 1)) < 0.8
    assert all(
        values.shape == (5, 7) and np.isnan(values[~known[:, 0]]).all() for values in unpack(codes, scales, known)
    )
