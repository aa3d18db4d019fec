"""Runs a Keras model unchanged and intercepts the output of every layer, with its mask."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.keras.masks import Masks
from tensorboard_activis.capture.keras.model import calls as keras_calls
from tensorboard_activis.capture.keras.replay import OnOutput


def run_intercepted(model: Any, inputs: Any, on_output: OnOutput) -> Any:
    """Runs `model` on tensors; `on_output(key, tensor, mask)` is called with every output tensor of a layer.

    Returns:
        The model's outputs.
    """
    return within(lambda: model(inputs, training=False), keras_calls.intercepted(model, _on_end(on_output)))


def step_intercepted(model: Any, step: Callable[[], Any], on_output: OnOutput) -> tuple[Any, list[Any]]:
    """Runs a step that calls `model` once, such as its test_step; `on_output` as in `run_intercepted`.

    Returns:
        The result of the step, and a list with the model's outputs, empty if the step does not call the model itself.
    """
    outputs: list[Any] = []
    on_end = _on_end(on_output)

    def on_end_of_model(
        operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        on_end(operation, call, args, kwargs, result)
        if operation is model:
            outputs.append(result)

    return within(step, keras_calls.intercepted(model, on_end_of_model, once=True)), outputs


def _on_end(on_output: OnOutput) -> keras_calls.OnEnd:
    masks = Masks()

    def on_end(
        operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
    ) -> None:
        indices = [index for index, output in enumerate(keras.tree.flatten(outputs)) if output is not None]
        for index, (name, output) in zip(indices, keras_calls.output_tensors(call.key, outputs), strict=True):
            on_output(name, output, masks.propagate(operation, args, kwargs, outputs, index))

    return on_end
