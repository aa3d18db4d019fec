"""The graph of a model that only runs on real tensors: its layers are seen by their calls.

TensorFlow's own trace tells how data flows from one layer to the next; its operations are left out. Where that fails too, or the
backend has no such graph, the model runs once on data and the layers are known without edges.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.interrupts import bracketed
from tensorboard_activis.capture.keras import calls as keras_calls
from tensorboard_activis.capture.keras.graph_recorder import Recorder
from tensorboard_activis.capture.keras.nodes import data_inputs


def run_traced(recorder: Recorder, model: Any, inputs: Any) -> None:
    """Trace `model` with TensorFlow and tell `recorder` of every layer's call. Raises whatever the model raises.

    Arguments:
        inputs: KerasTensors.
    """
    import tensorflow as tf

    def forward(tensors: Any) -> None:
        _Observer(recorder, model, _Flow(tf)).run(tensors)

    specs = keras.tree.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), inputs)
    tf.function(forward, autograph=False).get_concrete_function(specs)


def run_on_data(recorder: Recorder, model: Any, batch: Any) -> None:
    """Run `model` eagerly on a batch of arrays; no edges. Raises whatever the model raises."""
    _Observer(recorder, model, _NoFlow()).run(keras.tree.map_structure(keras.ops.convert_to_tensor, batch))


class _NoFlow:
    """Of eager tensors nobody knows what they were made from."""

    def register(self, tensors: list[Any]) -> None:
        pass

    def origins(self, tensors: list[Any]) -> list[Any]:
        # For the neuron axis, which an output of equal shape has from its input.
        return tensors

    def is_hidden(self) -> bool:
        return False


class _Flow:
    """Follows tensors back through TensorFlow's operations."""

    def __init__(self, tensorflow: Any) -> None:
        self._tf = tensorflow
        self._registered: dict[str, Any] = {}  # by TensorFlow's name: its Python objects for one tensor come and go
        self._outermost = tensorflow.compat.v1.get_default_graph()

    def register(self, tensors: list[Any]) -> None:
        """Make these tensors ends of the way back."""
        self._registered.update((tensor.name, tensor) for tensor in tensors)

    def origins(self, tensors: list[Any]) -> list[Any]:
        """The registered tensors from which `tensors` were computed."""
        found: dict[str, Any] = {}
        seen: set[str] = set()
        waiting = list(tensors)
        while waiting:
            tensor = waiting.pop()
            if tensor.name in self._registered:
                found[tensor.name] = self._registered[tensor.name]
            elif tensor.name not in seen:
                seen.add(tensor.name)
                waiting += list(tensor.op.inputs)
        return list(found.values())

    def is_hidden(self) -> bool:
        """Whether a loop or a branch is being traced: a graph of its own, whose tensors nobody outside can have."""
        return self._tf.compat.v1.get_default_graph() is not self._outermost


class _Observer:
    """Runs a model and tells the recorder of the calls in it."""

    def __init__(self, recorder: Recorder, model: Any, flow: _Flow | _NoFlow) -> None:
        self._recorder, self._model, self._flow = recorder, model, flow
        self._open: list[Any] = []

    def run(self, tensors: Any) -> None:
        self._flow.register(keras.tree.flatten(tensors))
        self._recorder.ends("/input", "input", tensors)
        intercepted = keras_calls.intercepted(self._model, self._ended, self._began)

        def enter() -> None:
            self._recorder.names = stack.enter_context(intercepted)

        stack = ExitStack()
        outputs = bracketed(enter, lambda: self._model(tensors, training=False), lambda failed: stack.close())
        for key, tensor in keras_calls.parts("/output", outputs):
            self._recorder.ends(key, "output", tensor)
            for origin in self._flow.origins([tensor]):
                self._recorder.connect(origin, key)

    def _inside_closed(self) -> bool:
        return any(not keras_calls.is_container(operation) for operation in self._open)

    def _began(self, operation: Any, call: keras_calls.Call) -> None:
        if not self._inside_closed():
            stack = self._recorder.names.stack
            kind = "module" if isinstance(operation, keras.layers.Layer) else "operator"
            parent = stack[-2].key if len(stack) > 1 else None
            self._recorder.begin(call.key, operation, call.path, call.number, kind, parent)
        self._open.append(operation)

    def _ended(
        self, operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
    ) -> None:
        self._open.pop()
        if self._inside_closed():
            return
        inputs = _tensors(data_inputs(args, kwargs))
        leaf = not keras_calls.is_container(operation)
        draft = self._recorder.drafts[call.key]
        self._recorder.end(draft, self._flow.origins(inputs), outputs, leaf=leaf)
        if leaf:
            self._flow.register(_tensors(keras.tree.flatten(outputs)))
        if self._flow.is_hidden():
            self._recorder.hide(draft)


def _tensors(values: list[Any]) -> list[Any]:
    is_tensor: Callable[[Any], bool] = keras.ops.is_tensor
    return [value for value in values if is_tensor(value) and not isinstance(value, np.ndarray)]
