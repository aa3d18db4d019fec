"""The forms that evaluation data may have where the user writes the loop: batches, whole arrays, and what of them is what.

Works on the arrays of any framework, which have a shape and a type. Splitting and calling read no values.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from tensorboard_activis.errors import ConfigurationError

#: Instances per batch of data sets and of whole arrays.
BATCH_SIZE = 256

LABEL_KEYS = ("labels", "label", "label_ids", "targets", "target", "y")
MASK_KEYS = ("attention_mask", "mask")

#: A function of a batch that returns the model's input (one argument, a tuple of them, or a dict by name) and the labels or None.
Unpack = Callable[[Any], tuple[Any, Any]]
#: A function of a batch that returns one text per instance to show, or None.
Texts = Callable[[Any], Sequence[str] | None]
#: Applies a function to every array of a nested value, and returns the result.
MapArrays = Callable[[Any, Callable[[Any], Any]], Any]


class BatchForm:
    """Splits batches into inputs and labels, and makes arguments of the model's call of the inputs.

    Arguments:
        call: the function that the model is called by; its signature says how.
        unpack: the user's function that splits a batch; None: by the form of the batch.
        texts: the user's function that gives the texts of a batch.
        is_value: whether a tuple is one value.

    Attributes:
        parameters: of the call.

    Raises:
        ConfigurationError: `unpack` or `texts` is no function.
    """

    def __init__(
        self,
        call: Any,
        unpack: Unpack | None,
        texts: Texts | None,
        is_value: Callable[[Any], bool] = lambda value: False,
    ) -> None:
        for name, function, gives in (
            ("unpack", unpack, "(inputs, labels)"),
            ("texts", texts, "one text per instance"),
        ):
            if function is not None and not callable(function):
                raise ConfigurationError(
                    f"{name} must be a function of a batch that gives {gives}; got {function!r:.80}."
                )
        self._unpack, self._texts, self._is_value = unpack, texts, is_value
        self._by_place = False
        self.parameters = inspect.signature(call).parameters

    @property
    def unpacks(self) -> bool:
        """Whether the user's function splits the batches."""
        return self._unpack is not None

    def texts(self, raw: Any) -> Any:
        """The texts of a batch, one per instance; None if the user gave no function."""
        return None if self._texts is None else self._texts(raw)

    def split(self, raw: Any) -> tuple[Any, Any]:
        """Splits a raw batch into inputs and labels.

        Raises:
            ConfigurationError: its form is not supported.
        """
        if self._unpack is not None:
            pair = self._unpack(raw)
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ConfigurationError(f"unpack must return (inputs, labels); it returned {describe(pair)}.")
            return pair[0], pair[1]
        if is_dataclass(raw) and not isinstance(raw, type):
            raw = {entry.name: getattr(raw, entry.name) for entry in fields(raw)}
        elif isinstance(raw, tuple) and any(name in LABEL_KEYS for name in getattr(raw, "_fields", ())):
            raw = raw._asdict()  # type: ignore[attr-defined]
        if is_graph(raw):
            named = dict(raw.to_dict())
            labels = split_labels(named)
            return (named if set(named) & set(self.parameters) else raw), labels
        if isinstance(raw, Mapping):
            inputs = dict(raw)
            labels = split_labels(inputs)
            return inputs, labels
        if isinstance(raw, (tuple, list)) and not self._is_value(raw):
            if len(raw) == 1:
                return raw[0], None
            if len(raw) == 2:
                return raw[0], raw[1]
            if self._accepts_arguments(len(raw) - 1):
                return tuple(raw[:-1]), raw[-1]
            raise ConfigurationError(
                f"A batch of data is {describe(raw)}; it does not say which part is the labels. Give unpack=, a function of "
                "the batch that returns (inputs, labels)."
            )
        return raw, None

    def labels_by_output(self, labels: Any, instances: int) -> Any:
        """Labels as they are; those of several outputs in a tuple or list, as a mapping by their places, "0", "1", ….

        Arguments:
            instances: how many rows the model's first array has. As many arrays may be one for each instance, unless those of a
                batch before were of outputs.
        """
        if not isinstance(labels, tuple | list) or len(labels) < 2 or (len(labels) == instances and not self._by_place):
            return labels
        arrays = [each for each in labels if each is not None]
        if not arrays or not all(is_array(each) and tuple(each.shape[:1]) == (instances,) for each in arrays):
            return labels
        self._by_place = True
        return {str(place): each for place, each in enumerate(labels)}

    def arguments(self, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Inputs as args and kwargs of the call: a dict by name, a tuple by position, else one argument."""
        kinds = {parameter.kind for parameter in self.parameters.values()}
        if isinstance(inputs, Mapping):
            anything = inspect.Parameter.VAR_KEYWORD in kinds
            named = {key: value for key, value in inputs.items() if anything or key in self.parameters}
            return ((), named) if named else ((inputs,), {})
        if isinstance(inputs, (tuple, list)) and not self._is_value(inputs):
            return (tuple(inputs), {}) if self._accepts_arguments(len(inputs)) else ((inputs,), {})
        return (inputs,), {}

    def _accepts_arguments(self, count: int) -> bool:
        """Whether the model can be called with so many positional arguments."""
        places = [
            parameter
            for parameter in self.parameters.values()
            if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        ]
        if any(parameter.kind == inspect.Parameter.VAR_POSITIONAL for parameter in self.parameters.values()):
            return True
        needed = sum(parameter.default is inspect.Parameter.empty for parameter in places)
        return needed <= count <= len(places)


class WholeArrays:
    """Whole arrays, sliced into batches of `BATCH_SIZE`.

    Arguments:
        inputs: a nested value of arrays [instances, ...].
        labels: one per instance; None if there are none.
        map_arrays: of the framework.
        wrapped: whether batches are (inputs, labels), else they are inputs alone.

    Raises:
        ConfigurationError: there is not one label for each instance.
    """

    def __init__(self, inputs: Any, labels: Any, map_arrays: MapArrays, *, wrapped: bool) -> None:
        self._inputs, self._labels, self._map, self._wrapped = inputs, labels, map_arrays, wrapped
        arrays = all_arrays(inputs, map_arrays)
        self.instances: int = arrays[0].shape[0] if arrays and len(arrays[0].shape) else 0
        count = count_labels(labels)
        if count is not None and count != self.instances:
            raise ConfigurationError(
                f"data has {self.instances} inputs and {count} labels; there must be one for each."
            )

    def __len__(self) -> int:
        return -(-self.instances // BATCH_SIZE)

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self.instances, BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)

            def slice_array(array: Any, rows: slice = rows) -> Any:
                return array[rows] if len(array.shape) and array.shape[0] == self.instances else array

            inputs = self._map(self._inputs, slice_array)
            yield (inputs, _rows(self._labels, rows)) if self._wrapped else inputs


def _rows(labels: Any, rows: slice) -> Any:
    """These rows of labels, or of the labels of each output."""
    if isinstance(labels, Mapping):
        return {name: _rows(each, rows) for name, each in labels.items()}
    return None if labels is None else labels[rows]


def batch_source(data: Any, map_arrays: MapArrays, *, arrays: str = "arrays", loader: str = "") -> Iterable[Any]:
    """The iterable of raw batches for evaluation data in any form.

    Arguments:
        map_arrays: of the framework.
        arrays, loader: what these are called in messages.

    Raises:
        ConfigurationError: the data can be iterated only once, or not at all.
    """
    if (is_array(data) or isinstance(data, Mapping)) and all_arrays(data, map_arrays):
        return WholeArrays(data, None, map_arrays, wrapped=False)
    by_output = isinstance(data, tuple) and len(data) == 2 and is_array(data[0]) and isinstance(data[1], Mapping)
    if by_output or (
        isinstance(data, tuple) and len(data) == 2 and _are_labels(data[1]) and all_arrays(data[0], map_arrays)
    ):
        return WholeArrays(data[0], data[1], map_arrays, wrapped=True)
    if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
        raise ConfigurationError(
            f"data must be {loader}batches that can be gone through again and again, or (inputs, labels) as whole "
            f"{arrays}; got {describe(data)}."
        )
    if isinstance(data, Iterator):
        raise ConfigurationError(
            f"data is {describe(data)}, which can be read only once, but every snapshot reads it again. Give "
            f"{loader or 'a data loader, '}or list(data)."
        )
    return data  # type: ignore[no-any-return]


def count_instances(
    arrays: Sequence[Any], labels: Any, raw: Any, *, kind: str = "array", of_parts: bool = False
) -> int:
    """Number of instances of a batch, by its labels, else by the first of the model's arrays.

    Arguments:
        raw: the batch, for messages.
        kind: what an array is called in messages.
        of_parts: whether no array needs a row per instance, as where these are graphs, and rows are of nodes.

    Raises:
        ConfigurationError: there is no array, or none of so many instances.
    """
    if not arrays:
        raise ConfigurationError(
            f"A batch of data holds no {kind} for the model; got {describe(raw)}. A batch is (inputs, labels), a dict, or "
            "inputs alone. For anything else give unpack=, a function of the batch that returns (inputs, labels)."
        )
    instances = count_labels(labels)
    if instances is None:
        return int(arrays[0].shape[0]) if len(arrays[0].shape) else 1
    if not of_parts and all(instances not in array.shape for array in arrays):
        each = f"{len(arrays)} inputs, one per instance, the first" if len(arrays) == instances else "inputs"
        advice = (
            "If the model takes them together, give unpack=, such as lambda batch: (torch.stack(batch[0]), None), and task='none'"
            if len(arrays) == instances and kind == "tensor"
            else "Check that data yields (inputs, labels), or give unpack="
        )
        raise ConfigurationError(
            f"A batch has {instances} labels, but {each} of shape {tuple(arrays[0].shape)}. {advice}."
        )
    return instances


def split_labels(inputs: dict[str, Any]) -> Any:
    """Removes the labels from a batch that is a dict, and returns them; None if there are none."""
    name = next((key for key in LABEL_KEYS if key in inputs), None)
    return None if name is None else inputs.pop(name)


def count_labels(labels: Any) -> int | None:
    """Number of instances by the labels; None if these are of an unknown form."""
    if isinstance(labels, Mapping) and labels:
        return count_labels(next((each for each in labels.values() if each is not None), None))
    if is_array(labels):
        return int(labels.shape[0]) if len(labels.shape) else 1
    return len(labels) if isinstance(labels, (list, tuple)) else None


def all_arrays(value: Any, map_arrays: MapArrays) -> list[Any]:
    """Every array of a nested value, in order."""
    arrays: list[Any] = []

    def collect(array: Any) -> Any:
        arrays.append(array)
        return array

    map_arrays(value, collect)
    return arrays


def is_graph(value: Any) -> bool:
    """Whether this is a batch of graphs, as PyTorch Geometric has them: nodes, and edges by the indices of the nodes."""
    return hasattr(value, "edge_index") and callable(getattr(value, "to_dict", None))


def is_array(value: Any) -> bool:
    """Whether this is an array of any framework."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def describe(value: Any) -> str:
    """Type and size of a value, for messages."""
    if is_array(value):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} with {', '.join(map(str, value))}"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)} ({', '.join(describe(inner) for inner in value[:4])})"
    return f"a {type(value).__name__}"


def _are_labels(labels: Any) -> bool:
    """Whether this may be the labels of whole arrays."""
    if labels is None or is_array(labels):
        return True
    return isinstance(labels, (list, tuple)) and all(isinstance(label, (int, float, str)) for label in labels)
