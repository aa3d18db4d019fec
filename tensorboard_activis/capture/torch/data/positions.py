"""Which positions a batch has, the tokens of its sequences or the places of its maps, where each of them is an instance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors

#: Inputs of these names are tokens, the first of them those of the positions; of an encoder-decoder, the decoder's.
_TOKENS = ("decoder_input_ids", "input_ids", "tokens")


@dataclass(frozen=True)
class Positions:
    """The positions of a batch that are instances, in row-major order: of the first sequence, then of the second.

    Attributes:
        sizes: of the axes of positions, behind that of the sequences.
        mask: bool [sequences, *sizes], False in padding, on the CPU; None: nothing is padding.
        sequence: int [positions], the sequence or map of each.
        position: int64 [positions]: in a sequence counted over its own tokens; of a map the flat index.
    """

    sizes: tuple[int, ...]
    mask: torch.Tensor | None
    sequence: np.ndarray
    position: np.ndarray

    @classmethod
    def of(cls, sizes: tuple[int, ...], sequences: int, mask: torch.Tensor | None) -> "Positions":
        """Positions of these sizes, without padding where a mask [sequences, positions] is of them."""
        of_each = int(np.prod(sizes, dtype=np.int64))
        real = None if mask is None or tuple(mask.shape) != (sequences, *sizes) else mask.cpu()
        if real is None or bool(real.all()):
            sequence = np.repeat(np.arange(sequences), of_each)
            return cls(sizes, None, sequence, np.tile(np.arange(of_each), sequences))
        sequence = real.nonzero()[:, 0].numpy()
        starts = np.searchsorted(sequence, np.arange(sequences))
        return cls(sizes, real, sequence, np.arange(sequence.size) - starts[sequence])

    def __len__(self) -> int:
        return len(self.sequence)

    def rows(self, values: torch.Tensor) -> torch.Tensor:
        """What [sequences, *sizes, ...] has at each position, [positions, ...]."""
        flat = values.flatten(0, len(self.sizes))
        return flat if self.mask is None else flat[self.mask.flatten().to(values.device)]


def position_sizes(labels: Any, batch: Batch, *, decodes: bool = False) -> tuple[int, ...] | None:
    """Sizes of the axes of positions: those of the labels; without labels those of the mask, the tokens, the images or the vectors.

    Arguments:
        labels: of the batch, as an array; None if there are none, or they are not known yet.
        batch: what the model is given.
        decodes: whether the model is an encoder-decoder, whose positions are the decoder's.

    Returns:
        None if nothing tells.
    """
    if isinstance(labels, np.ndarray) and labels.ndim >= 2 and labels.dtype.kind in "iu":
        return tuple(labels.shape[1:])
    if decodes:
        found = tokens_of(batch, None, decodes=True)
        return None if found is None else tuple(found.shape[1:])
    if batch.mask is not None:
        return tuple(batch.mask.shape[1:])
    tokens = tokens_of(batch, None)
    if tokens is not None:
        return tuple(tokens.shape[1:])
    for tensor in _inputs(batch):
        if tensor.is_floating_point() and tensor.shape[0] == batch.instances:
            if tensor.dim() >= 4:
                channels_last = tensor.dim() == 4 and tensor.shape[1] > 4 >= tensor.shape[3]
                return tuple(tensor.shape[1:3] if channels_last else tensor.shape[2:])
            if tensor.dim() == 3:
                return (tensor.shape[1],)
    return None


def tokens_of(batch: Batch, sizes: tuple[int, ...] | None, *, decodes: bool = False) -> torch.Tensor | None:
    """Token ids of the positions of a batch, int [sequences, positions]; None if the model is given none.

    Arguments:
        sizes: of the positions; None: any.
        decodes: whether only those of a decoder count.
    """
    named = [batch.kwargs[name] for name in (_TOKENS[:1] if decodes else _TOKENS) if name in batch.kwargs]
    inputs = [] if decodes else [value for value in (batch.args, batch.kwargs) if value]
    for tensor in all_tensors([named, inputs]):
        whole = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
        fits = tensor.dim() == 2 and tensor.shape[0] == batch.instances and tensor is not batch.mask
        if whole and fits and sizes in (None, tuple(tensor.shape[1:])):
            return torch.nested.to_padded_tensor(tensor, 0) if tensor.is_nested else tensor
    return None


def mask_of(batch: Batch, *, decodes: bool = False) -> torch.Tensor | None:
    """The padding mask of the positions, bool [sequences, positions]."""
    if not decodes:
        return batch.mask
    mask = batch.kwargs.get("decoder_attention_mask")
    return mask.bool() if isinstance(mask, torch.Tensor) else None


def is_encoder_decoder(model: Any) -> bool:
    """Whether a model of Hugging Face has an encoder and a decoder."""
    return bool(getattr(getattr(model, "config", None), "is_encoder_decoder", False))


def _inputs(batch: Batch) -> list[torch.Tensor]:
    kwargs: Mapping[str, Any] = batch.kwargs
    return [tensor for tensor in all_tensors([batch.args, kwargs]) if tensor.dim() and not tensor.is_nested]
