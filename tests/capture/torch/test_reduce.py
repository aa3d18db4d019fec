"""Reductions against loops over numpy arrays."""

import numpy as np
import pytest
import torch

from tensorboard_activis.capture.reducers import REDUCERS, reducer_name
from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.reduce import _REDUCTIONS, _mean, reduce_activations
from tensorboard_activis.errors import ActiVisError

FIRST = Axes(0, 1)
LAST = Axes(0, 2)
#: Padded right, left, in both ways, and nothing at all.
MASK = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]], dtype=torch.bool)


@pytest.fixture
def maps() -> torch.Tensor:
    return torch.randn(7, 5, 3, 2, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(2))


def test_mean_and_max_over_space(maps: torch.Tensor) -> None:
    values = maps.numpy()
    np.testing.assert_allclose(reduce_activations(maps, FIRST, 7), values.mean((2, 3)), rtol=1e-5, atol=1e-5)
    assert np.array_equal(reduce_activations(maps, FIRST, 7, "max"), values.max((2, 3)))
    np.testing.assert_allclose(reduce_activations(maps, Axes(0, 3), 7), values.mean((1, 2)), rtol=1e-5, atol=1e-5)


def test_the_axis_of_instances_may_come_later(tokens: torch.Tensor) -> None:
    time_first = tokens.transpose(0, 1)
    assert torch.allclose(reduce_activations(time_first, Axes(1, 2), 5), tokens.mean(1), atol=1e-6)
    neurons_first = tokens.permute(2, 1, 0)
    assert torch.allclose(reduce_activations(neurons_first, Axes(2, 0), 5), tokens.mean(1), atol=1e-6)


def test_a_copy_is_made() -> None:
    for raw in (torch.ones(7, 5), torch.ones(7), torch.ones(7, 5).T.contiguous().T):
        reduced = reduce_activations(raw, FIRST, 7)
        raw.zero_()
        assert (reduced == 1).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.bool])
def test_sums_are_made_in_float32(dtype: torch.dtype) -> None:
    raw = (torch.arange(7 * 5 * 600, dtype=torch.float64).reshape(7, 5, 600) % 250).to(dtype)
    expected = raw.double().numpy().mean(2)
    reduced = reduce_activations(raw, FIRST, 7)
    assert reduced.dtype == torch.float32
    np.testing.assert_allclose(reduced, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reducer", ["mean", "max", "std", "first", "last"])
def test_masks(tokens: torch.Tensor, reducer: str) -> None:
    reduced = reduce_activations(tokens, LAST, 5, reducer, MASK).numpy()
    for row in range(4):
        real = tokens[row][MASK[row]].numpy()
        computed = {"mean": real.mean(0), "max": real.max(0), "std": real.std(0), "first": real[0], "last": real[-1]}
        np.testing.assert_allclose(reduced[row], computed[reducer], rtol=1e-5, atol=1e-5)
    assert np.isnan(reduced[4]).all()


def test_first_and_last_without_a_mask(tokens: torch.Tensor) -> None:
    assert torch.equal(reduce_activations(tokens, LAST, 5, "first"), tokens[:, 0])
    assert torch.equal(reduce_activations(tokens, LAST, 5, "last"), tokens[:, -1])


def test_a_mask_of_another_length_is_for_another_layer(maps: torch.Tensor) -> None:
    found = reduce_activations(maps, FIRST, 7, "mean", torch.zeros(7, 9, dtype=torch.bool))
    assert torch.allclose(found, maps.mean((2, 3)), atol=1e-6)


def test_a_mask_with_one_more_axis() -> None:
    raw = torch.randn(5, 3, 4, 2)
    expected = torch.stack([raw[row][:, MASK[row]].mean((1, 2)) for row in range(4)])
    torch.testing.assert_close(reduce_activations(raw, FIRST, 5, "mean", MASK)[:4], expected)


def test_a_function(tokens: torch.Tensor) -> None:
    def spread(values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        assert mask is None
        return values.amax(2) - values.amin(2)

    assert torch.equal(reduce_activations(tokens, LAST, 5, spread), tokens.amax(1) - tokens.amin(1))
    assert reducer_name(spread, 3) == "spread"
    assert reducer_name("max", 2) == "none"
    with pytest.raises(ActiVisError, match=r"gave \(5,\) for values of shape \(5, 3, 4\)"):
        reduce_activations(tokens, LAST, 5, lambda values, mask: values.amax((1, 2)))


def test_packed_nested_and_complex(tokens: torch.Tensor) -> None:
    lengths = [4, 2, 3, 1, 4]
    expected = torch.stack([tokens[row, :length].mean(0) for row, length in enumerate(lengths)])
    packed = torch.nn.utils.rnn.pack_padded_sequence(tokens, torch.tensor(lengths), True, enforce_sorted=False)
    torch.testing.assert_close(reduce_activations(packed, LAST, 5), expected)
    nested = torch.nested.nested_tensor(
        [tokens[row, :length] for row, length in enumerate(lengths)], layout=torch.jagged
    )
    torch.testing.assert_close(reduce_activations(nested, LAST, 5), expected)
    assert torch.equal(
        reduce_activations(torch.complex(tokens, tokens), LAST, 5), torch.complex(tokens, tokens).abs().mean(1)
    )


def test_what_has_no_row_per_instance_is_refused() -> None:
    with pytest.raises(ActiVisError, match=r"shape \(6, 5\) does not have one row for each of 7 instances"):
        reduce_activations(torch.ones(6, 5), FIRST, 7)
    with pytest.raises(ActiVisError, match="'none' needs outputs of two axes"):
        reduce_activations(torch.ones(7, 5, 2), FIRST, 7, "none")


def test_std_is_over_all_positions(maps: torch.Tensor) -> None:
    for shift in (0, 1000):
        expected = (maps + shift).double().numpy().std((2, 3))
        np.testing.assert_allclose(reduce_activations(maps + shift, FIRST, 7, "std"), expected, rtol=1e-3)


def test_every_reducer_has_a_computation() -> None:
    assert {*_REDUCTIONS, "none"} == set(REDUCERS)


@pytest.mark.parametrize("padding", [0.0, float("nan"), float("inf")])
def test_means_without_padding_in_full_precision_under_autocast(padding: float) -> None:
    values, real = torch.randn(5, 4, 7), torch.arange(7) < torch.tensor([[7], [3], [1], [5], [2]])
    padded = values.masked_fill(~real[:, None], padding)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        means = _mean(padded, real)
    expected = torch.stack([row[:, keep].double().mean(1) for row, keep in zip(values, real, strict=True)])
    assert means.dtype == torch.float32
    torch.testing.assert_close(means.double(), expected, rtol=1e-5, atol=1e-6)
