"""Reductions against numpy, one position at a time. Sizes differ on all axes."""

import keras
import numpy as np
import pytest

from tensorboard_activis.capture.keras.reduce import reduce_activations
from tensorboard_activis.errors import ActiVisError

RANDOM = np.random.default_rng(0)
TOKENS = RANDOM.normal(size=(4, 7, 3)).astype("float32")
MASK = np.array([[1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0, 1]], bool)


def reduced(*arguments, **keywords) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(reduce_activations(*arguments, **keywords)))


@pytest.mark.parametrize(("reducer", "peer"), [("mean", np.mean), ("max", np.max), ("std", np.std)])
def test_maps_with_channels_last_and_first(reducer, peer):
    maps = RANDOM.normal(size=(2, 7, 5, 3)).astype("float32")
    expected = np.stack([[peer(instance[..., channel]) for channel in range(3)] for instance in maps])
    np.testing.assert_allclose(reduced(maps, 2, reducer), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(reduced(np.moveaxis(maps, -1, 1), 0, reducer), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reducer", ["mean", "max", "std", "first", "last"])
def test_padding_is_left_out_whatever_it_holds(reducer):
    tokens = np.where(MASK[..., None], TOKENS, np.nan)
    peers = {
        "mean": lambda real: real.mean(0),
        "max": lambda real: real.max(0),
        "std": lambda real: real.std(0),
        "first": lambda r: r[0],
        "last": lambda r: r[-1],
    }
    result = reduced(tokens, 1, reducer, MASK)
    for row in (0, 1, 3):
        np.testing.assert_allclose(result[row], peers[reducer](TOKENS[row][MASK[row]]), rtol=1e-5, atol=1e-5)
    assert np.isnan(result[2]).all()


def test_mask_over_time_covers_the_space_of_each_frame():
    frames = RANDOM.normal(size=(4, 7, 2, 5, 3)).astype("float32")
    result = reduced(frames, 3, "mean", MASK)
    for row in (0, 1, 3):
        np.testing.assert_allclose(result[row], frames[row][MASK[row]].reshape(-1, 3).mean(0), rtol=1e-5, atol=1e-5)


def test_first_and_last_without_a_mask():
    np.testing.assert_array_equal(reduced(TOKENS, 1, "first"), TOKENS[:, 0])
    np.testing.assert_array_equal(reduced(TOKENS, 1, "last"), TOKENS[:, -1])


def test_half_precision_is_widened_first():
    big = np.full((1, 10, 3), 30000, "float16")
    np.testing.assert_array_equal(reduced(big, 1), np.full((1, 3), 30000, "float32"))


def test_own_function_sees_positions_last_and_the_mask():
    def spread(values, mask):
        assert values.shape == (4, 3, 7)
        assert tuple(mask.shape) == (4, 7)
        return keras.ops.max(values, axis=2) - keras.ops.min(values, axis=2)

    np.testing.assert_allclose(reduced(TOKENS, 1, spread, MASK), np.ptp(TOKENS, axis=1), rtol=1e-5, atol=1e-5)
    with pytest.raises(ActiVisError, match=r"gave \(4, 7\) for values of shape \(4, 3, 7\)"):
        reduced(TOKENS, 1, lambda values, mask: values[:, 0])


def test_flat_outputs_stay_and_none_refuses_maps():
    np.testing.assert_array_equal(reduced(TOKENS[:, 0], 0, "none"), TOKENS[:, 0])
    np.testing.assert_array_equal(reduced(TOKENS[:, 0, 0], 0), TOKENS[:, 0, :1])
    with pytest.raises(ActiVisError, match="needs outputs of two axes"):
        reduced(TOKENS, 1, "none")


def test_deviations_keep_their_digits_beside_a_large_mean():
    np.testing.assert_allclose(reduced(TOKENS + 1000, 1, "std"), (TOKENS + 1000).astype(float).std(1), rtol=1e-3)
