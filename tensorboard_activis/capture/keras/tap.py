"""A forward pass that also returns the activations of chosen layers, one float32 number per neuron and instance.

The reduction runs where the model runs, inside the traced function: what leaves the device is small. The function is built
once; batches of every size go through the same trace.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tensorboard_activis.capture.interrupts import uninterrupted, within
from tensorboard_activis.capture.keras import calls as keras_calls
from tensorboard_activis.capture.keras.batches import as_array
from tensorboard_activis.capture.keras.graph import Recording
from tensorboard_activis.capture.keras.masks import Masks
from tensorboard_activis.capture.keras.reduce import reduce_activations
from tensorboard_activis.capture.keras.replay import Seen, replay
from tensorboard_activis.capture.layers import choose, feed_relu
from tensorboard_activis.capture.reducers import Reducer, layer_reducers, reducer_name
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.schema import LayerInfo


class Captured(NamedTuple):
    """What one batch gave.

    Attributes:
        activations: by layer, float32 [instances, neurons].
        outputs: the model's, float32, in their own structure.
        masks: in the same structure, bool [instances, positions] where there is padding, else None.
    """

    activations: dict[str, np.ndarray]
    outputs: Any
    masks: Any


Forward = Callable[[Any], Captured]


@dataclass(frozen=True, slots=True)
class Target:
    """A layer to capture, how its output is reduced, and whether only a replay shows it."""

    info: LayerInfo
    reducer: Reducer
    replayed: bool = False


def targets(
    recording: Recording, layers: Sequence[str] | None, reducer: Reducer | Mapping[str, Reducer] | None = None
) -> list[Target]:
    """What will be recorded.

    Arguments:
        layers: names or globs; None chooses.
        reducer: for all layers, or by name or glob.

    Raises:
        ConfigurationError: `layers` matches nothing, or an output that cannot be captured or has an open number of neurons.
    """
    nodes = {node.key: node for node in recording.graph.nodes}
    names = _chosen(recording, layers)
    if layers is None:
        # A replay is for those who ask for it.
        observable = [name for name in names if name in recording.observable and name not in recording.replayed]
        names = observable if len(observable) == len(names) else [*observable, ""]
    reducers = layer_reducers(recording.graph, names, reducer)
    feeding = feed_relu(recording.graph, names)
    found = []
    for name in names:
        if name not in recording.observable:
            raise ConfigurationError(
                f"layers: {name!r} cannot be recorded: it runs inside a loop or a branch, and Keras does not show what that "
                "gives. Name the layer around it."
            )
        shape, axis = nodes[name].outputs[0], recording.axes[name]
        rank = len(shape.sizes)
        neurons = shape.sizes[axis + 1] if rank > 1 else 1
        if neurons < 0:
            raise ConfigurationError(
                f"layers: {name!r} gives outputs of shape {shape.sizes}, with an open number of neurons on axis {axis + 1}. "
                "Leave it out, or give the model's Input a fixed size there."
            )
        info = LayerInfo(name, neurons, reducer_name(reducers[name], rank), axis, shape, name in feeding)
        found.append(Target(info, reducers[name], name in recording.replayed))
    return found


def _chosen(recording: Recording, layers: Sequence[str] | None) -> list[str]:
    try:
        return choose(recording.graph, layers)
    except ConfigurationError as error:
        operators = recording.graph.origin in ("recorded", "tree") and any("/" in name for name in layers or ())
        if not operators:
            raise
        raise ConfigurationError(
            f"{error} Operators in the code of this model cannot be recorded, since it runs only on tensors with values. Write "
            "it with keras.ops instead of the backend's own functions, use layers (keras.layers.Add, keras.layers.ReLU, ...), "
            "or name the layer around the operator."
        ) from error


class Tap:
    """Runs a model for evaluation and captures layers on the way.

    Attributes:
        traces: how often the forward pass was traced.
    """

    def __init__(self, model: Any, targets: Sequence[Target], inputs: Any, *, eager: bool = False) -> None:
        """
        Arguments:
            model: a built Keras model.
            targets: what to capture.
            inputs: KerasTensors in the structure of the model's inputs, None where sizes vary.
            eager: for a model that only runs on data, not in a graph.
        """
        self.traces = 0
        self._model = model
        self._wanted = {target.info.name: target for target in targets}
        self._replays = any(target.replayed for target in targets)
        self._forward = _compiled(self._run, model, inputs, eager)
        self._plain = _compiled(self._run_plainly, model, inputs, eager) if self._replays else None
        self._batch_size = keras.tree.flatten(inputs)[0].shape[0]

    def __call__(self, inputs: Any) -> Captured:
        """Run one batch.

        Arguments:
            inputs: arrays [instances, ...] in the structure of the model's inputs.

        Raises:
            ConfigurationError: the model gives something else when it is replayed to show its operators.
        """
        count = len(keras.tree.flatten(inputs)[0])
        if keras.backend.backend() == "jax":  # compiles for every size
            self._batch_size = max(self._batch_size or 0, count)
        missing = (self._batch_size or count) - count
        if missing > 0:
            inputs = keras.tree.map_structure(lambda x: np.concatenate([x, np.repeat(x[-1:], missing, axis=0)]), inputs)
        captured = self._forward(inputs)
        if self._plain is not None:
            _check_same(captured[1], self._plain(inputs)[1])
            self._plain = None  # once is enough
        return Captured(
            *keras.tree.map_structure(lambda part: None if part is None else as_array(part)[:count], tuple(captured))
        )

    def _run_plainly(self, inputs: Any) -> Captured:
        outputs = self._model(inputs, training=False)
        return Captured({}, keras.tree.map_structure(lambda tensor: ops.cast(tensor, "float32"), outputs), None)

    def _run(self, inputs: Any) -> Captured:
        self.traces += 1
        captured: dict[str, Any] = {}
        masks: dict[int, Any] = {}

        def seen(name: str, output: Any, mask: Any) -> None:
            masks[id(output)] = mask if mask is not None and len(mask.shape) == 2 else None
            target = self._wanted.get(name)
            if target is not None:
                captured[name] = reduce_activations(output, target.info.axis, target.reducer, mask)

        outputs = (replay if self._replays else run_intercepted)(self._model, inputs, seen)
        _check_reachable(captured)
        return Captured(
            captured,
            keras.tree.map_structure(lambda tensor: ops.cast(tensor, "float32"), outputs),
            keras.tree.map_structure(lambda tensor: masks.get(id(tensor)), outputs),
        )


def _check_same(replayed: Any, plain: Any) -> None:
    for one, other in zip(keras.tree.flatten(replayed), keras.tree.flatten(plain), strict=True):
        one, other = as_array(one), as_array(other)
        near = 1e-3 * max(float(np.abs(other).max(initial=0)), 1e-6)
        if one.shape != other.shape or not np.allclose(one, other, rtol=1e-3, atol=near, equal_nan=True):
            raise ConfigurationError(
                "layers names operators in the code of this model. To show them, it is run with keras.KerasTensor in place of "
                "values, and then gives something else. Name the layers around them, or use layers for them "
                "(keras.layers.Add, keras.layers.ReLU, ...)."
            )


def run_intercepted(model: Any, inputs: Any, seen: Seen) -> Any:
    """Run `model` on tensors as it is; `seen(key, tensor, mask)` is told of every tensor that a call of a layer gives."""
    masks = Masks()

    def ended(
        operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
    ) -> None:
        there = [number for number, output in enumerate(keras.tree.flatten(outputs)) if output is not None]
        for number, (name, output) in zip(there, keras_calls.parts(call.key, outputs), strict=True):
            seen(name, output, masks.of(operation, args, kwargs, outputs, number))

    return within(lambda: model(inputs, training=False), keras_calls.intercepted(model, ended))


def _check_reachable(captured: Mapping[str, Any]) -> None:
    """TensorFlow only: a tensor inside a loop or a branch cannot be an output of the whole."""
    if keras.backend.backend() != "tensorflow" or all(hasattr(tensor, "numpy") for tensor in captured.values()):
        return
    import tensorflow as tf

    here = tf.compat.v1.get_default_graph()
    for name, tensor in captured.items():
        if getattr(tensor, "graph", here) is not here:
            raise ActiVisError(
                f"The layer {name!r} runs inside a loop or a branch of the graph, from where its output cannot be taken. "
                "Leave it out with layers=[...] and record the layer around it."
            )


def _compiled(run: Forward, model: Any, inputs: Any, eager: bool) -> Forward:
    """`run` as the backend runs it fast, with variables untouched by it."""
    backend = keras.backend.backend()

    def stateless(tensors: Any, values: Sequence[tuple[Any, Any]] = ()) -> Captured:
        return within(lambda: run(tensors), keras_calls.untouched(model, values))

    if backend == "torch":
        import torch

        from tensorboard_activis.capture.torch.thread_state import thread_state

        def without_gradients(tensors: Any) -> Captured:
            return within(
                lambda: stateless(keras.tree.map_structure(ops.convert_to_tensor, tensors)),
                thread_state(),
                torch.no_grad(),
            )

        return without_gradients
    if eager:
        return lambda tensors: stateless(keras.tree.map_structure(ops.convert_to_tensor, tensors))
    if backend == "tensorflow":
        import tensorflow as tf

        # Not `keras.tree`: tf.function wants its own specs, in the same structure.
        specs = keras.tree.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), inputs)
        traced = tf.function(stateless, input_signature=[specs], autograph=False)
        known: list[Any] = []

        def forward(tensors: Any) -> Captured:
            if not known:  # a trace that is interrupted can leave TensorFlow in graph mode
                known.append(uninterrupted(traced.get_concrete_function))
            captured: Captured = traced(tensors)
            return captured

        return forward
    if backend == "jax":
        import jax

        compiled = jax.jit(lambda tensors, values: stateless(tensors, list(zip(model.variables, values, strict=True))))
        return lambda tensors: compiled(tensors, [variable.value for variable in model.variables])
    return stateless
