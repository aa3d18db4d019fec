"""Why not, on numbers made by hand."""

import numpy as np

from tensorboard_activis.query.neurons.contrast import ClassStatistics, contrast


def statistics(mean: list[float], std: list[float], n: int = 50) -> ClassStatistics:
    return ClassStatistics(np.array(mean, np.float32), np.array(std, np.float32), n)


def test_far_from_own_and_siding_with_the_predicted_class() -> None:
    #            0: sides   1: far from both  2: typical   3: classes alike  4: no spread  5: sides less
    own = statistics([0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0.001, 1])
    predicted = statistics([4, 0.5, 3, 0.5, 9, 2], [1, 1, 1, 1, 1, 1])
    values = np.array([4.5, 9, 0.2, 1.2, 9, 1.5])
    found = contrast(values, own, predicted)
    assert found.far_from_own.tolist() == [1, 0, 5, 3, 2]
    assert found.sides_with_predicted.tolist() == [0, 5]
    assert found.z_own[0] == 4.5
    assert found.z_predicted[0] == 0.5
    assert np.isnan(found.z_own[4])


def test_at_most_so_many() -> None:
    own, predicted = statistics([0] * 20, [1] * 20), statistics([3] * 20, [1] * 20)
    found = contrast(np.linspace(2.1, 3.9, 20), own, predicted, shown=6)
    assert found.far_from_own.tolist() == [19, 18, 17, 16, 15, 14]
    assert found.sides_with_predicted.tolist() == [0, 1, 2, 3, 4, 5]  # all have the same d


def test_nothing_to_say() -> None:
    alike = statistics([1, 1, 1], [0, 0, 0])
    found = contrast(np.array([1.0, 5, np.nan]), alike, alike)
    assert found.far_from_own.size == found.sides_with_predicted.size == 0
