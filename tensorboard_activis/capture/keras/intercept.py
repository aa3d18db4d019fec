"""Runs a Keras model unchanged and intercepts the output of every layer, with its mask."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import keras

from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.keras.attention.calls import AttentionCall, Ends, attention_intercepted
from tensorboard_activis.capture.keras.masks import Masks
from tensorboard_activis.capture.keras.model import calls as keras_calls
from tensorboard_activis.capture.keras.replay import OnAttention, OnCall, OnOutput


def run_intercepted(
    model: Any,
    inputs: Any,
    on_output: OnOutput,
    on_attention: OnAttention | None = None,
    on_call: OnCall | None = None,
) -> Any:
    """Runs `model` on tensors; `on_output(key, tensor, mask)` is called with every output tensor of a layer.

    Arguments:
        on_attention: called after each call of a layer that computes attention; None if heads are not wanted.
        on_call: called with (key, outputs) after each call; None if that is not wanted.

    Returns:
        The model's outputs.
    """
    observed = _Observed(on_output, on_attention, on_call)
    contexts = [keras_calls.intercepted(model, observed.on_end), *observed.attention(model)]
    return within(lambda: model(inputs, training=False), *contexts)


def step_intercepted(
    model: Any,
    step: Callable[[], Any],
    on_output: OnOutput,
    on_attention: OnAttention | None = None,
    on_call: OnCall | None = None,
) -> tuple[Any, list[Any]]:
    """Runs a step that calls `model` once, such as its test_step; the other arguments as in `run_intercepted`.

    Returns:
        The result of the step, and a list with the model's outputs, empty if the step does not call the model itself.
    """
    outputs: list[Any] = []
    observed = _Observed(on_output, on_attention, on_call)

    def on_end_of_model(
        operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        observed.on_end(operation, call, args, kwargs, result)
        if operation is model:
            outputs.append(result)

    contexts = [keras_calls.intercepted(model, on_end_of_model, once=True), *observed.attention(model)]
    return within(step, *contexts), outputs


class _Observed:
    """What is told of one forward pass."""

    def __init__(self, on_output: OnOutput, on_attention: OnAttention | None, on_call: OnCall | None) -> None:
        self._on_output, self._on_attention, self._on_call = on_output, on_attention, on_call
        self._masks = Masks()
        self._attention: dict[int, AttentionCall] = {}

    def attention(self, model: Any) -> list[AbstractContextManager[Any]]:
        """The context in which attention is seen, if it is wanted."""
        if self._on_attention is None:
            return []
        return [attention_intercepted(model, lambda layer, call: self._attention.update({id(layer): call}))]

    def on_end(
        self, operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
    ) -> None:
        masks = self._masks
        if self._on_call is not None:
            self._on_call(call.key, outputs)
        ends = Ends.of(operation, args, kwargs) if id(operation) in self._attention else None
        indices = [index for index, output in enumerate(keras.tree.flatten(outputs)) if output is not None]
        for index, (name, output) in zip(indices, keras_calls.output_tensors(call.key, outputs), strict=True):
            self._on_output(name, output, masks.propagate(operation, args, kwargs, outputs, index))
        attention = self._attention.pop(id(operation), None)
        if attention is not None and ends is not None and self._on_attention is not None:
            rows, columns = (masks.of_positions(each) for each in (ends.query, ends.value))
            self._on_attention(call.key, attention, rows, columns)
