"""Propagates padding masks through a forward pass, further than Keras does."""

from collections.abc import Mapping
from typing import Any

import keras
from keras.src.backend import get_keras_mask


class Masks:
    """The masks of one forward pass, by tensor.

    Keras drops a mask at a layer that does not support masking, and removes it from the input of an attention layer, so that no
    tensor after the first residual connection of a Transformer has a mask. Here an output without a mask of Keras inherits that
    of an input with the same positions.
    """

    def __init__(self) -> None:
        # With the tensors, so that each `id` stays unique.
        self._masks: dict[int, tuple[Any, Any]] = {}

    def propagate(
        self, operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any, index: int
    ) -> Any | None:
        """The mask of an output tensor of a call, bool [instances, positions], False for padding; None without padding.

        To be called at the end of every call, before Keras attaches the mask.
        """
        output = keras.tree.flatten(outputs)[index]
        mask = _keras_mask(operation, args, kwargs, output, index)
        if mask is None:
            mask = self._inherited(keras.tree.flatten((args, dict(kwargs))), output)
        if mask is not None:
            self._masks[id(output)] = output, mask
        return mask

    def get(self, tensor: Any) -> Any | None:
        """The mask that `propagate` returned for this tensor, or None."""
        return self._masks[id(tensor)][1] if id(tensor) in self._masks else None

    def hand_on(self, tensor: Any, other: Any) -> None:
        """Gives another tensor, which stands for this one from here on, its mask."""
        mask = self.get(tensor)
        if mask is not None:
            self._masks[id(other)] = other, mask

    def of_positions(self, tensor: Any) -> Any | None:
        """The mask of a tensor [instances, positions, ...] with one axis of positions; None without one."""
        mask = self.get(tensor)
        return mask if mask is not None and len(mask.shape) == 2 and len(tensor.shape) == 3 else None

    def _inherited(self, inputs: list[Any], output: Any) -> Any | None:
        for tensor in inputs:
            if id(tensor) in self._masks:
                mask = self._masks[id(tensor)][1]
                positions = len(mask.shape)
                if len(output.shape) > positions and tuple(output.shape[:positions]) == tuple(tensor.shape[:positions]):
                    return mask
        return None


def _keras_mask(
    operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any, index: int
) -> Any | None:
    """The mask that Keras will attach to the output, or None."""
    mask = get_keras_mask(output)
    if mask is not None or not getattr(operation, "supports_masking", False):
        return mask
    inputs = args[0] if args else next(iter(kwargs.values()), None)
    input_masks = kwargs.get("mask")
    if input_masks is None:
        input_masks = keras.tree.map_structure(get_keras_mask, inputs)
    masks = operation.compute_mask(inputs, input_masks)
    flat = [] if masks is None else keras.tree.flatten(masks)
    return flat[index] if index < len(flat) else None
