"""Reads evaluation data, whole arrays or an iterable of batches, as batches of numpy arrays, for frameworks that take these.

The data may be of any framework: each array of numbers is converted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorboard_activis.capture.data.batch_forms import (
    MASK_KEYS,
    BatchForm,
    Texts,
    Unpack,
    WholeArrays,
    all_arrays,
    batch_source,
    count_instances,
    is_array,
)
from tensorboard_activis.capture.tasks.arrays import as_array
from tensorboard_activis.errors import ConfigurationError

#: Arguments by which a model is put into evaluation mode for one call.
_MODES = {"train": False, "training": False, "is_training": False, "deterministic": True}


@dataclass(frozen=True)
class Batch:
    """A batch of evaluation data.

    Attributes:
        args, kwargs: what the model is called with; arrays are numpy's.
        labels: as the data give them; None if there are none.
        instances: how many the batch has.
        mask: bool [instances, positions], False in padding; None without padding mask.
        texts: one text or list of words per instance; None if unknown.
        raw: the whole batch as the data give it.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    labels: Any
    instances: int
    mask: np.ndarray | None
    texts: Any
    raw: Any

    @property
    def arrays(self) -> list[np.ndarray]:
        """The arrays among the inputs, in order."""
        return all_arrays((self.args, self.kwargs), map_arrays)


class Batches:
    """The evaluation data as an iterable of `Batch`, which is iterated once per snapshot.

    Arguments:
        data: see `ActiVisLogger`.
        call: the function that the model is called by; its signature says how.
        unpack, texts: see `BatchForm`.

    Attributes:
        parameters: names of the call's parameters.
        source: the iterable of raw batches.

    Raises:
        ConfigurationError: the data can be iterated only once, or not at all.
    """

    def __init__(self, data: Any, call: Any, unpack: Unpack | None = None, texts: Texts | None = None) -> None:
        self._form = BatchForm(call, unpack, texts)
        self._modes = {name: value for name, value in _MODES.items() if name in self._form.parameters}
        self.parameters = list(self._form.parameters)
        self.source = batch_source(data, map_arrays)

    @property
    def fixed_order(self) -> bool:
        """Whether every pass gives the instances in the same order, so that their index identifies them."""
        torch_loader = [type(getattr(self.source, name, None)).__name__ for name in ("batch_sampler", "sampler")]
        in_memory = isinstance(self.source, WholeArrays | Sequence)
        return in_memory or torch_loader == ["BatchSampler", "SequentialSampler"]

    @property
    def instances(self) -> int | None:
        """Number of instances; None if it is not known before the pass."""
        return self.source.instances if isinstance(self.source, WholeArrays) else None

    def __len__(self) -> int:
        """Number of batches; a TypeError if it is not known."""
        return len(self.source)  # type: ignore[arg-type]

    def first(self, name: str = "data") -> Batch | None:
        """The first batch; None if there is none, or it is empty.

        Raises:
            ConfigurationError: it cannot be read.
        """
        try:
            first = next(iter(self), None)
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(f"{name} cannot be read: {type(error).__name__}: {error}") from error
        return first if first is not None and first.instances else None

    def check_pinned(self) -> None:
        """Checks that these can be pinned instances.

        Raises:
            ConfigurationError: their order is not fixed, or there are none.
        """
        if not self.fixed_order:
            raise ConfigurationError(
                "pinned instances come shuffled or as a stream, so that they could not be told apart. Give them in a fixed order: "
                "as whole arrays, or a list of batches."
            )
        if self.first("pinned") is None:
            raise ConfigurationError("pinned is empty; leave it out, or give at least one instance.")

    def __iter__(self) -> Iterator[Batch]:
        for raw in self.source:
            inputs, labels = self._form.split(raw)
            inputs = map_arrays(inputs, lambda array: array)
            args, kwargs = self._form.arguments(inputs)
            arrays = all_arrays((args, kwargs), map_arrays)
            labels = self._form.labels_by_output(labels, len(arrays[0]) if arrays and arrays[0].ndim else 1)
            instances = count_instances(arrays, labels, raw)
            mask = _mask(inputs, instances) if isinstance(inputs, Mapping) else None
            yield Batch(args, self._modes | kwargs, labels, instances, mask, self._form.texts(raw), raw)


def map_arrays(value: Any, function: Callable[[np.ndarray], Any]) -> Any:
    """Applies a function to every array of numbers of a nested value, as numpy arrays; anything else stays, such as random keys."""
    if isinstance(value, Mapping):
        return {key: map_arrays(inner, function) for key, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_arrays(inner, function) for inner in value))
    if isinstance(value, list | tuple):
        return type(value)(map_arrays(inner, function) for inner in value)
    if not is_array(value):
        return value
    try:
        array = as_array(value)
    except TypeError:
        return value
    return value if array.dtype.kind in "OSUMm" else function(array)


def _mask(inputs: Mapping[str, Any], instances: int) -> np.ndarray | None:
    mask = next((inputs[key] for key in MASK_KEYS if inputs.get(key) is not None), None)
    if mask is None or np.ndim(mask) != 2 or len(mask) != instances:
        return None
    return np.asarray(mask, bool)
