"""Reads a model's output: its tensors, and the scores of instances or of positions."""

from typing import Any

import torch

from tensorboard_activis.capture.score_output import Outputs
from tensorboard_activis.capture.torch.model.modules import nested_tensors


def score_tensors(output: Any) -> Outputs:
    """The tensors of a model's output that may be scores, with their key paths; nested sequences are padded."""
    return [
        (key_path, torch.nested.to_padded_tensor(tensor, 0.0) if tensor.is_nested else tensor)
        for key_path, tensor in nested_tensors(output)
        if isinstance(tensor, torch.Tensor) and not tensor.is_complex()
    ]


def as_scores(tensor: torch.Tensor | None, instances: int, positions: int | None = None) -> torch.Tensor | None:
    """A tensor as one score per class, or one number, for each instance.

    Arguments:
        tensor: an output of the model.
        instances: in the batch.
        positions: how many positions of each instance have labels; scores are then [instances, positions, classes].

    Returns:
        [instances, classes] or [instances], with `positions` [instances, positions, classes]; None if the tensor is something else
        (a map, a sequence).
    """
    if tensor is None or not tensor.dim() or tensor.shape[0] != instances:
        return None
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    if positions is None:
        return tensor if tensor.dim() in (1, 2) else None
    if tensor.dim() == 3 and tensor.shape[1] == positions:
        return tensor
    if tensor.dim() == 3 and tensor.shape[2] == positions:  # as cross_entropy has it: [instances, classes, positions]
        return tensor.transpose(1, 2)
    return None
