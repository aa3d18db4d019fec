"""Reads the training data once for `train_data=` of the callback for Keras, and leaves no trace in random numbers."""

from collections.abc import Iterator
from typing import Any

import keras

from tensorboard_activis.capture.instances.training_data import Content, TrainingData
from tensorboard_activis.capture.keras.data.evaluation_data import evaluation_data
from tensorboard_activis.capture.training_data_reading import read_once
from tensorboard_activis.errors import ConfigurationError


def read_training_data(train_data: Any, batch_size: int) -> TrainingData:
    """The content of the training data, for `TrainingData`.

    Arguments:
        train_data: x; a tuple of two is (x, y). Or a data set that can be read again.
        batch_size: of arrays.

    Raises:
        ConfigurationError: they cannot be read, or can be read only once.
    """
    x, y = train_data if isinstance(train_data, tuple) and len(train_data) == 2 else (train_data, None)

    def work() -> TrainingData:
        data = evaluation_data(x, y, batch_size)
        if data.unreadable:
            raise ConfigurationError(
                "it is endless, or can be read only once, and the training needs it. Give arrays, or a data set that can be "
                "read again."
            )
        return TrainingData(_contents(data))

    return read_once(work, (x,))


def _contents(data: Any) -> Iterator[Content]:
    for batch in data:
        yield from zip(*keras.tree.flatten(batch.inputs), strict=True)
