"""The graph of a model that only runs on real tensors, from TensorFlow's own trace of it.

Layers are seen by their calls; data is followed from one to the next back through TensorFlow's operations, which are left out.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras

from tensorboard_activis.capture import keras_calls
from tensorboard_activis.capture.keras_nodes import data_inputs

if TYPE_CHECKING:
    from tensorboard_activis.capture.keras_graph import Recorder


def run(recorder: "Recorder", model: Any, inputs: Any) -> None:
    """Trace `model` once and tell `recorder` of every layer's call. Raises whatever the model raises."""
    import tensorflow as tf

    registered: dict[str, Any] = {}  # by TensorFlow's name: its Python objects for one tensor come and go

    def register(tensors: list[Any]) -> None:
        registered.update((tensor.name, tensor) for tensor in tensors)

    def origins(tensors: list[Any]) -> list[Any]:
        """The registered tensors from which `tensors` were computed."""
        found: dict[str, Any] = {}
        seen: set[str] = set()
        waiting = list(tensors)
        while waiting:
            tensor = waiting.pop()
            if tensor.name in seen:
                continue
            seen.add(tensor.name)
            if tensor.name in registered:
                found[tensor.name] = registered[tensor.name]
            else:
                waiting += list(tensor.op.inputs)
        return list(found.values())

    def inside_closed() -> bool:
        return any(not keras_calls.is_container(operation) for operation in open_calls)

    open_calls: list[Any] = []
    outermost: Any = None

    def begun(operation: Any, call: keras_calls.Call) -> None:
        if not inside_closed():
            stack = names.stack
            kind = "module" if isinstance(operation, keras.layers.Layer) else "operator"
            parent = stack[-2].key if len(stack) > 1 else None
            recorder.begin(call.key, operation, call.path, call.number, kind, parent)
        open_calls.append(operation)

    def seen(
        operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
    ) -> None:
        open_calls.pop()
        if inside_closed():
            return
        flat = [tensor for tensor in data_inputs(args, kwargs) if tf.is_tensor(tensor)]
        leaf = not keras_calls.is_container(operation)
        # Inside a loop or a branch: a graph of its own, whose tensors nobody outside can have.
        hidden = tf.compat.v1.get_default_graph() is not outermost
        draft = recorder.drafts[call.key]
        recorder.end(draft, origins(flat), outputs, leaf=leaf)
        if hidden:
            recorder.hide(draft)
        if leaf:
            register([tensor for tensor in keras.tree.flatten(outputs) if tf.is_tensor(tensor)])

    def forward(tensors: Any) -> None:
        nonlocal outermost
        outermost = tf.compat.v1.get_default_graph()
        register(keras.tree.flatten(tensors))
        recorder.ends("/input", "input", tensors)
        outputs = model(tensors, training=False)
        for key, tensor in keras_calls.parts("/output", outputs):
            recorder.ends(key, "output", tensor)
            for origin in origins([tensor]):
                recorder.connect(origin, key)

    with keras_calls.intercepted(model, seen, begun) as names:
        recorder.names = names
        specs = keras.tree.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), inputs)
        tf.function(forward, autograph=False).get_concrete_function(specs)
