"""Builds a Keras model that has not been called yet, without drawing from the random numbers of the training."""

from typing import Any

import keras

from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.keras.model.states import model_state_restored
from tensorboard_activis.errors import ConfigurationError


def is_built(model: Any) -> bool:
    """Whether the model and all layers in it have their weights."""
    return all(layer.built for layer in model._flatten_layers())


def check_call(model: Any) -> None:
    """Raises ConfigurationError if the model has no `call`: a subclass of keras.Model that trains by a `train_step` alone."""
    if type(model).call is keras.Model.call:
        raise ConfigurationError(
            f"The model cannot be run on x: {type(model).__name__} has no method call(), which says what a forward pass is. Add "
            "one, or record a part of the model: callback.set_model(part), then callback.log(step)."
        )


def build(model: Any, inputs: Any) -> None:
    """Builds a model by calling it on the first instance; existing variables keep their values, new ones are initialized.

    Arguments:
        inputs: arrays [instances, ...] in the structure of the model's inputs.

    Raises:
        Exception: whatever the model raises.
    """
    first = keras.tree.map_structure(lambda array: keras.ops.convert_to_tensor(array[:1]), inputs)
    try:
        within(lambda: model(first, training=False), model_state_restored(model, names=False))
    except ValueError as error:
        if "stateless scope" not in str(error):
            raise
        # A layer creates a variable from a value instead of an initializer, which a stateless scope does not allow.
        before = [(variable, variable.value) for variable in model.variables]
        model(first, training=False)
        for variable, value in before:
            variable.assign(value)
