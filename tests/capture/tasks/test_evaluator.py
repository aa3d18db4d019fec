"""Detection of the task; prediction, score and loss of classification and regression by their definitions."""

import numpy as np
import pytest

from tensorboard_activis.capture.tasks.evaluator import TaskEvaluator
from tensorboard_activis.capture.tasks.predictions import UNKNOWN


def test_logits_of_two_instances_by_hand() -> None:
    # softmax(ln 1, ln 2, ln 5) = 1/8, 2/8, 5/8
    logits = np.log([[1, 2, 5], [5, 1, 2]])
    predictions = TaskEvaluator(None).evaluate(logits, np.array([1, 0]))
    columns = predictions.columns
    assert columns["prediction"].tolist() == [2, 0]
    assert columns["correct"].tolist() == [0, 1]
    np.testing.assert_allclose(columns["score"], [5 / 8, 5 / 8], rtol=1e-6)
    np.testing.assert_allclose(columns["label_score"], [2 / 8, 5 / 8], rtol=1e-6)
    np.testing.assert_allclose(columns["loss"], [-np.log(2 / 8), -np.log(5 / 8)], rtol=1e-6)
    assert columns["top_classes"].tolist() == [[2, 1, 0], [0, 2, 1]]
    np.testing.assert_allclose(columns["top_scores"], [[5 / 8, 2 / 8, 1 / 8]] * 2, rtol=1e-3)


def test_probabilities_are_taken_as_they_are() -> None:
    columns = TaskEvaluator(None).evaluate(np.array([[0.2, 0.8], [1.0, 0.0]]), np.array([0, 1])).columns
    np.testing.assert_allclose(columns["label_score"], [0.2, 0], atol=1e-6)
    assert np.isfinite(columns["loss"]).all()


@pytest.mark.parametrize("outputs", [np.array([[0.0], [np.log(3)]]), np.array([0.0, np.log(3)])])
def test_two_classes_by_one_logit(outputs: np.ndarray) -> None:
    columns = TaskEvaluator(None).evaluate(outputs, np.array([0, 1])).columns
    np.testing.assert_allclose(columns["label_score"], [0.5, 0.75], rtol=1e-6)


def test_two_classes_by_one_probability() -> None:
    columns = TaskEvaluator(None).evaluate(np.array([[0.1], [0.25]]), np.array([0, 1])).columns
    np.testing.assert_allclose(columns["label_score"], [0.9, 0.25], rtol=1e-6)


def test_regression_has_no_correct() -> None:
    evaluator = TaskEvaluator(None)
    predictions = evaluator.evaluate(np.array([[1.5], [2.0]]), np.array([1.0, 4.0]))
    assert evaluator.task == "regression"
    assert set(predictions.columns) == {"prediction", "loss"}
    assert predictions.columns["loss"].tolist() == [0.25, 4.0]


def test_without_labels_there_is_a_prediction_only() -> None:
    evaluator = TaskEvaluator(["a", "b"])
    assert set(evaluator.evaluate(np.array([[1.0, 4.0]]), None).columns) == {
        "prediction",
        "score",
        "top_classes",
        "top_scores",
    }


def test_a_label_that_is_no_class() -> None:
    evaluator = TaskEvaluator(None)
    predictions = evaluator.evaluate(np.zeros((3, 2)), np.array([0, 2, -1]))
    assert predictions.invalid_labels == 2
    assert predictions.label is not None
    assert predictions.label.tolist() == [0, -1, -1]
    assert predictions.columns["correct"].tolist() == [1, UNKNOWN, UNKNOWN]
    assert np.isnan(predictions.columns["loss"][1:]).all()


def test_large_logits_do_not_overflow() -> None:
    columns = TaskEvaluator(None).evaluate(np.array([[1e4, 0.0]]), np.array([1])).columns
    assert columns["loss"].tolist() == [1e4]


@pytest.mark.parametrize("classes", [12, 41, 1_000])
def test_the_highest_scores_of_many_classes(classes: int) -> None:
    logits = np.random.default_rng(0).normal(size=(7, classes))
    logits[2] = 0  # equal ones go by their index
    logits[3, 5:9] = 99
    columns = TaskEvaluator(None).evaluate(logits, np.zeros(7, np.int64)).columns
    for row in (0, 1, 3, 4, 5, 6):
        expected = sorted(range(classes), key=lambda index: (-logits[row, index], index))[:10]
        assert columns["top_classes"][row].tolist() == expected
    assert columns["prediction"].tolist() == logits.argmax(axis=1).tolist()
    assert (columns["top_scores"][2] == columns["top_scores"][2, 0]).all()
    assert len(set(columns["top_classes"][2].tolist())) == 10
