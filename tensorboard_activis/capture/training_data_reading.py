"""Reads the training data once for `train_data=`, whatever the framework, and leaves no trace in random numbers."""

from collections.abc import Callable

from tensorboard_activis.capture.instances.training_data import TrainingData
from tensorboard_activis.capture.isolation.exclusive import exclusively
from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.isolation.random_states import random_states
from tensorboard_activis.errors import ConfigurationError


def read_once(read: Callable[[], TrainingData], sources: tuple[object, ...]) -> TrainingData:
    """The training data that `read` returns.

    Arguments:
        sources: objects whose random states are put back afterwards.

    Raises:
        ConfigurationError: they cannot be read, or hold nothing.
    """
    try:
        training = exclusively(lambda: within(read, random_states(sources)))
    except ConfigurationError as error:
        raise ConfigurationError(f"train_data: {error}") from error
    except Exception as error:
        raise ConfigurationError(f"train_data cannot be read: {type(error).__name__}: {error}") from error
    if not training.record.instances:
        raise ConfigurationError(
            "train_data holds no instances; leave it out, or give the data that the model is trained on."
        )
    return training
