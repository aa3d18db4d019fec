"""The logits, or predicted numbers, are found in any output."""

import torch

from tensorboard_activis.capture.torch.data.scores import find_scores


def test_scores() -> None:
    logits, other = torch.randn(7, 3), torch.randn(7, 5)
    assert find_scores(logits, 7) is logits
    assert find_scores({"hidden": other, "logits": logits}, 7) is logits
    assert find_scores((logits, other), 7) is logits
    assert find_scores(torch.randn(7), 7) is not None
    assert find_scores(torch.randn(7, 3, 4), 7) is None
    assert find_scores(torch.randn(6, 3), 7) is None
    assert find_scores("nothing", 7) is None
