"""Tests of capture/tasks/next_tokens.py and of what follows from it in numpy."""

from typing import Any

import numpy as np
import pytest

from tensorboard_activis.capture.tasks.next_tokens import next_token_shift
from tensorboard_activis.capture.tasks.tokens import token_scores

TEXT = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])
LATER = np.array([[1, 4, 1, 5, 9], [2, 6, 5, 3, 5]])


@pytest.mark.parametrize(
    ("inputs", "labels", "shift"),
    [
        pytest.param([TEXT], TEXT, 1, id="the tokens"),
        pytest.param([TEXT], np.where(TEXT == 9, -100, TEXT), 1, id="the tokens, but for padding"),
        pytest.param([TEXT], LATER, 0, id="the next tokens"),
        pytest.param([TEXT], np.where(LATER == 6, -100, LATER), 0, id="the next tokens, but for padding"),
        pytest.param([np.ones_like(TEXT), TEXT], LATER, 0, id="beside a mask"),
        pytest.param([TEXT], TEXT % 2, None, id="tags"),
        pytest.param([TEXT[:, :4]], TEXT, None, id="another length"),
        pytest.param([TEXT.astype(np.float32)], TEXT, None, id="numbers that are no tokens"),
        pytest.param([np.ones_like(TEXT)], np.where(LATER == 9, 0, 1), None, id="one tag and one token everywhere"),
        pytest.param([TEXT], np.full_like(TEXT, -100), None, id="no labels"),
        pytest.param([TEXT[:, :1]], TEXT[:, 1:2], None, id="one position"),
        pytest.param([TEXT[:, :1]], TEXT[:, :1], 1, id="one position, its own token"),
        pytest.param([], TEXT, None, id="no input"),
    ],
)
def test_labels_that_are_the_input_s_own_tokens(
    inputs: list[np.ndarray], labels: np.ndarray, shift: int | None
) -> None:
    assert next_token_shift(inputs, labels) == shift


@pytest.mark.parametrize("shift", [0, 1])
def test_texts_of_a_language_model_have_no_classes(shift: int) -> None:
    logits = np.random.default_rng(0).normal(size=(2, 5, 10))
    scores = token_scores(logits, LATER if shift == 0 else TEXT, shift=shift)
    end = 5 - shift
    normal: Any = logits - np.log(np.exp(logits).sum(2, keepdims=True))
    labels = LATER if shift == 0 else TEXT[:, 1:]
    expected = [-np.mean([normal[row, at, labels[row, at]] for at in range(end)]) for row in range(2)]
    np.testing.assert_allclose(scores.loss, expected, rtol=1e-6)  # type: ignore[arg-type]
    assert scores.counted.tolist() == [end, end]
    assert scores.prediction is None
    assert scores.label is None
    assert not scores.judged
