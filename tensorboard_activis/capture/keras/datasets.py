"""Evaluation data that come as batches: data sets that can be read again and again, endless ones, and generators."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import keras

from tensorboard_activis.capture.keras.batches import Batch, as_array, spec
from tensorboard_activis.capture.keras.unshuffled import shuffles, unshuffled
from tensorboard_activis.errors import ConfigurationError

_BOUND = "Say how many batches are read for a snapshot, as in steps=10; where fit is given validation_steps, that number is taken."


class DatasetData:
    """A data set of batches: tf.data.Dataset, keras.utils.PyDataset, anything that can be iterated anew each time, a generator.

    It may shuffle, so instances are told apart by their content. A tf.data.Dataset is read without its shuffling. Of a
    generator, which can be read only once, the first `steps` batches are kept in memory and read for every snapshot.

    Arguments:
        steps: number of batches that are read; None: all, or what `bound` says.

    Raises:
        ConfigurationError: there is no batch, or its length cannot be told.
    """

    labels = instances = None
    by_position = False

    def __init__(self, dataset: Any, steps: int | None = None) -> None:
        self.source = dataset
        self._dataset = unshuffled(dataset) if hasattr(dataset, "_variant_tensor") else dataset
        self._once = hasattr(dataset, "__next__") and not isinstance(dataset, keras.utils.PyDataset)
        self._endless = not self._once and _is_endless(dataset)
        self._length = None if self._endless or self._once else _length(dataset)
        self._batches_of_generator: list[Any] | None = None
        self._specs: Any = None
        self.steps = steps
        if self._length == 0:
            raise ConfigurationError(_EMPTY)

    @property
    def open_ended(self) -> bool:
        """Whether it may have no end, so that the number of its batches must come from elsewhere."""
        return self._length is None

    @property
    def unreadable(self) -> bool:
        """Whether it cannot be read as it is: it has no end or can be read only once, and no number of batches is known."""
        return self.steps is None and (self._endless or self._once)

    @property
    def read_once(self) -> bool:
        """Whether it is a generator, of which whoever reads it takes batches from all others."""
        return self._once

    @property
    def bounded(self) -> bool:
        """Whether a part of it may be read only."""
        return self.steps is not None

    def bound(self, steps: int | None) -> None:
        """Read at most so many batches, where nothing was said before; None changes nothing."""
        if self.steps is None and self._batches_of_generator is None:
            self.steps = steps

    @property
    def batches(self) -> int | None:
        """Number of batches that are read; None where that is not known."""
        known = [number for number in (self._length, self.steps) if number is not None]
        return min(known, default=None)

    @property
    def specs(self) -> Any:
        """KerasTensors in the structure of the model's inputs, None where sizes vary."""
        if self._specs is None:
            self._specs = self._found_specs()
        return self._specs

    def __iter__(self) -> Iterator[Batch]:
        """The batches.

        Raises:
            ConfigurationError: it has no end, or can be read only once, and nobody said how many batches to read.
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
        if self.unreadable:
            what = (
                f"x is a {type(self.source).__name__}, which can be read only once and may have no end."
                if self._once
                else "x is an endless data set."
            )
            raise ConfigurationError(f"{what} {_BOUND}")
        if self._once:
            if self._batches_of_generator is None:
                self._batches_of_generator = list(islice(self._dataset, self.steps))
            return iter(self._batches_of_generator)
        if isinstance(self._dataset, keras.utils.PyDataset):
            return (self._dataset[number] for number in (count() if self._length is None else range(self._length)))
        return iter(self._dataset)

    def _found_specs(self) -> Any:
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
    """Whether x gives batches, rather than being an array or a structure of arrays."""
    return (
        not hasattr(x, "shape")
        and not isinstance(x, list | tuple | dict)
        and (isinstance(x, keras.utils.PyDataset) or hasattr(x, "__iter__"))
    )


def _length(dataset: Any) -> int | None:
    """Number of batches; None where it is not known."""
    if hasattr(dataset, "cardinality"):
        number = int(dataset.cardinality())
        return None if number < 0 else number
    if isinstance(dataset, keras.utils.PyDataset):
        return _batches_of(dataset)
    try:
        return len(dataset)
    except TypeError:  # without a length, or the loader of a stream
        return None


def _is_endless(dataset: Any) -> bool:
    """Whether it is known to have no end: a tf.data.Dataset that repeats without a count, a PyDataset without a length."""
    if isinstance(dataset, keras.utils.PyDataset):
        return _batches_of(dataset) is None
    return hasattr(dataset, "_variant_tensor") and _repeats(dataset)


def _repeats(dataset: Any) -> bool:
    cardinality = int(dataset.cardinality())
    if cardinality != -2:  # known
        return cardinality == -1
    # A filter hides the length of its only source, and gives no end to what has none.
    sources = dataset._inputs()
    return len(sources) == 1 and "TakeWhile" not in type(dataset).__name__ and _repeats(sources[0])


def _batches_of(dataset: Any) -> int | None:
    try:
        batches: int | None = dataset.num_batches
    except NotImplementedError as error:
        raise ConfigurationError(
            f"x is a {type(dataset).__name__} that does not say how many batches it has. Give it a method __len__, or a property "
            "num_batches, which is None for a data set without an end."
        ) from error
    return batches
