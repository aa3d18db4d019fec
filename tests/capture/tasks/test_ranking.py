"""Ranks and losses within groups, and squared errors, by hand."""

import numpy as np
import pyarrow as pa
import pytest

from tensorboard_activis.capture.tasks.ranking import ranking, regression


def test_two_groups_by_hand() -> None:
    scores = np.array([1.0, 3.0, 3.0, 0.0, 5.0])
    relevance = np.array([1, 0, 1, 1, 0])
    predictions = ranking(scores, relevance, pa.array(["a", "a", "a", None, "b"]))
    np.testing.assert_array_equal(predictions.columns["rank"], [3, 1.5, 1.5, np.nan, 1])
    softplus = np.logaddexp(0, [3 - 1, 0])
    expected = [softplus[0], softplus.mean(), softplus[1], np.nan, np.nan]
    np.testing.assert_allclose(predictions.columns["loss"], expected, rtol=1e-6)
    total, number = predictions.totals["loss"]
    assert (total, number) == (pytest.approx(sum(expected[:3]), rel=1e-6), 3)
    np.testing.assert_array_equal(predictions.columns["score"], scores)


def test_without_groups_or_labels() -> None:
    assert set(ranking(np.zeros(3), np.zeros(3), None).columns) == {"score"}
    assert set(ranking(np.zeros(3), None, pa.array([1, 1, 2])).columns) == {"score", "rank"}


def test_several_numbers() -> None:
    predictions = regression(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, 4.0], [3.0, np.nan]]))
    np.testing.assert_array_equal(predictions.columns["loss"], [2, np.nan])
    assert predictions.totals["loss"] == (2, 1)
