"""What running a Keras model changes besides its outputs: the states that layers carry on, and what is put back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import keras
from keras.src.backend.common import global_state

from tensorboard_activis.capture.keras.calls import operations

_GLOBAL_SEED = "global_seed_generator"


def state_variables(model: Any) -> list[Any]:
    """The variables that a forward pass may update: states, statistics, seeds of layers, and Keras's global seed."""
    # Keras does not track the states of stateful recurrent layers.
    untracked = [value for value in _attributes(model) if isinstance(value, keras.Variable)]
    variables = [variable for variable in [*model.variables, *untracked] if not variable.trainable]
    variables.append(_global_seed_generator().state)
    return list({id(variable): variable for variable in variables}.values())


@contextmanager
def untouched(model: Any, scope: Any = None, *, names: bool = True) -> Iterator[None]:
    """Restores what running a model leaves behind.

    Variables keep their values; nodes on layers, losses, Keras's global seed generator and the counters of Keras's automatic
    names are as before.

    Arguments:
        scope: a keras.StatelessScope with the values that variables have inside; None: their own.
        names: whether to restore the counters, which layers that are made inside go on to need.
    """
    lengths = [
        (operation, name, len(getattr(operation, name)))
        for operation in operations(model)
        for name in ("_inbound_nodes", "_outbound_nodes", "_losses")
        if hasattr(operation, name)
    ]
    counters = global_state.get_global_attribute("object_name_uids")
    counted = None if counters is None or not names else dict(counters)
    generator = global_state.get_global_attribute(_GLOBAL_SEED)
    global_state.set_global_attribute(_GLOBAL_SEED, _global_seed_generator())
    try:
        with scope or keras.StatelessScope():
            yield
    finally:
        global_state.set_global_attribute(_GLOBAL_SEED, generator)
        for operation, name, length in lengths:
            del getattr(operation, name)[length:]
        if counters is not None and counted is not None:
            counters.clear()
            counters.update(counted)


def regularized(model: Any) -> list[tuple[Any, Any]]:
    """Variables with a regularizer, and their values; Keras's losses look for these in the scope alone."""
    return [(variable, variable.value) for variable in model.trainable_variables if variable.regularizer is not None]


@contextmanager
def backend_variables_restored(model: Any) -> Iterator[None]:
    """Restores what layers keep in variables of the backend itself: attributes that are a tf.Variable, buffers of torch."""
    saved = _backend_variables(model)
    try:
        yield
    finally:
        for restore, value in saved:
            restore(value)


def values_after(scope: Any, variables: Sequence[Any], before: Sequence[Any]) -> list[Any]:
    """The values of variables at the end of a stateless scope.

    What was assigned inside of a loop or a branch of a TensorFlow graph cannot leave it; the value before stands for it.
    """
    current = [scope.get_current_value(variable) for variable in variables]
    return [
        old if new is None or getattr(new, "graph", None) is not getattr(old, "graph", None) else new
        for new, old in zip(current, before, strict=True)
    ]


def _global_seed_generator() -> Any:
    """Keras's own; where there is none yet, another, for making Keras's would draw from Python's random numbers."""
    generator = global_state.get_global_attribute(_GLOBAL_SEED)
    return _stand_in() if generator is None else generator


@cache
def _stand_in() -> Any:
    return keras.random.SeedGenerator(0, name="activis_seed_generator")


def _backend_variables(model: Any) -> list[tuple[Any, Any]]:
    """Functions that take a value, each with the value of now."""
    if keras.backend.backend() == "torch":
        return [(buffer.data.copy_, buffer.data.clone()) for buffer in model.buffers()]
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    variables = {id(value): value for value in _attributes(model) if isinstance(value, tf.Variable)}
    return [(variable.assign, tf.identity(variable)) for variable in variables.values()]


def _attributes(model: Any) -> Iterator[Any]:
    """The attributes of all layers, and what the lists and dicts among them hold."""
    for operation in operations(model):
        for value in vars(operation).values():
            yield value
            if isinstance(value, list | tuple):
                yield from value
            elif isinstance(value, dict):
                yield from value.values()
