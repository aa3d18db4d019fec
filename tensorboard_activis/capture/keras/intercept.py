"""Running a Keras model as it is, and seeing the output of every layer on the way."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from tensorboard_activis.capture.interrupts import within
from tensorboard_activis.capture.keras import calls as keras_calls
from tensorboard_activis.capture.keras.masks import Masks
from tensorboard_activis.capture.keras.replay import Seen


def run_intercepted(model: Any, inputs: Any, seen: Seen) -> Any:
    """Run `model` on tensors; `seen(key, tensor, mask)` is called with every tensor that a call of a layer returns.

    Returns:
        The model's outputs.
    """
    return within(lambda: model(inputs, training=False), keras_calls.intercepted(model, _ended(seen)))


def step_intercepted(model: Any, step: Callable[[], Any], seen: Seen) -> tuple[Any, list[Any]]:
    """Run a step that calls `model` once, such as its test_step.

    Returns:
        What the step returns, and a list with the model's outputs, empty where the step does not call the model itself.
    """
    outputs: list[Any] = []
    ended = _ended(seen)

    def root_ended(
        operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        ended(operation, call, args, kwargs, result)
        if operation is model:
            outputs.append(result)

    return within(step, keras_calls.intercepted(model, root_ended, once=True)), outputs


def _ended(seen: Seen) -> keras_calls.Seen:
    masks = Masks()

    def ended(
        operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
    ) -> None:
        there = [number for number, output in enumerate(keras.tree.flatten(outputs)) if output is not None]
        for number, (name, output) in zip(there, keras_calls.parts(call.key, outputs), strict=True):
            seen(name, output, masks.of(operation, args, kwargs, outputs, number))

    return ended
