"""Tensors of any output, and what of them are scores of instances or of positions."""

import torch

from tensorboard_activis.capture.torch.data.scores import as_scores, score_tensors


def test_tensors_that_may_be_scores() -> None:
    logits, other = torch.randn(7, 3), torch.randn(7, 5)
    assert score_tensors(logits) == [("", logits)]
    assert [path for path, _ in score_tensors({"hidden": (other, None), "logits": logits})] == [
        "[hidden][0]",
        "[logits]",
    ]
    complex_numbers = torch.complex(other, other)
    nested = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=torch.jagged)
    found = score_tensors((complex_numbers, nested, logits))
    assert [path for path, _ in found] == ["[1]", "[2]"]
    assert found[0][1].tolist() == [[[1] * 3] * 2 + [[0] * 3] * 2, [[1] * 3] * 4]
    assert score_tensors("nothing") == []


def test_scores_of_instances() -> None:
    logits = torch.randn(7, 3)
    assert as_scores(logits, 7) is logits
    assert as_scores(torch.randn(7), 7) is not None
    assert as_scores(torch.randn(7, 3, 4), 7) is None
    assert as_scores(torch.randn(6, 3), 7) is None
    assert as_scores(torch.tensor(1.0), 1) is None
    assert as_scores(None, 7) is None


def test_scores_of_positions() -> None:
    scores = torch.randn(7, 5, 3)
    assert as_scores(scores, 7, 5) is scores
    transposed = as_scores(scores.transpose(1, 2), 7, 5)
    assert transposed is not None
    assert torch.equal(transposed, scores)
    assert as_scores(scores, 7, 4) is None
