"""Saves and restores the state that running a Keras model changes: states of layers, seeds, losses, names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import keras
from keras.src.backend.common import global_state

from tensorboard_activis.capture.keras.model.calls import operations

_GLOBAL_SEED = "global_seed_generator"


def state_variables(model: Any) -> list[Any]:
    """The variables that a forward pass may update: states, statistics, seeds of layers, and Keras's global seed."""
    # Keras does not track the states of stateful recurrent layers.
    untracked = [value for value in _attribute_values(model) if isinstance(value, keras.Variable)]
    variables = [variable for variable in [*model.variables, *untracked] if not variable.trainable]
    variables.append(_global_seed_generator().state)
    return list({id(variable): variable for variable in variables}.values())


@contextmanager
def model_state_restored(model: Any, scope: Any = None, *, names: bool = True) -> Iterator[None]:
    """Restores at the end of the block what running the model changed.

    Variables keep their values; nodes of layers, losses, Keras's global seed generator and the counters of Keras's automatic
    names are restored.

    Arguments:
        scope: a keras.StatelessScope with the values of the variables inside the block; None: their current values.
        names: whether to restore the counters; not if layers are created in the block, which keep their names.
    """
    lengths = [
        (operation, name, len(getattr(operation, name)))
        for operation in operations(model)
        for name in ("_inbound_nodes", "_outbound_nodes", "_losses")
        if hasattr(operation, name)
    ]
    counters = global_state.get_global_attribute("object_name_uids")
    saved_counters = None if counters is None or not names else dict(counters)
    generator = global_state.get_global_attribute(_GLOBAL_SEED)
    global_state.set_global_attribute(_GLOBAL_SEED, _global_seed_generator())
    try:
        with scope or keras.StatelessScope():
            yield
    finally:
        global_state.set_global_attribute(_GLOBAL_SEED, generator)
        for operation, name, length in lengths:
            del getattr(operation, name)[length:]
        if counters is not None and saved_counters is not None:
            counters.clear()
            counters.update(saved_counters)


def regularized_variables(model: Any) -> list[tuple[Any, Any]]:
    """Variables with a regularizer, and their values, which Keras's losses read from the scope only."""
    return [(variable, variable.value) for variable in model.trainable_variables if variable.regularizer is not None]


@contextmanager
def backend_variables_restored(model: Any) -> Iterator[None]:
    """Restores variables of the backend that Keras does not track: attributes that are a tf.Variable, buffers of torch."""
    saved = _backend_variables(model)
    try:
        yield
    finally:
        for restore, value in saved:
            restore(value)


def values_after(scope: Any, variables: Sequence[Any], before: Sequence[Any]) -> list[Any]:
    """The values of variables at the end of a stateless scope.

    A value assigned inside a loop or a branch of a TensorFlow graph cannot leave it; the value before is returned instead.
    """
    current = [scope.get_current_value(variable) for variable in variables]
    return [
        old if new is None or getattr(new, "graph", None) is not getattr(old, "graph", None) else new
        for new, old in zip(current, before, strict=True)
    ]


def _global_seed_generator() -> Any:
    """Keras's global seed generator; if there is none yet, a substitute, because making it would draw Python's random numbers."""
    generator = global_state.get_global_attribute(_GLOBAL_SEED)
    return _substitute_generator() if generator is None else generator


@cache
def _substitute_generator() -> Any:
    return keras.random.SeedGenerator(0, name="activis_seed_generator")


def _backend_variables(model: Any) -> list[tuple[Any, Any]]:
    """For each variable, the function that assigns a value, and the current value."""
    if keras.backend.backend() == "torch":
        return [(buffer.data.copy_, buffer.data.clone()) for buffer in model.buffers()]
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    variables = {id(value): value for value in _attribute_values(model) if isinstance(value, tf.Variable)}
    return [(variable.assign, tf.identity(variable)) for variable in variables.values()]


def _attribute_values(model: Any) -> Iterator[Any]:
    """Yields the attributes of all layers, and the items of those that are lists or dicts."""
    for operation in operations(model):
        for value in vars(operation).values():
            yield value
            if isinstance(value, list | tuple):
                yield from value
            elif isinstance(value, dict):
                yield from value.values()
