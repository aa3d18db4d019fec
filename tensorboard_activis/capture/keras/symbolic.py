"""A forward pass on tensors without values, in which every layer's and every operator's call is seen.

Keras's operators, `keras.ops.relu` or `+`, show themselves only here: on tensors with values they run at once.
"""

import threading
from typing import Any

import keras

from tensorboard_activis.capture.interrupts import bracketed
from tensorboard_activis.capture.keras import calls as keras_calls
from tensorboard_activis.capture.keras.graph_recorder import Recorder
from tensorboard_activis.capture.keras.nodes import data_inputs

# Operators that Keras inserts by itself between layers; no reader of a graph looks for them.
_TRANSPARENT = {"Cast", "ConvertToTensor"}


def run_symbolically(recorder: Recorder, model: Any, inputs: Any) -> Any:
    """Call `model` on KerasTensors and tell `recorder` of every call in it. Raises whatever the model raises.

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
        return _call(recorder, operation, args, kwargs)

    def patch() -> None:
        layer_class.symbolic_call = operation_class.symbolic_call = symbolic_call

    def run() -> Any:
        # The model's own node comes first, its inputs second: `_call` begins the one, this the others.
        recorder.ends("/input", "input", inputs)
        return model(inputs, training=False)

    def restore(failed: bool) -> None:
        layer_class.symbolic_call, operation_class.symbolic_call = originals

    outputs = bracketed(patch, run, restore)
    recorder.ends("/output", "output", outputs)
    return outputs


def _call(recorder: Recorder, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    inputs = [tensor for tensor in data_inputs(args, kwargs) if isinstance(tensor, keras.KerasTensor)]
    parent = recorder.names.parent.key if recorder.names.stack else None
    if id(operation) not in recorder.known:  # made by `keras.ops` just now
        return _operator(recorder, operation, args, kwargs, inputs)
    call = recorder.names.enter(operation)
    kind = "module" if isinstance(operation, keras.layers.Layer) else "operator"
    draft = recorder.begin(call.key, operation, call.path, call.number, kind, parent)
    try:
        if keras_calls.has_operators(operation):
            before = recorder.names.copy(), len(recorder.drafts), dict(recorder.edges)
            try:
                outputs = operation.call(*args, **kwargs)
                recorder.end(draft, inputs, outputs, leaf=False)
                return outputs
            except Exception:
                if parent is None:
                    raise
                # Its own code cannot run symbolically: show it closed, and forget what was seen inside.
                draft.closed = True
                recorder.names, drafts, recorder.edges = before
                for key in list(recorder.drafts)[drafts:]:
                    del recorder.drafts[key]
        outputs = recorder.result(operation, args, kwargs)
        recorder.end(draft, inputs, outputs, leaf=True)
        return outputs
    finally:
        recorder.names.leave()


def _operator(
    recorder: Recorder, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: list[Any]
) -> Any:
    outputs = recorder.result(operation, args, kwargs)
    if type(operation).__name__ in _TRANSPARENT:
        recorder.same(inputs[0], outputs)
        return outputs
    key = recorder.names.operator(type(operation).__name__)
    draft = recorder.begin(key, operation, key, 0, "operator", recorder.names.parent.key)
    draft.replayed = True
    recorder.end(draft, inputs, outputs, leaf=True)
    return outputs
