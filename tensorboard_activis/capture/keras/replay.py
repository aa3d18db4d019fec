"""Runs a forward pass symbolically and computes the values beside it, so that operators in the code of layers can be captured.

Every leaf is called on values; the model's code gets a KerasTensor in place of each result. Names are assigned by the same code as
for the graph. Its limit: code that depends on whether a tensor has values, or on the size of an open axis, may behave differently.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras.src.backend import set_keras_mask

from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.keras.attention.calls import AttentionCall, Ends, attention_intercepted
from tensorboard_activis.capture.keras.graph.builder import GraphBuilder
from tensorboard_activis.capture.keras.graph.head_nodes import SeenHeads
from tensorboard_activis.capture.keras.graph.nodes import DraftNode
from tensorboard_activis.capture.keras.graph.symbolic import run_symbolically
from tensorboard_activis.capture.keras.masks import Masks
from tensorboard_activis.capture.keras.model import calls as keras_calls

#: Called with (key, tensor, mask) of every output tensor; the mask is bool [instances, positions] or None.
OnOutput = Callable[[str, Any, Any], None]


#: Called with (key of the layer, attention, and the masks of what looks and of what is looked at).
OnAttention = Callable[[str, AttentionCall, Any, Any], None]


#: Called with (key, outputs) after each call of a layer or operation.
OnCall = Callable[[str, Any], None]


def replay(
    model: Any,
    inputs: Any,
    on_output: OnOutput,
    on_attention: OnAttention | None = None,
    on_call: OnCall | None = None,
) -> Any:
    """Runs `model` on tensors; `on_output(key, tensor, mask)` is called with every output tensor of a graph node.

    Arguments:
        on_attention: called after each call of a layer that computes attention; None if heads are not wanted.
        on_call: is not called: a replay has no outputs of calls.

    Returns:
        The model's outputs.

    Raises:
        Exception: whatever the model raises, on values or on KerasTensors.
    """
    builder = Replay(frozenset(map(id, keras_calls.operations(model))), on_output, on_attention)
    contexts = [] if on_attention is None else [attention_intercepted(model, builder.attend)]
    outputs = within(lambda: run_symbolically(builder, model, builder.symbols(inputs)), *contexts)
    return builder.values(outputs)


class Replay(GraphBuilder):
    """A graph builder that also computes the value of every output."""

    def __init__(
        self, operation_ids: frozenset[int], on_output: OnOutput, on_attention: OnAttention | None = None
    ) -> None:
        super().__init__(operation_ids)
        self._on_attention = on_attention
        self._attention: dict[int, AttentionCall] = {}
        self._values: dict[int, Any] = {}
        self._masks = Masks()
        self._on_output = on_output

    def symbols(self, values: Any) -> Any:
        """KerasTensors in place of the tensors of a structure."""
        return keras.tree.map_structure(self._symbol, values)

    def values(self, symbols: Any) -> Any:
        """The tensors in place of the KerasTensors of a structure; other values stay."""
        return keras.tree.map_structure(
            lambda part: self._values[id(part)] if isinstance(part, keras.KerasTensor) else part, symbols
        )

    def compute_outputs(self, operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        args, kwargs = self.values(args), self.values(dict(kwargs))
        quantized = getattr(operation, "quantization_mode", None) is not None
        outputs = (operation.quantized_call if quantized else operation.call)(*args, **kwargs)
        attention, ends = self._attention.pop(id(operation), None), Ends.of(operation, args, kwargs)
        if attention is not None and ends is not None and self._on_attention is not None:
            rows, columns = (self._masks.of_positions(each) for each in (ends.query, ends.value))
            self._on_attention(self.names.parent.key, attention, rows, columns)
        for number, output in enumerate(keras.tree.flatten(outputs)):
            if keras.ops.is_tensor(output):
                mask = self._masks.propagate(operation, args, kwargs, outputs, number)
                if getattr(operation, "supports_masking", False) and mask is not None:
                    set_keras_mask(output, mask)
        return self.symbols(outputs)

    def attend(self, layer: Any, call: AttentionCall) -> None:
        """Keeps an attention until the call of its layer has ended."""
        self._attention[id(layer)] = call

    def end(
        self, draft: DraftNode, inputs: list[Any], outputs: Any, *, leaf: bool, heads: SeenHeads | None = None
    ) -> None:
        super().end(draft, inputs, outputs, leaf=leaf, heads=heads)
        for key, symbol in keras_calls.output_tensors(draft.key, outputs):
            value = self._values[id(symbol)]
            self._on_output(key, value, self._masks.get(value))

    def _symbol(self, value: Any) -> Any:
        if not keras.ops.is_tensor(value):
            return value
        symbol = keras.KerasTensor(tuple(value.shape), keras.backend.standardize_dtype(value.dtype))
        self.alive += [symbol, value]
        self._values[id(symbol)] = value
        return symbol
