"""The evaluation data of a Keras callback: arrays, structures of arrays, or a data set that can be read again and again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.keras.unshuffled import shuffles, unshuffled
from tensorboard_activis.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs in the model's structure and labels as the user gave them (None: without), [instances, ...].

    Attributes:
        raw: as it came, for users' functions of a batch; (inputs, labels) of arrays.
    """

    inputs: Any
    labels: Any
    raw: Any

    @property
    def instances(self) -> int:
        return len(keras.tree.flatten(self.inputs)[0])


class ArrayData:
    """Arrays in memory, cut into batches. Instances are told apart by their position."""

    by_position = fixed_order = True

    def __init__(self, x: Any, y: Any, batch_size: int) -> None:
        self._x = keras.tree.map_structure(_input_array, _as_structure(x))
        self._y = None if y is None else keras.tree.map_structure(as_array, _as_structure(y))
        self._batch_size = batch_size
        self.instances: int | None = self._instances()
        self.batches: int | None = -(-self.instances // batch_size)
        # One size for all batches is what lets one compiled function serve them all.
        self.specs = keras.tree.map_structure(lambda array: _spec((None, *array.shape[1:]), array.dtype), self._x)

    loaders: tuple[Any, ...] = ()

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, self.instances or 0, self._batch_size):
            rows = slice(start, start + self._batch_size)
            labels = (
                None if self._y is None else keras.tree.map_structure(lambda array, rows=rows: array[rows], self._y)
            )
            inputs = keras.tree.map_structure(lambda array, rows=rows: array[rows], self._x)
            yield Batch(inputs, labels, (inputs, labels))

    @property
    def labels(self) -> Any:
        return self._y

    def _instances(self) -> int:
        lengths = []
        for name, data in (("x", self._x), ("y", self._y)):
            for array in [] if data is None else keras.tree.flatten(data):
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
            told = ", ".join(f"{name} {length}" for name, length in lengths)
            raise ConfigurationError(f"The arrays in x and y must have the same number of instances; got {told}.")
        return lengths[0][1]


class DatasetData:
    """A data set of batches: tf.data.Dataset, keras.utils.PyDataset, or anything that can be iterated anew each time.

    It may shuffle, so instances are told apart by their content. A tf.data.Dataset is read without its shuffling.
    """

    labels = instances = None
    by_position = False

    def __init__(self, dataset: Any) -> None:
        self._dataset = unshuffled(dataset) if hasattr(dataset, "_variant_tensor") else dataset
        self.batches = _length(dataset)
        if self.batches == 0:
            raise ConfigurationError(
                "x is an empty data set. Pass the evaluation data, for instance the validation split."
            )
        self.specs = self._specs()

    def __iter__(self) -> Iterator[Batch]:
        for element in self._elements():
            x, y, _ = keras.utils.unpack_x_y_sample_weight(element)
            inputs = keras.tree.map_structure(as_array, x)
            labels = None if y is None else keras.tree.map_structure(as_array, y)
            yield Batch(inputs, labels, element)

    @property
    def fixed_order(self) -> bool:
        """Whether instances come in the same order in every pass, as far as that can be told."""
        if hasattr(self._dataset, "_variant_tensor"):
            return not shuffles(self._dataset)
        sampler = getattr(self._dataset, "sampler", None)  # of a torch DataLoader
        return sampler is None or type(sampler).__name__ == "SequentialSampler"

    @property
    def loaders(self) -> tuple[Any, ...]:
        """What may draw random numbers when it is read."""
        return (self._dataset,)

    def _elements(self) -> Iterator[Any]:
        if isinstance(self._dataset, keras.utils.PyDataset):
            return (self._dataset[number] for number in range(self._dataset.num_batches))
        return iter(self._dataset)

    def _specs(self) -> Any:
        specs = getattr(self._dataset, "element_spec", None)
        if specs is not None:
            x = keras.utils.unpack_x_y_sample_weight(specs)[0]
            return keras.tree.map_structure(lambda spec: _spec((None, *spec.shape[1:]), spec.dtype), x)
        first = next(iter(self), None)
        if first is None:
            raise ConfigurationError(
                "x is an empty data set. Pass the evaluation data, for instance the validation split."
            )
        return keras.tree.map_structure(lambda array: _spec((None, *array.shape[1:]), array.dtype), first.inputs)


def evaluation_data(x: Any, y: Any, batch_size: int) -> ArrayData | DatasetData:
    """The data behind a callback's `x` and `y`.

    Raises:
        ConfigurationError: there are no instances, lengths differ, or a data set is endless or can be read only once.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ConfigurationError(f"batch_size must be a positive number of instances; got {batch_size!r}.")
    if not _is_dataset(x):
        return ArrayData(x, y, batch_size)
    if y is not None:
        raise ConfigurationError(
            "x is a data set, so y must be None: let the data set give batches of (inputs, labels)."
        )
    if hasattr(x, "__next__"):
        raise ConfigurationError(
            f"x must be readable once per snapshot; got a {type(x).__name__}, which ends after the first. "
            "Pass arrays, a tf.data.Dataset or a keras.utils.PyDataset."
        )
    return DatasetData(x)


def probe_data(probes: Any, batch_size: int) -> ArrayData | DatasetData:
    """The data behind `probes`: a tuple is (x, y), as `validation_data` is; all else is x.

    Raises:
        ConfigurationError: see `evaluation_data`; or they come shuffled.
    """
    x, y = probes if isinstance(probes, tuple) and len(probes) == 2 else (probes, None)
    try:
        data = evaluation_data(x, y, batch_size)
    except ConfigurationError as error:
        raise ConfigurationError(f"probes: {error}") from error
    if not data.fixed_order:
        raise ConfigurationError(
            "probes come shuffled, so that they could not be told apart. Give them in a fixed order."
        )
    return data


def as_array(data: Any) -> np.ndarray:
    """A numpy array of what users pass: tensors of any framework, frames and series, lists of numbers."""
    if hasattr(data, "detach"):  # torch
        data = data.detach().cpu()
    if hasattr(data, "to_tensor"):  # ragged
        data = data.to_tensor()
    for convert in ("to_numpy", "numpy"):
        if hasattr(data, convert):
            return np.asarray(getattr(data, convert)())
    return np.asarray(data)


def _input_array(data: Any) -> np.ndarray:
    array = as_array(data)
    # As Keras feeds arrays to a model.
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array


def _as_structure(data: Any) -> Any:
    """Lists are several inputs when they hold arrays, and one array when they hold numbers."""
    if isinstance(data, list | tuple) and not any(hasattr(part, "shape") for part in data):
        return np.asarray(data)
    return data


def _is_dataset(x: Any) -> bool:
    return (
        not hasattr(x, "shape")
        and not isinstance(x, list | tuple | dict)
        and (isinstance(x, keras.utils.PyDataset) or hasattr(x, "__iter__"))
    )


def _length(dataset: Any) -> int | None:
    """Number of batches; None where it is not known."""
    if hasattr(dataset, "cardinality"):
        count = int(dataset.cardinality())
        if count == -1:
            raise ConfigurationError(
                "x is an endless data set. Take a part of it, as in x.take(10), or leave out repeat()."
            )
        return None if count < 0 else count
    if isinstance(dataset, keras.utils.PyDataset):
        batches: int | None = dataset.num_batches
        return batches
    return len(dataset) if hasattr(dataset, "__len__") else None


def _spec(shape: tuple[int | None, ...], dtype: Any) -> Any:
    name = dtype.name if hasattr(dtype, "name") else str(dtype)
    # With a name, for an automatic one would change the names of what users make later.
    return keras.KerasTensor(shape, "string" if name.startswith(("str", "bytes", "object")) else name, name="instances")
