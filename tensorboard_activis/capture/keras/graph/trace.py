"""Records the graph of a model that does not run symbolically, by intercepting the calls of its layers.

The edges between layers come from a TensorFlow trace, without TensorFlow's own operations. If tracing fails or the backend has no
graph, the model runs once on data, and the graph has no edges.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.isolation.interrupts import bracketed
from tensorboard_activis.capture.keras.graph.builder import GraphBuilder
from tensorboard_activis.capture.keras.graph.head_nodes import SeenHeads
from tensorboard_activis.capture.keras.graph.nodes import data_inputs
from tensorboard_activis.capture.keras.model import calls as keras_calls


def run_traced(builder: GraphBuilder, model: Any, inputs: Any) -> None:
    """Traces `model` with TensorFlow and adds every call of a layer to `builder`. Raises whatever the model raises.

    Arguments:
        inputs: KerasTensors.
    """
    import tensorflow as tf

    def forward(tensors: Any) -> None:
        _CallObserver(builder, model, _DataFlow(tf)).run(tensors)

    specs = keras.tree.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), inputs)
    tf.function(forward, autograph=False).get_concrete_function(specs)


def run_on_data(builder: GraphBuilder, model: Any, batch: Any) -> None:
    """Runs `model` eagerly on a batch of arrays and adds every call of a layer. Raises whatever the model raises."""
    _CallObserver(builder, model, _NoDataFlow()).run(keras.tree.map_structure(keras.ops.convert_to_tensor, batch))


class _NoDataFlow:
    """In place of `_DataFlow` for eager tensors, whose origins are unknown."""

    def register(self, tensors: list[Any]) -> None:
        pass

    def origins(self, tensors: list[Any]) -> list[Any]:
        # For the neuron axis, which an output of the same shape takes from its input.
        return tensors

    def is_hidden(self) -> bool:
        return False


class _DataFlow:
    """Finds the origins of tensors in a TensorFlow graph."""

    def __init__(self, tensorflow: Any) -> None:
        self._tf = tensorflow
        self._registered: dict[str, Any] = {}  # by TensorFlow's name: the Python objects of a tensor change
        self._outermost = tensorflow.compat.v1.get_default_graph()

    def register(self, tensors: list[Any]) -> None:
        """Makes these tensors possible origins."""
        self._registered.update((tensor.name, tensor) for tensor in tensors)

    def origins(self, tensors: list[Any]) -> list[Any]:
        """The registered tensors from which `tensors` were computed."""
        origins: dict[str, Any] = {}
        visited: set[str] = set()
        pending = list(tensors)
        while pending:
            tensor = pending.pop()
            if tensor.name in self._registered:
                origins[tensor.name] = self._registered[tensor.name]
            elif tensor.name not in visited:
                visited.add(tensor.name)
                pending += list(tensor.op.inputs)
        return list(origins.values())

    def is_hidden(self) -> bool:
        """Whether a loop or a branch is being traced, a graph of its own whose tensors cannot be used outside."""
        return self._tf.compat.v1.get_default_graph() is not self._outermost


class _CallObserver:
    """Runs a model and adds the calls in it to a graph builder."""

    def __init__(self, builder: GraphBuilder, model: Any, flow: _DataFlow | _NoDataFlow) -> None:
        self._builder, self._model, self._flow = builder, model, flow
        self._running: list[Any] = []

    def run(self, tensors: Any) -> None:
        self._flow.register(keras.tree.flatten(tensors))
        self._builder.add_model_tensors("/input", "input", tensors)
        intercepted = keras_calls.intercepted(self._model, self._on_end, self._on_begin)

        def enter() -> None:
            self._builder.names = stack.enter_context(intercepted)

        stack = ExitStack()
        outputs = bracketed(enter, lambda: self._model(tensors, training=False), lambda failed: stack.close())
        for key, tensor in keras_calls.output_tensors("/output", outputs):
            self._builder.add_model_tensors(key, "output", tensor)
            for origin in self._flow.origins([tensor]):
                self._builder.connect(origin, key)

    def _inside_closed(self) -> bool:
        return any(not keras_calls.is_container(operation) for operation in self._running)

    def _on_begin(self, operation: Any, call: keras_calls.Call) -> None:
        if not self._inside_closed():
            stack = self._builder.names.stack
            kind = "module" if isinstance(operation, keras.layers.Layer) else "operator"
            parent = stack[-2].key if len(stack) > 1 else None
            self._builder.begin(call.key, operation, call.path, call.number, kind, parent)
        self._running.append(operation)

    def _on_end(
        self, operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
    ) -> None:
        self._running.pop()
        if self._inside_closed():
            return
        inputs = _tensors(data_inputs(args, kwargs))
        leaf = not keras_calls.is_container(operation)
        draft = self._builder.drafts[call.key]
        heads = None if self._flow.is_hidden() else SeenHeads.of(operation, args, kwargs, self._flow.origins)
        self._builder.end(draft, self._flow.origins(inputs), outputs, leaf=leaf, heads=heads)
        if leaf:
            self._flow.register(_tensors(keras.tree.flatten(outputs)))
        if self._flow.is_hidden():
            self._builder.mark_unobservable(draft)


def _tensors(values: list[Any]) -> list[Any]:
    is_tensor: Callable[[Any], bool] = keras.ops.is_tensor
    return [value for value in values if is_tensor(value) and not isinstance(value, np.ndarray)]
