"""Forms of labels that all frameworks share, and what does not fit class names and model."""

import numpy as np
import pytest

from tensorboard_activis.capture.tasks.labels import (
    check_range,
    check_width,
    class_indices,
    is_multi_hot,
    is_one_hot,
    multi_hot,
    squeezed,
)
from tensorboard_activis.errors import ConfigurationError

NAMES = ["ant", "bee", "cat"]


def test_class_names_become_indices_in_their_shape() -> None:
    labels = np.array([["cat", b"ant"], ["bee", "bee"]], object)
    assert class_indices(labels, NAMES).tolist() == [[2, 0], [1, 1]]
    assert class_indices(np.array([], str), NAMES).shape == (0,)
    with pytest.raises(ConfigurationError, match=r"a label 'dog', which is none of class_names \(ant, bee, cat\)\."):
        class_indices(np.array(["ant", "dog"]), NAMES)
    with pytest.raises(ConfigurationError, match=r"none of class_names \(0, 1, 2, 3, 4, 5, 6, 7, …\)\."):
        class_indices(np.array(["dog"]), [str(number) for number in range(9)])
    with pytest.raises(ConfigurationError, match=r"Labels are texts \('ant'\), so class_names is needed"):
        class_indices(np.array(["ant"]), None)


def test_the_highest_label_has_a_name_and_an_output() -> None:
    check_range(2, NAMES, 3)
    check_range(7, None, None)
    check_range(1, None, 1)  # one output, two classes
    with pytest.raises(ConfigurationError, match="a label 3, but class_names has 3 names, for the labels 0 to 2"):
        check_range(3, NAMES, 5)
    with pytest.raises(ConfigurationError, match="a label 3, but the model tells 3 classes apart, 0 to 2"):
        check_range(3, None, 3)


def test_there_is_a_name_for_each_output() -> None:
    check_width(NAMES, 3)
    check_width(["no", "yes"], 1)
    check_width(None, 5)
    check_width(NAMES, None)
    with pytest.raises(ConfigurationError, match="3 names, but the model gives 2 scores per instance"):
        check_width(NAMES, 2)
    with pytest.raises(ConfigurationError, match="3 names, but the model gives one score per instance"):
        check_width(NAMES, 1)


def test_forms_of_labels() -> None:
    assert squeezed(np.array([[3], [4]])).tolist() == [3, 4]
    assert squeezed(np.array(3)).tolist() == [3]
    assert squeezed(np.eye(2)).shape == (2, 2)
    assert is_one_hot(np.eye(3))
    assert not is_one_hot(np.array([[1, 1, 0]]))
    assert not is_one_hot(np.array([[0.2, 0.8]]))
    assert is_multi_hot(np.array([[1, np.nan, -1, 0]]))
    assert not is_multi_hot(np.array([[1, 2]]))
    np.testing.assert_array_equal(multi_hot(np.array([[1, -1, 0, 5]])), [[1, np.nan, 0, np.nan]])
