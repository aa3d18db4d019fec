"""Labels and scores of every form, as arrays."""

from typing import Any

import numpy as np
import pytest
import torch

from tensorboard_activis.capture.torch.data.labels import Labels
from tensorboard_activis.capture.torch.data.scores import find_scores
from tensorboard_activis.errors import ConfigurationError

NAMES = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("raw", "width", "expected"),
    [
        (torch.tensor([2, 0, 1]), 3, [2, 0, 1]),
        ([2, 0, 1], 3, [2, 0, 1]),
        ([torch.tensor(2), torch.tensor(0)], 3, [2, 0]),
        (np.array([2, 0], dtype=np.uint8), 3, [2, 0]),
        (torch.tensor([[2], [0]]), 3, [2, 0]),
        (torch.tensor([2.0, 0.0]), 3, [2, 0]),
        (torch.tensor([1.0, 0.0]), 1, [1, 0]),
        (torch.tensor([True, False]), 1, [1, 0]),
        (torch.tensor([2, -100]), 3, [2, -100]),
        (["c", "a"], 3, [2, 0]),
        (torch.tensor([[0, 0, 1], [1, 0, 0]]), 3, [2, 0]),
    ],
)
def test_class_indices(raw: Any, width: int, expected: list[int]) -> None:
    labels = Labels(NAMES if width == 3 else None, raw, width).convert(raw)
    assert labels is not None
    assert labels.dtype == np.int64
    assert labels.tolist() == expected


@pytest.mark.parametrize("raw", [torch.tensor([0.5, 1.25]), torch.tensor([3.0, 7.0]), np.array([[0.5], [1.25]])])
def test_real_numbers_are_regression(raw: Any) -> None:
    labels = Labels(None, raw, 1).convert(raw)
    assert labels is not None
    assert labels.dtype == np.float64
    assert labels.ndim == 1


def test_what_labels_are_is_decided_once() -> None:
    whole = Labels(None, torch.tensor([1.0, 2.0]), 3)
    with pytest.raises(ConfigurationError, match=r"whole numbers at first; now there is 0.5"):
        whole.convert(torch.tensor([0.5]))
    later = whole.convert(torch.tensor([1.0, torch.nan]))
    assert later is not None
    assert later.tolist() == [1, -1]


def test_labels_of_another_form_are_told() -> None:
    labels = Labels(None, torch.ones(4, 6, dtype=torch.int64), 3)
    assert "labels of shape (4, 6) are not one per instance" in labels.problem
    assert labels.convert(torch.ones(4, 6)) is None
    assert Labels(None, None, 3).convert(None) is None


@pytest.mark.parametrize(
    ("names", "raw", "width", "message"),
    [
        (None, ["a"], 3, "class_names is needed"),
        (NAMES, ["z"], 3, r"label 'z', which is none of class_names \(a, b, c"),
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


def test_scores() -> None:
    logits, other = torch.randn(7, 3), torch.randn(7, 5)
    assert find_scores(logits, 7) is logits
    assert find_scores({"hidden": other, "logits": logits}, 7) is logits
    assert find_scores((logits, other), 7) is logits
    assert find_scores(torch.randn(7), 7) is not None
    assert find_scores(torch.randn(7, 3, 4), 7) is None
    assert find_scores(torch.randn(6, 3), 7) is None
    assert find_scores("nothing", 7) is None
