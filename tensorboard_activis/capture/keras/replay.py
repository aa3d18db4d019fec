"""A forward pass that runs symbolically with the values beside it, so that operators in the code of layers are seen as well.

Every leaf is called on values, and what stands for its result in the model's code is a KerasTensor. Names come about as in the
graph, by the same code. The price: code that asks whether it has values, or for the size of an open axis, may do another thing.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras.src.backend import set_keras_mask

from tensorboard_activis.capture.keras import calls as keras_calls
from tensorboard_activis.capture.keras.graph_recorder import Recorder
from tensorboard_activis.capture.keras.masks import Masks
from tensorboard_activis.capture.keras.nodes import Draft
from tensorboard_activis.capture.keras.symbolic import run_symbolically

Seen = Callable[[str, Any, Any], None]


def replay(model: Any, inputs: Any, seen: Seen) -> Any:
    """Run `model` on tensors; `seen(key, tensor, mask)` is told of every tensor that a graph node gives.

    Returns:
        The model's outputs.

    Raises:
        Exception: whatever the model raises, on values or on KerasTensors.
    """
    replayed = Replay(frozenset(map(id, keras_calls.operations(model))), seen)
    outputs = run_symbolically(replayed, model, replayed.symbols(inputs))
    return replayed.values(outputs)


class Replay(Recorder):
    """Finds the names of calls as any recorder, and computes what they give."""

    def __init__(self, known: frozenset[int], seen: Seen) -> None:
        super().__init__(known)
        self._values: dict[int, Any] = {}
        self._masks = Masks()
        self._seen = seen

    def symbols(self, values: Any) -> Any:
        """KerasTensors that stand for tensors, in any structure."""
        return keras.tree.map_structure(self._symbol, values)

    def values(self, symbols: Any) -> Any:
        """The tensors behind KerasTensors, in any structure; all else as it is."""
        return keras.tree.map_structure(
            lambda part: self._values[id(part)] if isinstance(part, keras.KerasTensor) else part, symbols
        )

    def result(self, operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        args, kwargs = self.values(args), self.values(dict(kwargs))
        quantized = getattr(operation, "quantization_mode", None) is not None
        outputs = (operation.quantized_call if quantized else operation.call)(*args, **kwargs)
        for number, output in enumerate(keras.tree.flatten(outputs)):
            if keras.ops.is_tensor(output):
                mask = self._masks.of(operation, args, kwargs, outputs, number)
                if getattr(operation, "supports_masking", False) and mask is not None:
                    set_keras_mask(output, mask)
        return self.symbols(outputs)

    def end(self, draft: Draft, inputs: list[Any], outputs: Any, *, leaf: bool) -> None:
        super().end(draft, inputs, outputs, leaf=leaf)
        for key, symbol in keras_calls.parts(draft.key, outputs):
            value = self._values[id(symbol)]
            self._seen(key, value, self._masks.known(value))

    def _symbol(self, value: Any) -> Any:
        if not keras.ops.is_tensor(value):
            return value
        symbol = keras.KerasTensor(tuple(value.shape), keras.backend.standardize_dtype(value.dtype))
        self.kept += [symbol, value]
        self._values[id(symbol)] = value
        return symbol
