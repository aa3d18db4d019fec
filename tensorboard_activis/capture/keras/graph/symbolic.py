"""Runs a forward pass on KerasTensors and records every call of a layer or operator.

Keras's operators, such as `keras.ops.relu` or `+`, can be intercepted only here: on tensors with values they run directly.
"""

import threading
from typing import Any

import keras

from tensorboard_activis.capture.isolation.interrupts import bracketed
from tensorboard_activis.capture.keras.graph.builder import GraphBuilder
from tensorboard_activis.capture.keras.graph.head_nodes import SeenHeads
from tensorboard_activis.capture.keras.graph.nodes import data_inputs
from tensorboard_activis.capture.keras.model import calls as keras_calls

# Operators that Keras inserts between layers; they are not shown in the graph.
_TRANSPARENT = {"Cast", "ConvertToTensor"}


def run_symbolically(builder: GraphBuilder, model: Any, inputs: Any) -> Any:
    """Calls `model` on KerasTensors and adds every call in it to `builder`. Raises whatever the model raises.

    Returns:
        The model's outputs.
    """
    thread = threading.get_ident()
    layer_class, operation_class = keras.layers.Layer, keras.Operation
    originals = layer_class.symbolic_call, operation_class.symbolic_call

    def symbolic_call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            original = originals[0] if isinstance(operation, layer_class) else originals[1]
            return original(operation, *args, **kwargs)
        return _call(builder, operation, args, kwargs)

    def patch() -> None:
        layer_class.symbolic_call = operation_class.symbolic_call = symbolic_call

    def run() -> Any:
        # The node of the model is added by `_call`, those of its inputs here.
        builder.add_model_tensors("/input", "input", inputs)
        return model(inputs, training=False)

    def restore(failed: bool) -> None:
        layer_class.symbolic_call, operation_class.symbolic_call = originals

    outputs = bracketed(patch, run, restore)
    builder.add_model_tensors("/output", "output", outputs)
    return outputs


def _call(builder: GraphBuilder, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    inputs = [tensor for tensor in data_inputs(args, kwargs) if isinstance(tensor, keras.KerasTensor)]
    parent = builder.names.parent.key if builder.names.stack else None
    if id(operation) not in builder.operation_ids:  # created by a function of `keras.ops`
        return _operator(builder, operation, args, kwargs, inputs)
    call = builder.names.enter(operation)
    kind = "module" if isinstance(operation, keras.layers.Layer) else "operator"
    draft = builder.begin(call.key, operation, call.path, call.number, kind, parent)
    heads = SeenHeads.of(operation, args, kwargs)
    try:
        if keras_calls.has_operators(operation):
            before = builder.names.copy(), len(builder.drafts), dict(builder.edges)
            try:
                outputs = operation.call(*args, **kwargs)
                builder.end(draft, inputs, outputs, leaf=False, heads=heads)
                return outputs
            except Exception:
                if parent is None:
                    raise
                # Its code cannot run symbolically: make it a leaf, and remove the nodes inside.
                draft.closed = True
                builder.names, drafts, builder.edges = before
                for key in list(builder.drafts)[drafts:]:
                    del builder.drafts[key]
        outputs = builder.compute_outputs(operation, args, kwargs)
        builder.end(draft, inputs, outputs, leaf=True, heads=heads)
        return outputs
    finally:
        builder.names.leave()


def _operator(
    builder: GraphBuilder, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: list[Any]
) -> Any:
    outputs = builder.compute_outputs(operation, args, kwargs)
    if type(operation).__name__ in _TRANSPARENT:
        builder.alias(inputs[0], outputs)
        return outputs
    key = builder.names.operator(type(operation).__name__)
    draft = builder.begin(key, operation, key, 0, "operator", builder.names.parent.key)
    draft.replayed = True
    builder.end(draft, inputs, outputs, leaf=True)
    return outputs
