"""Which positions of a sequence are real, followed through a forward pass further than Keras does."""

from collections.abc import Mapping
from typing import Any

import keras
from keras.src.backend import get_keras_mask


class Masks:
    """The masks of one forward pass, by tensor.

    Keras drops a mask where a layer does not know masks, and takes it off a tensor that goes into an attention layer, so that
    behind the first residual connection of a Transformer nothing is masked. Padding stays padding: where Keras has no mask, an
    output inherits that of an input with the same positions.
    """

    def __init__(self) -> None:
        # Tensors are held, for ids are used again as soon as one dies.
        self._known: dict[int, tuple[Any, Any]] = {}

    def of(
        self, operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any, number: int
    ) -> Any | None:
        """The mask of one of a call's outputs, bool [instances, positions]; None where all is real.

        To be asked at the end of every call, before Keras itself attaches the mask.
        """
        output = keras.tree.flatten(outputs)[number]
        mask = _own_mask(operation, args, kwargs, output, number)
        if mask is None:
            mask = self._inherited(keras.tree.flatten((args, dict(kwargs))), output)
        if mask is not None:
            self._known[id(output)] = output, mask
        return mask

    def known(self, tensor: Any) -> Any | None:
        """The mask that `of` gave for this tensor."""
        return self._known[id(tensor)][1] if id(tensor) in self._known else None

    def _inherited(self, inputs: list[Any], output: Any) -> Any | None:
        for tensor in inputs:
            if id(tensor) in self._known:
                mask = self._known[id(tensor)][1]
                positions = len(mask.shape)
                if len(output.shape) > positions and tuple(output.shape[:positions]) == tuple(tensor.shape[:positions]):
                    return mask
        return None


def _own_mask(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any, number: int) -> Any | None:
    """What Keras will attach."""
    mask = get_keras_mask(output)
    if mask is not None or not getattr(operation, "supports_masking", False):
        return mask
    inputs = args[0] if args else next(iter(kwargs.values()), None)
    before = kwargs.get("mask")
    if before is None:
        before = keras.tree.map_structure(get_keras_mask, inputs)
    masks = operation.compute_mask(inputs, before)
    flat = [] if masks is None else keras.tree.flatten(masks)
    return flat[number] if number < len(flat) else None
