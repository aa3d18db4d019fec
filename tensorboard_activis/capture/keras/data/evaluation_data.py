"""Reads the evaluation data of a Keras callback, arrays, structures of arrays or a data set, as batches of one form."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.keras.data.batches import Batch, as_array, spec
from tensorboard_activis.capture.keras.data.datasets import DatasetData, is_dataset
from tensorboard_activis.errors import ConfigurationError


class ArrayData:
    """Arrays in memory, split into batches. Instances are identified by their position.

    Arguments:
        x, y: arrays [instances, ...] or structures of them; y may be None.
        batch_size: instances per batch.
        steps: number of batches that are read; None: all.

    Raises:
        ConfigurationError: there are no instances, or lengths differ.
    """

    by_position = fixed_order = True
    may_be_endless = unreadable = read_once = False
    source: Any = None
    loaders: tuple[Any, ...] = ()

    def __init__(self, x: Any, y: Any, batch_size: int, steps: int | None = None) -> None:
        self._x = keras.tree.map_structure(_input_array, _as_structure(x))
        self._y = None if y is None else keras.tree.map_structure(_label_array, _as_structure(y))
        self._batch_size = batch_size
        self.instances: int | None = self._instances()
        self.bounded = steps is not None and steps * batch_size < self.instances
        if steps is not None and self.bounded:
            self.instances = steps * batch_size
            self._x, self._y = (_rows(part, slice(self.instances)) for part in (self._x, self._y))
        self.batches: int | None = -(-self.instances // batch_size)
        # With None for the batch size, one compiled function serves batches of all sizes.
        self.specs = keras.tree.map_structure(lambda array: spec((None, *array.shape[1:]), array.dtype), self._x)

    def limit_steps(self, steps: int | None) -> None:
        """Does nothing: arrays have a known length."""

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, self.instances or 0, self._batch_size):
            batch = slice(start, start + self._batch_size)
            inputs, labels = _rows(self._x, batch), _rows(self._y, batch)
            yield Batch(inputs, labels, (inputs, labels))

    @property
    def labels(self) -> Any:
        return self._y

    def _instances(self) -> int:
        lengths = []
        for name, data in (("x", self._x), ("y", self._y)):
            for array in [] if data is None else keras.tree.flatten(data):
                if array is None:  # an output without labels
                    continue
                if not array.ndim:
                    raise ConfigurationError(
                        f"{name} must hold arrays [instances, ...]; got a single {array.dtype} value."
                    )
                lengths.append((name, len(array)))
        if not lengths:
            raise ConfigurationError(
                "x holds no arrays. Pass an array, a list or dict of arrays, or a data set of batches."
            )
        if not lengths[0][1]:
            raise ConfigurationError(
                "x holds no instances. Pass the evaluation data, for instance the validation split."
            )
        if len({length for _, length in lengths}) > 1:
            lengths_text = ", ".join(f"{name} {length}" for name, length in lengths)
            raise ConfigurationError(
                f"The arrays in x and y must have the same number of instances; got {lengths_text}."
            )
        return lengths[0][1]


def _label_array(labels: Any) -> np.ndarray | None:
    return None if labels is None else as_array(labels)


def _rows(structure: Any, rows: slice) -> Any:
    """These rows of every array of a structure; what is None stays."""
    return keras.tree.map_structure(lambda array: None if array is None else array[rows], structure)


def evaluation_data(x: Any, y: Any, batch_size: int, steps: int | None = None) -> ArrayData | DatasetData:
    """The evaluation data of a callback's `x` and `y`.

    Arguments:
        batch_size: instances per batch, if x is of arrays.
        steps: number of batches that are read for a snapshot; None: all.

    Raises:
        ConfigurationError: there are no instances, lengths differ, or `batch_size` or `steps` is not positive.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ConfigurationError(f"batch_size must be a positive number of instances; got {batch_size!r}.")
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise ConfigurationError(f"steps must be a positive number of batches, or None; got {steps!r}.")
    if not is_dataset(x):
        return ArrayData(x, y, batch_size, steps)
    if y is not None:
        raise ConfigurationError(
            "x is a data set, so y must be None: let the data set give batches of (inputs, labels)."
        )
    return DatasetData(x, steps)


def pinned_data(pinned: Any, batch_size: int) -> ArrayData | DatasetData:
    """The pinned instances of a callback: a tuple is (x, y), as in `validation_data`; anything else is x.

    Raises:
        ConfigurationError: see `evaluation_data`; or the data set is shuffled, endless or can be read only once.
    """
    x, y = pinned if isinstance(pinned, tuple) and len(pinned) == 2 else (pinned, None)
    try:
        data = evaluation_data(x, y, batch_size)
    except ConfigurationError as error:
        raise ConfigurationError(f"pinned: {error}") from error
    if data.unreadable:
        raise ConfigurationError(
            "pinned is an endless data set, or can be read only once. Give arrays, or a part of the data set, as in take(10)."
        )
    if not data.fixed_order:
        raise ConfigurationError(
            "pinned instances come shuffled, so that they could not be told apart. Give them in a fixed order."
        )
    return data


def _input_array(data: Any) -> np.ndarray:
    array = as_array(data)
    # Keras converts arrays so when it feeds a model.
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array


def _as_structure(data: Any) -> Any:
    """Converts a list of numbers to an array; a list of arrays stays a list, of several inputs."""
    if isinstance(data, list | tuple) and not any(hasattr(part, "shape") for part in data):
        return np.asarray(data)
    return data
