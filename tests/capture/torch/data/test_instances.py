"""What torch batches say of their instances."""

from typing import Any

import numpy as np
import pytest
import torch

from tensorboard_activis.capture.torch.data.batch import Batch
from tensorboard_activis.capture.torch.data.instances import labels_of


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (torch.tensor([2, 0]), np.array([2, 0])),
        (torch.tensor([[0.5], [2]], dtype=torch.bfloat16), np.array([[0.5], [2]], np.float32)),
        (torch.tensor([0.5, 2], dtype=torch.float16), np.array([0.5, 2], np.float32)),
        (torch.tensor([0.5, 2], requires_grad=True), np.array([0.5, 2], np.float32)),
        ([torch.tensor(2), torch.tensor(0)], [2, 0]),
        ([torch.tensor([2, 1]), torch.tensor([])], [[2, 1], []]),
        (["ant", "bee"], ["ant", "bee"]),
        (None, None),
    ],
)
def test_labels_are_without_tensors(labels: Any, expected: Any) -> None:
    found = labels_of(Batch((), {}, labels, 2, None))
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected
