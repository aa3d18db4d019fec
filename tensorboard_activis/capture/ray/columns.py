"""What the columns of a data set are: the model's inputs, labels, ids, further columns and texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorboard_activis.capture.data.batch_forms import LABEL_KEYS
from tensorboard_activis.capture.instances.user_columns import check_names
from tensorboard_activis.errors import ActiVisError, ConfigurationError


class RowBatch(dict[str, np.ndarray]):
    """A batch of rows: by column an array [rows, ...], which may be written to.

    Attributes:
        rows: the rows' numbers in the order of the data set, int64 [rows].
    """

    def __init__(self, columns: Mapping[str, np.ndarray], rows: np.ndarray) -> None:
        super().__init__(columns)
        self.rows = rows

    def __reduce__(self) -> Any:
        return RowBatch, (dict(self), self.rows)


@dataclass(frozen=True)
class DatasetColumns:
    """Which columns are what; see `tensorboard_activis.ray.log`.

    Arguments:
        inputs, label, columns: names of columns. None: as `log` says.
        id, texts: the name of a column, or a function of a batch; `columns` may be a function as well.
        unpack: a function of a batch that returns (inputs, labels).

    Raises:
        ConfigurationError: one is of a wrong type.
    """

    inputs: Sequence[str] | None
    label: str | None
    id: str | Callable[[Any], Any] | None
    columns: Sequence[str] | Callable[[Any], Any] | None
    texts: str | Callable[[Any], Any] | None
    unpack: Callable[[Any], Any] | None

    def __post_init__(self) -> None:
        if isinstance(self.inputs, str):
            object.__setattr__(self, "inputs", (self.inputs,))
        for name in ("inputs", "columns"):
            value = getattr(self, name)
            if value is None or (name == "columns" and callable(value)):
                continue
            if isinstance(value, str) or not _are_texts(value):
                also = ", or a function of a batch that returns them" if name == "columns" else ""
                raise ConfigurationError(
                    f"{name} must be a list of names of columns of the data set{also}; got {value!r:.80}."
                )
            object.__setattr__(self, name, tuple(value))
        for name in ("label", "id", "texts"):
            value = getattr(self, name)
            function = name != "label" and callable(value)
            if value is not None and not isinstance(value, str) and not function:
                also = "" if name == "label" else ", or a function of a batch"
                raise ConfigurationError(
                    f"{name} must be the name of a column of the data set{also}; got {value!r:.80}. Rows are read by many workers, "
                    "so a list in their order does not do: put it into the data set as a column."
                )
        if self.unpack is not None:
            if not callable(self.unpack):
                raise ConfigurationError(
                    f"unpack must be a function of a batch that returns (inputs, labels); got {self.unpack!r:.80}."
                )
            if self.inputs is not None or self.label is not None:
                raise ConfigurationError("unpack says what inputs and labels are; leave out inputs= and label=.")

    def check(self, names: Sequence[str]) -> None:
        """Checks that the data set has the columns. Raises ConfigurationError."""
        listed = () if callable(self.columns) else self.columns or ()
        check_names(dict.fromkeys(listed))
        wanted = {
            "inputs": self.inputs or (),
            "columns": listed,
            **{name: [value] for name in ("label", "id", "texts") if isinstance(value := getattr(self, name), str)},
        }
        for keyword, columns in wanted.items():
            for column in columns:
                if column not in names:
                    raise ConfigurationError(
                        f"{keyword}= names the column {column!r}, which the data set has not; it has {', '.join(names)}."
                    )
        if self.unpack is None and not self.input_names(names):
            raise ConfigurationError(
                f"The data set has no column left for the model's inputs: it has {', '.join(names)}. Say which with inputs=, or "
                "give unpack=, a function of a batch that returns (inputs, labels)."
            )

    def label_name(self, names: Sequence[str]) -> str | None:
        """The column of labels."""
        return self.label or next((name for name in LABEL_KEYS if name in names), None)

    def input_names(self, names: Sequence[str]) -> list[str]:
        """The columns of inputs: those that are named, or all that are nothing else."""
        if self.inputs is not None:
            return list(self.inputs)
        others = {self.label_name(names), *(each for each in (self.id, self.texts) if isinstance(each, str))}
        others |= set() if callable(self.columns) else set(self.columns or ())
        return [name for name in names if name not in others]

    def inputs_and_labels(self, batch: RowBatch) -> tuple[Any, Any]:
        """Inputs, one array or several by name, and labels [rows, ...] or None; or what the user's `unpack` gives."""
        if self.unpack is not None:
            pair = self.unpack(batch)
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise ConfigurationError(f"unpack must return (inputs, labels); it returned a {type(pair).__name__}.")
            return pair[0], pair[1]
        names = self.input_names(list(batch))
        label = self.label_name(list(batch))
        inputs = {name: _even(name, batch[name]) for name in names}
        labels = None if label is None else _labels(batch[label])
        return inputs[names[0]] if len(names) == 1 else inputs, labels

    def ids(self, batch: Any) -> Any:
        """Instance ids of a batch: the user's, else the numbers of the rows. Of pinned instances None, where a batch has none."""
        if callable(self.id):
            return self.id(batch)
        if self.id is None:
            return batch.rows if isinstance(batch, RowBatch) else None
        if isinstance(batch, RowBatch):
            return _values(batch[self.id])
        return batch[self.id] if isinstance(batch, Mapping) and self.id in batch else None

    def user_columns(self, batch: Any) -> Mapping[str, Any]:
        """The user's columns of a batch."""
        if callable(self.columns):
            given: Mapping[str, Any] = self.columns(batch)
            return given
        known = batch if isinstance(batch, Mapping) else {}
        return {name: _values(known[name]) for name in self.columns or () if name in known}

    def texts_of(self, batch: Any) -> Any:
        """The texts of a batch; None without."""
        if callable(self.texts):
            return self.texts(batch)
        known = isinstance(batch, Mapping) and self.texts in batch
        return [str(text) for text in batch[self.texts]] if known else None


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _values(column: Any) -> list[Any]:
    """Single values, as Python has them."""
    values: list[Any] = np.asarray(column).tolist()
    return values


def _even(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype != object or all(isinstance(value, str) or value is None for value in values):
        return values
    shapes = sorted({np.shape(value) for value in values})
    if len(shapes) == 1:
        return np.stack(list(values))
    raise ActiVisError(
        f"The column {name!r} holds arrays of different shapes in one batch, {shapes[0]} and {shapes[-1]}. Make them equal with "
        "Dataset.map_batches, or give unpack=, a function of a batch that pads or crops them."
    )


def _labels(values: np.ndarray) -> Any:
    """Labels as arrays, or as a list of names."""
    if values.dtype.kind in "OUS":
        return _values(values) if all(isinstance(value, str | bytes) for value in values) else np.stack(list(values))
    return values
