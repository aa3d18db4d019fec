"""Compiles a forward pass for each backend, as a stateless function: it takes and returns the values of the state variables."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import ops

from tensorboard_activis.capture.isolation.interrupts import uninterrupted, within
from tensorboard_activis.capture.keras.model.states import model_state_restored, regularized_variables, values_after

#: Takes a batch (a dict of structures of arrays) and the values of the states; returns the result and the new values.
Step = Callable[[dict[str, Any], list[Any]], tuple[Any, list[Any]]]


def compiled(run: Callable[[dict[str, Any]], Any], model: Any, states: list[Any], specs: Any, *, eager: bool) -> Step:
    """Compiles `run(batch)`, which calls `model`.

    Arguments:
        states: the variables whose values are passed in and returned.
        specs: KerasTensors in the structure of a batch, None where sizes vary.
        eager: whether the model runs on data only, so that it cannot be traced.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        return _for_jax(run, model, states, eager=eager)

    def stateless(batch: dict[str, Any], values: list[Any]) -> tuple[Any, list[Any]]:
        mapping = [*zip(states, values, strict=True), *regularized_variables(model)]
        scope = keras.StatelessScope(state_mapping=mapping, collect_losses=True)

        def body() -> tuple[Any, list[Any]]:
            # In TensorFlow the values before and after must be of the same type: both are read from the scope.
            before = [scope.get_current_value(variable) for variable in states]
            result = run(batch)
            return result, values_after(scope, states, before)

        return within(body, model_state_restored(model, scope))

    def on_tensors(batch: dict[str, Any], values: list[Any]) -> tuple[Any, list[Any]]:
        return stateless(keras.tree.map_structure(ops.convert_to_tensor, batch), values)

    if backend == "torch":
        import torch

        from tensorboard_activis.capture.torch.model.thread_state import thread_state

        return lambda batch, values: within(lambda: on_tensors(batch, values), thread_state(), torch.no_grad())
    if eager:
        return on_tensors
    if backend == "tensorflow":
        return _traced(stateless, states, specs)
    return stateless


def _traced(stateless: Step, states: list[Any], specs: Any) -> Step:
    import tensorflow as tf

    # Not `keras.tree`: tf.function wants its own specs, in the same structure.
    signature = [
        keras.tree.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), specs),
        [tf.TensorSpec(variable.shape, variable.dtype) for variable in states],
    ]
    traced = tf.function(stateless, input_signature=signature, autograph=False)
    concrete: list[Any] = []

    def forward(batch: dict[str, Any], values: list[Any]) -> tuple[Any, list[Any]]:
        if not concrete:  # an interrupted trace can leave TensorFlow in graph mode
            concrete.append(uninterrupted(traced.get_concrete_function))
        result: tuple[Any, list[Any]] = traced(batch, values)
        return result

    return forward


def _for_jax(run: Callable[[dict[str, Any]], Any], model: Any, states: list[Any], *, eager: bool) -> Step:
    import jax

    state_ids = {id(variable) for variable in states}
    fixed = [variable for variable in model.variables if id(variable) not in state_ids]

    def stateless(batch: dict[str, Any], values: list[Any], fixed_values: list[Any]) -> tuple[Any, list[Any]]:
        mapping = [*zip(states, values, strict=True), *zip(fixed, fixed_values, strict=True)]
        scope = keras.StatelessScope(state_mapping=mapping)

        def body() -> tuple[Any, list[Any]]:
            result = run(batch)
            return result, values_after(scope, states, values)

        return within(body, model_state_restored(model, scope))

    step = stateless if eager else jax.jit(stateless)
    as_tensors = partial(keras.tree.map_structure, ops.convert_to_tensor)
    return lambda batch, values: step(as_tensors(batch), values, [variable.value for variable in fixed])
