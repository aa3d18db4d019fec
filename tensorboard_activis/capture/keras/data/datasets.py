"""Reads evaluation data that come in batches: data sets that can be read repeatedly, endless data sets and generators."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import keras

from tensorboard_activis.capture.keras.data.batches import Batch, as_array, spec
from tensorboard_activis.capture.keras.data.unshuffled import shuffles, unshuffled
from tensorboard_activis.errors import ConfigurationError

_STEPS_HINT = (
    "Say how many batches are read for a snapshot, as in steps=10; "
    "where fit is given validation_steps, that number is taken."
)


class DatasetData:
    """A data set of batches: tf.data.Dataset, keras.utils.PyDataset, torch's DataLoader, any other iterable, or a generator.

    Instances are identified by their content, because a data set may shuffle. A tf.data.Dataset is read without its shuffling.
    The first `steps` batches of a generator, which can be read only once, are stored in memory and read for every snapshot.

    Arguments:
        steps: number of batches that are read; None: all, or the number passed to `limit_steps`.

    Raises:
        ConfigurationError: there is no batch, or a PyDataset has no number of batches.
    """

    labels = instances = None
    by_position = False

    def __init__(self, dataset: Any, steps: int | None = None) -> None:
        self.source = dataset
        self._dataset = unshuffled(dataset) if hasattr(dataset, "_variant_tensor") else dataset
        self._single_pass = hasattr(dataset, "__next__") and not isinstance(dataset, keras.utils.PyDataset)
        self._endless = not self._single_pass and _is_endless(dataset)
        self._length = None if self._endless or self._single_pass else _length(dataset)
        self._generator_batches: list[Any] | None = None
        self._specs: Any = None
        self.steps = steps
        if self._length == 0:
            raise ConfigurationError(_EMPTY)

    @property
    def may_be_endless(self) -> bool:
        """Whether its length is unknown: it may be endless."""
        return self._length is None

    @property
    def unreadable(self) -> bool:
        """Whether it cannot be read without `steps`: it is endless or can be read only once, and `steps` is not set."""
        return self.steps is None and (self._endless or self._single_pass)

    @property
    def read_once(self) -> bool:
        """Whether it is a generator: each batch can be read only once, by one reader."""
        return self._single_pass

    @property
    def bounded(self) -> bool:
        """Whether the number of batches is limited, so that a part of the data may be unread."""
        return self.steps is not None

    def limit_steps(self, steps: int | None) -> None:
        """Limits the number of batches, if there is no limit yet; None changes nothing."""
        if self.steps is None and self._generator_batches is None:
            self.steps = steps

    @property
    def batches(self) -> int | None:
        """Number of batches that are read; None if it is unknown."""
        limits = [number for number in (self._length, self.steps) if number is not None]
        return min(limits, default=None)

    @property
    def specs(self) -> Any:
        """KerasTensors in the structure of the model's inputs; None in shapes for sizes that vary."""
        if self._specs is None:
            self._specs = self._input_specs()
        return self._specs

    def __iter__(self) -> Iterator[Batch]:
        """Yields the batches.

        Raises:
            ConfigurationError: the data set is endless or can be read only once, and `steps` is not set.
        """
        for element in islice(self._elements(), self.steps):
            x, y, weights = keras.utils.unpack_x_y_sample_weight(element)
            inputs = keras.tree.map_structure(as_array, x)
            labels = None if y is None else keras.tree.map_structure(as_array, y)
            yield Batch(
                inputs, labels, element, None if weights is None else keras.tree.map_structure(as_array, weights)
            )

    @property
    def fixed_order(self) -> bool:
        """Whether instances come in the same order in every pass, as far as is known."""
        if hasattr(self._dataset, "_variant_tensor"):
            return not shuffles(self._dataset)
        sampler = getattr(self._dataset, "sampler", None)  # of a torch DataLoader
        return sampler is None or type(sampler).__name__ == "SequentialSampler"

    @property
    def loaders(self) -> tuple[Any, ...]:
        """Objects that may draw random numbers when the data are read."""
        return (self._dataset,)

    def _elements(self) -> Iterator[Any]:
        if self.unreadable:
            what = (
                f"x is a {type(self.source).__name__}, which can be read only once and may have no end."
                if self._single_pass
                else "x is an endless data set."
            )
            raise ConfigurationError(f"{what} {_STEPS_HINT}")
        if self._single_pass:
            if self._generator_batches is None:
                self._generator_batches = list(islice(self._dataset, self.steps))
            return iter(self._generator_batches)
        if isinstance(self._dataset, keras.utils.PyDataset):
            return (self._dataset[number] for number in (count() if self._length is None else range(self._length)))
        return iter(self._dataset)

    def _input_specs(self) -> Any:
        specs = getattr(self._dataset, "element_spec", None)
        if specs is not None:
            x = keras.utils.unpack_x_y_sample_weight(specs)[0]
            return keras.tree.map_structure(lambda part: spec((None, *part.shape[1:]), part.dtype), x)
        first = next(iter(self), None)
        if first is None:
            raise ConfigurationError(_EMPTY)
        return keras.tree.map_structure(lambda array: spec((None, *array.shape[1:]), array.dtype), first.inputs)


_EMPTY = "x is an empty data set. Pass the evaluation data, for instance the validation split."


def is_dataset(x: Any) -> bool:
    """Whether x is a data set of batches, not an array or a structure of arrays."""
    return (
        not hasattr(x, "shape")
        and not isinstance(x, list | tuple | dict)
        and (isinstance(x, keras.utils.PyDataset) or hasattr(x, "__iter__"))
    )


def _length(dataset: Any) -> int | None:
    """Number of batches; None if it is unknown."""
    if hasattr(dataset, "cardinality"):
        number = int(dataset.cardinality())
        return None if number < 0 else number
    if isinstance(dataset, keras.utils.PyDataset):
        return _num_batches(dataset)
    try:
        return len(dataset)
    except TypeError:  # no length, or a DataLoader of an IterableDataset
        return None


def _is_endless(dataset: Any) -> bool:
    """Whether the data set is known to be endless: a tf.data.Dataset that repeats without a count, a PyDataset without a length."""
    if isinstance(dataset, keras.utils.PyDataset):
        return _num_batches(dataset) is None
    return hasattr(dataset, "_variant_tensor") and _repeats(dataset)


def _repeats(dataset: Any) -> bool:
    cardinality = int(dataset.cardinality())
    if cardinality != -2:  # known
        return cardinality == -1
    # A filter hides the length of its single source; of an endless source it is endless.
    sources = dataset._inputs()
    return len(sources) == 1 and "TakeWhile" not in type(dataset).__name__ and _repeats(sources[0])


def _num_batches(dataset: Any) -> int | None:
    try:
        batches: int | None = dataset.num_batches
    except NotImplementedError as error:
        raise ConfigurationError(
            f"x is a {type(dataset).__name__} that does not say how many batches it has. Give it a method __len__, or a property "
            "num_batches, which is None for a data set without an end."
        ) from error
    return batches
