"""A forward pass that also returns the activations of chosen layers, one float32 number per neuron and instance.

The reduction runs where the model runs, inside the traced function: what leaves the device is small. The function is built
once; batches of every size go through the same trace.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tensorboard_activis.capture import keras_calls
from tensorboard_activis.capture.keras_graph import Recording
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.schema import LayerInfo

REDUCERS = ("mean", "max")

Forward = Callable[[Any], tuple[dict[str, Any], Any]]


def layer_infos(recording: Recording, names: Sequence[str], reducer: str = "mean") -> list[LayerInfo]:
    """What will be recorded of each layer.

    Raises:
        ConfigurationError: a layer's outputs cannot be captured, or have an open number of neurons.
    """
    nodes = {node.key: node for node in recording.graph.nodes}
    infos = []
    for name in names:
        if name not in recording.observable:
            raise ConfigurationError(
                f"The output of {name!r} cannot be recorded: it is no layer, or it never runs. "
                "Name the layer around it, or make a layer of it (keras.layers.Add, keras.layers.ReLU, ...)."
            )
        shape, axis = nodes[name].outputs[0], recording.axes[name]
        neurons = shape.sizes[axis + 1] if len(shape.sizes) > 1 else 1
        if neurons < 0:
            raise ConfigurationError(
                f"The layer {name!r} has outputs of shape {shape.sizes}, with an open number of neurons along axis {axis + 1}. "
                "Leave it out with layers=[...], or give the model's Input a fixed size there."
            )
        kind = reducer if len(shape.sizes) > 2 else "none"
        infos.append(LayerInfo(name, neurons, kind, axis, shape, name in recording.feeds_relu))
    return infos


class Tap:
    """Runs a model for evaluation and captures layers on the way.

    Attributes:
        traces: how often the forward pass was traced.
    """

    def __init__(self, model: Any, layers: Sequence[LayerInfo], inputs: Any) -> None:
        """
        Args:
            model: a built Keras model.
            layers: what to capture.
            inputs: KerasTensors in the structure of the model's inputs, None where sizes vary.
        """
        self.traces = 0
        self._model = model
        self._wanted = {layer.name: layer for layer in layers}
        self._forward = _compiled(self._run, model, inputs)
        self._batch_size = keras.tree.flatten(inputs)[0].shape[0]

    def __call__(self, inputs: Any) -> tuple[dict[str, np.ndarray], Any]:
        """Run one batch.

        Args:
            inputs: arrays [instances, ...] in the structure of the model's inputs.

        Returns:
            By layer, float32 [instances, neurons]; and the model's outputs, float32, in their own structure.
        """
        count = len(keras.tree.flatten(inputs)[0])
        missing = (self._batch_size or count) - count
        if missing > 0:  # a model for batches of one size only, or a backend that compiles for every size
            inputs = keras.tree.map_structure(lambda x: np.concatenate([x, np.repeat(x[-1:], missing, axis=0)]), inputs)
        captured, outputs = self._forward(inputs)
        return {name: _numpy(value)[:count] for name, value in captured.items()}, keras.tree.map_structure(
            lambda tensor: _numpy(tensor)[:count], outputs
        )

    def _run(self, inputs: Any) -> tuple[dict[str, Any], Any]:
        self.traces += 1
        captured: dict[str, Any] = {}

        def seen(
            operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
        ) -> None:
            layer = self._wanted.get(call.key)
            if layer is not None:
                output = keras_calls.parts("", outputs)[0][1]
                mask = _mask(operation, args, kwargs, outputs)
                captured[call.key] = reduce(output, mask, layer.axis, layer.reducer)

        with keras_calls.intercepted(self._model, seen):
            outputs = self._model(inputs, training=False)
        _check_reachable(captured)
        return captured, keras.tree.map_structure(lambda tensor: ops.cast(tensor, "float32"), outputs)


def reduce(output: Any, mask: Any, axis: int, reducer: str) -> Any:
    """One float32 number per neuron and instance.

    Args:
        output: [instances, ...] of any rank.
        mask: bool, for the first axes of `output` ([instances, tokens]); False where there is nothing. None: all is there.
        axis: of the neurons, counted without the batch axis.
        reducer: "mean" or "max" over all other axes; "none" with a single axis.

    Returns:
        [instances, neurons]; NaN (mean) or -inf (max) where the mask left nothing.
    """
    output = ops.cast(output, "float32")  # before reducing: bfloat16 sums are off, float16 ones overflow
    rank = len(output.shape)
    if rank == 1:
        return ops.expand_dims(output, 1)
    if rank == 2:
        return output
    others = [number for number in range(1, rank) if number != axis + 1]
    if mask is None or len(mask.shape) > axis + 1:
        return ops.max(output, axis=others) if reducer == "max" else ops.mean(output, axis=others)
    mask = ops.cast(mask, "bool")
    shown = ops.reshape(mask, (*_sizes(mask), *([1] * (rank - len(mask.shape)))))
    if reducer == "max":
        return ops.max(ops.where(shown, output, -np.inf), axis=others)
    # Not multiplied by the mask: what lies in the padding may be NaN.
    total = ops.sum(ops.where(shown, output, 0.0), axis=others)
    there = ops.sum(ops.broadcast_to(ops.cast(shown, "float32"), ops.shape(output)), axis=others)
    return total / there


def _sizes(tensor: Any) -> tuple[Any, ...]:
    """Sizes for a reshape, at most one of them open."""
    sizes = ops.shape(tensor)
    return tuple(sizes[number] if size is None else size for number, size in enumerate(tensor.shape))


def _mask(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any) -> Any:
    """The mask that Keras will attach to the first output once the call has returned."""
    first = keras.tree.flatten(outputs)[0]
    mask = keras.src.backend.get_keras_mask(first)
    if mask is not None or not getattr(operation, "supports_masking", False):
        return mask
    inputs = args[0] if args else next(iter(kwargs.values()), None)
    before = kwargs.get("mask")
    if before is None:
        before = keras.tree.map_structure(keras.src.backend.get_keras_mask, inputs)
    masks = operation.compute_mask(inputs, before)
    return None if masks is None else keras.tree.flatten(masks)[0]


def _check_reachable(captured: Mapping[str, Any]) -> None:
    """TensorFlow only: a tensor inside a loop or a branch cannot be an output of the whole."""
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    here = tf.compat.v1.get_default_graph()
    for name, tensor in captured.items():
        if getattr(tensor, "graph", here) is not here:
            raise ActiVisError(
                f"The layer {name!r} runs inside a loop or a branch of the graph, from where its output cannot be taken. "
                "Leave it out with layers=[...] and record the layer around it."
            )


def _compiled(run: Forward, model: Any, inputs: Any) -> Forward:
    """`run` as the backend runs it fast, with variables untouched by it."""
    backend = keras.backend.backend()

    def stateless(tensors: Any, values: Sequence[tuple[Any, Any]] = ()) -> tuple[dict[str, Any], Any]:
        with keras_calls.untouched(model, values):
            return run(tensors)

    if backend == "tensorflow":
        import tensorflow as tf

        # Not `keras.tree`: tf.function wants its own specs, in the same structure.
        specs = keras.tree.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), inputs)
        return tf.function(stateless, input_signature=[specs], autograph=False)
    if backend == "jax":
        import jax

        compiled = jax.jit(lambda tensors, values: stateless(tensors, list(zip(model.variables, values, strict=True))))
        return lambda tensors: compiled(tensors, [variable.value for variable in model.variables])
    if backend == "torch":
        import torch

        def without_gradients(tensors: Any) -> tuple[dict[str, Any], Any]:
            with torch.no_grad():
                return stateless(keras.tree.map_structure(ops.convert_to_tensor, tensors))

        return without_gradients
    return stateless


def _numpy(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor))
