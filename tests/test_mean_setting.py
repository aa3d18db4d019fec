"""Setting a neuron to its mean: the rule, by hand."""

import numpy as np

from tensorboard_activis.mean_setting import setting

NAN, INF = np.nan, np.inf


def test_a_neuron_without_positions_becomes_its_mean() -> None:
    activations, means = np.array([[1.0, -2, 0], [4, 5, 6]]), np.array([3.0, 2, 1])
    factor, shift = setting(activations, means, positions=False)
    assert (factor == 1).all()
    assert (factor * activations + shift == means).all()
    assert factor.dtype == shift.dtype == np.float32


def test_a_neuron_with_positions_is_scaled_where_that_is_possible_and_shifted_elsewhere() -> None:
    activations = np.array([[2.0, 2, 0, 1, 1, -4, 0.5]])
    means = np.array([[1.0, 0, 3, -1, 10.5, -1, 5]])
    factor, shift = setting(activations, means, positions=True)
    assert factor.tolist() == [[0.5, 0, 1, 1, 1, 0.25, 10]]
    assert shift.tolist() == [[0, 0, 3, -2, 9.5, 0, 0]]
    assert np.allclose(factor * activations + shift, means)


def test_nothing_is_changed_where_activation_or_mean_is_unknown() -> None:
    activations, means = np.array([[NAN, 1, INF, 1, NAN]]), np.array([[1.0, NAN, 1, INF, NAN]])
    for positions in (True, False):
        factor, shift = setting(activations, means, positions=positions)
        assert (factor == 1).all()
        assert (shift == 0).all()
