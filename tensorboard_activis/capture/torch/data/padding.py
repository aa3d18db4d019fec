"""Tells the padding of a batch of sequences: by its mask, by its lengths, or by sequences that are nested."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from tensorboard_activis.capture.data.batch_forms import MASK_KEYS
from tensorboard_activis.capture.torch.data.batch import all_tensors
from tensorboard_activis.capture.torch.model.modules import argument_names, nested_lengths

#: As torch's attention modules take them: True in padding.
PADDING_KEYS = ("src_key_padding_mask", "key_padding_mask")
#: Numbers of positions from the first on that are real, as packing takes them.
LENGTH_KEYS = ("lengths", "length", "seq_lengths", "seq_lens", "sequence_lengths", "input_lengths", "text_lengths")


def named_inputs(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What a model is called with, by the names of its arguments."""
    return {**dict(zip(argument_names(model, len(args)), args, strict=True)), **kwargs}


def padding_mask(inputs: Mapping[str, Any], instances: int) -> torch.Tensor | None:
    """The padding mask, bool [instances, positions], False in padding; None if the inputs have none.

    Arguments:
        inputs: of the model, by name.
        instances: in the batch.
    """
    for key in (*MASK_KEYS, *PADDING_KEYS):
        if inputs.get(key) is not None:
            mask = torch.as_tensor(inputs[key])
            if mask.dim() != 2 or mask.shape[0] != instances:
                return None
            if key in MASK_KEYS:
                return mask.bool()
            return ~mask if mask.dtype == torch.bool else mask == 0  # a float mask is added to the attention scores
    tensors = all_tensors(inputs)
    nested = next((tensor for tensor in tensors if tensor.is_nested and tensor.size(0) == instances), None)
    if nested is not None:
        return _up_to(nested_lengths(nested), None)
    for key in LENGTH_KEYS:
        if inputs.get(key) is not None:
            return _mask_of_lengths(torch.as_tensor(inputs[key]), tensors, instances)
    return None


def _mask_of_lengths(lengths: torch.Tensor, tensors: list[torch.Tensor], instances: int) -> torch.Tensor | None:
    """The mask that belongs to lengths: as wide as the first sequences among the inputs; None if they are none of these."""
    if lengths.is_floating_point() or lengths.dtype == torch.bool or lengths.shape != (instances,) or not instances:
        return None
    padded = (tensor.shape[1] for tensor in tensors if tensor.dim() > 1 and tensor.shape[0] == instances)
    width = next(padded, None)
    fits = width is not None and int(lengths.min()) >= 0 and int(lengths.max()) <= width
    return _up_to(lengths, width) if fits else None


def _up_to(lengths: torch.Tensor, width: int | None) -> torch.Tensor:
    size = int(lengths.max()) if width is None else width
    return torch.arange(size, device=lengths.device) < lengths[:, None]
