"""What a model answered, as far as it says how it takes an instance."""

from typing import Any

import torch

from tensorboard_activis.capture.torch.modules import leaves


def find_scores(output: Any, instances: int, positions: int | None = None) -> torch.Tensor | None:
    """The tensor with one score per class, or one number, for each instance: `logits` if the output names them so.

    Arguments:
        output: of the model, however nested.
        instances: of the batch.
        positions: how many positions of each instance have labels; scores are then [instances, positions, classes].

    Returns:
        [instances, classes] or [instances]; None where the model's answer is something else (a map, a sequence).
    """
    found = [(part, leaf) for part, leaf in leaves(output) if isinstance(leaf, torch.Tensor)]
    named = [leaf for part, leaf in found if "logits" in part]
    for leaf in named or [leaf for _, leaf in found[:1]]:
        if not leaf.dim() or leaf.shape[0] != instances or leaf.is_complex() or leaf.is_nested:
            continue
        leaf = leaf.dequantize() if leaf.is_quantized else leaf
        if leaf.dim() in (1, 2) and positions is None:
            return leaf
        if leaf.dim() == 3 and positions is not None:
            if leaf.shape[1] == positions:
                return leaf
            if leaf.shape[2] == positions:  # as cross_entropy has it: [instances, classes, positions]
                return leaf.transpose(1, 2)
    return None
