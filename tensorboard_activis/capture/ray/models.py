"""The user's model on an actor, with the data that it is evaluated on: PyTorch's or Keras's, the same adapter as in one process."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.adapter import Adapter
from tensorboard_activis.capture.ray.columns import DatasetColumns, RowBatch
from tensorboard_activis.capture.ray.rows import Rows
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.summarize.float16 import Convert, numpy_convert


class PartAdapter(Adapter, Protocol):
    """An adapter whose passes are over one part of the data each."""

    def of_part(self, highest: np.uint64 | None, *, pinned: bool) -> None:
        """Has the next pass be over one part of the data; hashes above `highest` are in no sample."""


class Source:
    """The batches of the part that is evaluated now, in the form that the framework takes.

    Arguments:
        columns: what the columns are.
        element: makes a batch for the framework of the rows, of the inputs and of the labels.
    """

    def __init__(self, columns: DatasetColumns, element: Callable[[RowBatch, Any, Any], Any]) -> None:
        self._columns, self._element = columns, element
        self.batches: Rows | list[RowBatch] = []

    def __iter__(self) -> Iterator[Any]:
        for batch in self.batches:
            yield self._element(batch, *self._columns.inputs_and_labels(batch))


class Element(tuple[Any, ...]):
    """A batch for Keras, (inputs, labels) or (inputs,), that remembers its rows."""

    rows: RowBatch


@dataclass(frozen=True)
class Loaded:
    """A model with its adapter, and the source whose batches this evaluates."""

    adapter: PartAdapter
    source: Source
    convert: Convert = numpy_convert
    training: schema.Training | None = None


def load(make: Callable[[], Any], columns: DatasetColumns, head: RowBatch, options: Mapping[str, Any]) -> Loaded:
    """Makes the model, and records it with the first batch of the data.

    Raises:
        ConfigurationError: it cannot be made, is of no framework that is known, or does not run on the batch.
    """
    try:
        model = make()
    except Exception as error:
        raise ConfigurationError(
            f"model= is a function that makes the model on each actor, and failed there: {type(error).__name__}: {error}"
        ) from error
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(model, keras.Model):
        return _keras(model, columns, head, options)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return _torch(model, columns, head, options)
    raise ConfigurationError(
        f"model= must return a torch.nn.Module or a keras.Model; it returned a {type(model).__module__}."
        f"{type(model).__qualname__}."
    )


def _torch(model: Any, columns: DatasetColumns, head: RowBatch, options: Mapping[str, Any]) -> Loaded:
    import torch

    from tensorboard_activis.capture.torch.capture import TorchCapture
    from tensorboard_activis.capture.torch.reduce import torch_convert

    def tensor(value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {key: tensor(each, key) for key, each in value.items()}
        if not isinstance(value, np.ndarray):
            return value
        try:
            return torch.from_numpy(value if value.flags.writeable else value.copy())
        except TypeError as error:
            raise ActiVisError(
                f"The model's input{' ' + repr(name) if name else ''} is a column of {_type(value)}, which PyTorch has no tensor "
                "for. Name the columns of its inputs with inputs=, or give unpack=, a function of a batch that returns "
                "(inputs, labels): the tokens of texts, for example."
            ) from error

    def element(rows: RowBatch, inputs: Any, labels: Any) -> RowBatch:
        batch = RowBatch(rows, rows.rows)
        batch.parts = tensor(inputs), tensor(labels)  # type: ignore[attr-defined]
        return batch

    source = Source(columns, element)
    source.batches = [head]
    own = {
        "id": columns.ids,
        "columns": columns.user_columns if columns.columns else None,
        "texts": columns.texts_of if columns.texts else None,
        "unpack": _parts(columns),
        "effects": None,
        "health": False,
    }
    capture = TorchCapture(model, source, {**options, **own})  # type: ignore[typeddict-item]
    return Loaded(capture, source, torch_convert, capture.metadata.training_record)


def _parts(columns: DatasetColumns) -> Callable[[Any], Any]:
    """Inputs and labels of a batch of the data set, or of pinned instances, which may have the same columns."""

    def unpack(batch: Any) -> Any:
        parts = getattr(batch, "parts", None)
        if parts is not None:
            return parts
        if columns.unpack is not None:
            return columns.unpack(batch)
        if isinstance(batch, tuple | list) and len(batch) == 2:
            return batch[0], batch[1]
        if isinstance(batch, Mapping):
            names = list(batch)
            inputs = {name: batch[name] for name in columns.input_names(names)}
            label = columns.label_name(names)
            return next(iter(inputs.values())) if len(inputs) == 1 else inputs, None if label is None else batch[label]
        return batch, None

    return unpack


def _keras(model: Any, columns: DatasetColumns, head: RowBatch, options: Mapping[str, Any]) -> Loaded:
    from tensorboard_activis.capture.keras.capture import EvaluationData, KerasCapture

    def element(rows: RowBatch, inputs: Any, labels: Any) -> Element:
        made = Element((inputs,) if labels is None else (inputs, np.asarray(labels)))
        made.rows = rows
        return made

    def rows_of(batch: Any) -> Any:
        return getattr(batch, "rows", batch)

    source = Source(columns, element)
    source.batches = [head]
    own = {
        "id": lambda batch: columns.ids(rows_of(batch)),
        "columns": (lambda batch: columns.user_columns(rows_of(batch))) if columns.columns else None,
        "effects": None,
        "health": False,
    }
    texts = (lambda batch: columns.texts_of(rows_of(batch))) if columns.texts else None
    given: Any = {**options, **own}
    data = EvaluationData(source, None, len(head.rows), given, texts=texts)
    capture = KerasCapture(model, data, given)
    return Loaded(capture, source, training=data.described.metadata.training_record)


def _type(values: np.ndarray) -> str:
    return "texts" if values.dtype == object and len(values) and isinstance(values[0], str) else str(values.dtype)
