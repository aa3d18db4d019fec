"""Finds the logits, or predicted numbers, in a model's output."""

from typing import Any

import torch

from tensorboard_activis.capture.torch.model.modules import nested_tensors


def find_scores(output: Any, instances: int, positions: int | None = None) -> torch.Tensor | None:
    """The tensor with one score per class, or one number, for each instance: `logits` if the output has one of that name.

    Arguments:
        output: of the model, nested or not.
        instances: in the batch.
        positions: how many positions of each instance have labels; scores are then [instances, positions, classes].

    Returns:
        [instances, classes] or [instances], with `positions` [instances, positions, classes]; None if the output is something else
        (a map, a sequence).
    """
    everything = [(key_path, tensor) for key_path, tensor in nested_tensors(output) if isinstance(tensor, torch.Tensor)]
    if len(everything) == instances == 1 and positions is None and everything[0][1].dim() < 2:
        everything = [
            (everything[0][0], everything[0][1].reshape(1, -1))
        ]  # squeezed, as by a model that ends in squeeze()
    # A tensor without axes is a loss, which many models put before their logits.
    tensors = [(key_path, tensor) for key_path, tensor in everything if tensor.dim()]
    logits = [tensor for key_path, tensor in tensors if "logits" in key_path]
    for tensor in logits or [tensor for _, tensor in tensors[:1]]:
        if tensor.shape[0] != instances or tensor.is_complex() or tensor.is_nested:
            continue
        tensor = tensor.dequantize() if tensor.is_quantized else tensor
        if tensor.dim() in (1, 2) and positions is None:
            return tensor
        if tensor.dim() == 3 and positions is not None:
            if tensor.shape[1] == positions:
                return tensor
            if tensor.shape[2] == positions:  # as cross_entropy has it: [instances, classes, positions]
                return tensor.transpose(1, 2)
    return None
