"""Labels of every form become arrays, and what does not fit class names and model is refused."""

from typing import Any

import numpy as np
import pytest

from tensorboard_activis.capture.tasks.labels import (
    Labels,
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


@pytest.mark.parametrize(
    ("raw", "width", "expected"),
    [
        (np.array([2, 0, 1]), 3, [2, 0, 1]),
        ([2, 0, 1], 3, [2, 0, 1]),
        (np.array([2, 0], dtype=np.uint8), 3, [2, 0]),
        (np.array([[2], [0]]), 3, [2, 0]),
        (np.array([2.0, 0.0]), 3, [2, 0]),
        (np.array([1.0, 0.0]), 1, [1, 0]),
        (np.array([True, False]), 1, [1, 0]),
        (np.array([2, -100]), 3, [2, -100]),
        (["cat", "ant"], 3, [2, 0]),
        (np.array([[0, 0, 1], [1, 0, 0]]), 3, [2, 0]),
    ],
)
def test_class_indices(raw: Any, width: int, expected: list[int]) -> None:
    labels = Labels(NAMES if width == 3 else None, raw, width).convert(raw)
    assert labels is not None
    assert labels.dtype == np.int64
    assert labels.tolist() == expected


@pytest.mark.parametrize("raw", [np.array([0.5, 1.25]), np.array([3.0, 7.0]), np.array([[0.5], [1.25]])])
def test_real_numbers_are_regression(raw: Any) -> None:
    labels = Labels(None, raw, 1).convert(raw)
    assert labels is not None
    assert labels.dtype == np.float64
    assert labels.ndim == 1


def test_what_labels_are_is_decided_once() -> None:
    whole = Labels(None, np.array([1.0, 2.0]), 3)
    with pytest.raises(ConfigurationError, match=r"whole numbers at first; now there is 0.5"):
        whole.convert(np.array([0.5]))
    later = whole.convert(np.array([1.0, np.nan]))
    assert later is not None
    assert later.tolist() == [1, -1]


def test_labels_of_another_form_are_told() -> None:
    labels = Labels(None, np.ones((4, 6), np.int64), 3)
    assert "labels of shape (4, 6) are not one per instance" in labels.problem
    assert labels.convert(np.ones((4, 6))) is None
    assert Labels(None, None, 3).convert(None) is None


@pytest.mark.parametrize(
    ("names", "raw", "width", "message"),
    [
        (None, ["a"], 3, "class_names is needed"),
        (NAMES, ["z"], 3, r"label 'z', which is none of class_names \(ant, bee, cat"),
        (NAMES, [3], None, "label 3, but class_names has 3 names, for the labels 0 to 2"),
        (None, [3], 3, "the model tells 3 classes apart, 0 to 2"),
        (None, [0.5], 3, "must be whole numbers"),
        (None, [1j], 3, "must be class indices"),
        (None, [[1], [1, 2]], 3, "one number per instance"),
    ],
)
def test_bad_labels(names: list[str] | None, raw: Any, width: int | None, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Labels(names, raw, width)


def converted(batch: Any, first: Any, width: int | None = None, task: str | None = None, **more: Any) -> np.ndarray:
    result = Labels(NAMES, first, width, task, **more).convert(batch)
    assert result is not None
    return result


Y = np.array([0, 1, 2, 0, 1, 2, 0])
ONE_HOT = np.eye(3)[Y]


def test_the_loss_says_what_rows_are() -> None:
    smoothed = ONE_HOT * 0.8 + 0.1
    assert converted(ONE_HOT[:4], ONE_HOT).tolist() == [0, 1, 2, 0]
    assert converted(ONE_HOT[:4], smoothed, 3, loss="categorical_crossentropy").tolist() == [0, 1, 2, 0]
    assert converted(smoothed * 0.8, smoothed * 0.8, 3, loss="categorical_crossentropy").tolist() == Y.tolist()
    assert converted(smoothed, smoothed, 3, loss="binary_crossentropy").tolist() == smoothed.tolist()
    assert converted(smoothed, smoothed, 3, "regression").tolist() == smoothed.tolist()
    assert converted(ONE_HOT, ONE_HOT, 3, loss="binary_crossentropy").tolist() == ONE_HOT.tolist()
    assert converted(ONE_HOT, ONE_HOT, 3, "classification", loss="binary_crossentropy").tolist() == Y.tolist()


def test_rows_that_sum_to_one_are_of_one_class() -> None:
    soft = ONE_HOT * 0.7 + 0.1
    unknown = np.where(np.arange(7)[:, None] == 2, np.nan, soft)
    for first in (soft, unknown, ONE_HOT):
        labels = Labels(NAMES, first, 3)
        assert labels.kind == "classes"
        np.testing.assert_array_equal(labels.convert(unknown), unknown)
        np.testing.assert_array_equal(labels.convert(soft.astype("float16")), soft.astype("float16"))
        np.testing.assert_array_equal(labels.convert(ONE_HOT), Y)
    for other in (soft * 1.1, np.abs(soft - 0.5), soft - np.array([0.5, -0.5, 0])):
        assert Labels(None, other, 3).kind == "numbers"
    assert Labels(None, np.where(np.arange(7)[:, None] == 2, np.nan, ONE_HOT), 3).kind == "several"
    assert Labels(None, soft, 4).problem


def test_whole_numbers_are_classes_where_the_model_says_so() -> None:
    whole = Y.astype(np.float32)
    assert converted(whole, whole).dtype == np.float64
    assert converted(whole, whole, 3).dtype == np.int64
    assert converted(whole, whole, loss="sparse_categorical_crossentropy").dtype == np.int64
    # Decided once: a batch that happens to be whole is no batch of classes.
    assert converted(np.array([0.0, 1.0]), whole + 0.5).dtype == np.float64
    # Without predictions to compare, numbers are as good as classes.
    assert converted(whole + 0.5, whole + 0.5, 3, "none").dtype == np.float64


def test_labels_of_positions() -> None:
    tokens = np.array([[0, 2, -100], [1, 1, 0]])
    for form in (tokens, tokens[:, :, None], tokens.astype(np.float32)):
        assert converted(form, form, 3, positions=True).tolist() == tokens.tolist()
    rows = np.eye(3)[np.maximum(tokens, 0)]
    assert converted(rows, rows, 3, positions=True).tolist() == np.maximum(tokens, 0).tolist()
    with pytest.raises(ConfigurationError, match="a label 5, but class_names has 3"):
        converted(tokens + 3, tokens + 3, 9, positions=True)


def test_rows_of_numbers_are_regression_with_several_outputs() -> None:
    for rows in (np.array([[1, 5, 2], [0, 3, 4]]), np.array([[0.5, 2, 1], [3, 1, 1]])):
        result = converted(rows, rows, 3)
        assert result.dtype == np.float64
        assert result.tolist() == rows.tolist()


def test_a_task_that_the_labels_do_not_fit() -> None:
    with pytest.raises(ConfigurationError, match=r"task='multilabel' does not fit the labels: labels of shape \(7,\)"):
        Labels(None, Y, 3, "multilabel")
    assert Labels(None, ONE_HOT, None, "multilabel").problem == ""
    assert Labels(None, np.ones((4, 6, 2)), None, "classification").problem  # what the model gives is not known yet


def test_none_and_nan_among_labels_are_missing() -> None:
    names = Labels(NAMES, ["cat", None, b"ant"], 3)
    assert names.kind == "classes"
    assert np.asarray(names.convert(["cat", None, b"ant", float("nan")])).tolist() == [2, -1, 0, -1]
    assert np.asarray(names.convert([None, None])).tolist() == [-1, -1]
    numbers = Labels(None, [2, None, 0], 3)
    assert numbers.kind == "classes"
    assert np.asarray(numbers.convert([None, 1])).tolist() == [-1, 1]
    real = Labels(None, [0.5, None], 1)
    assert real.kind == "numbers"
    np.testing.assert_array_equal(np.asarray(real.convert([None, 2.5])).ravel(), [np.nan, 2.5])
    with pytest.raises(ConfigurationError, match=r"names from class_names, or None where there is none; got \[\{"):
        Labels(NAMES, [{"a": 1}, None], 3)
