"""Instance metadata of the user: `id=` and `columns=`, as values for all instances or as functions of a batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.instances.training_data import TrainingData
from tensorboard_activis.capture.instances.user_columns import check_names
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.printable import printable

#: A function of a batch that returns one instance id per instance, integers or strings.
IdFunction = Callable[[Any], Sequence[int] | Sequence[str]]
#: A function of a batch that returns columns of its instances, by name.
ColumnsFunction = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class BatchMetadata:
    """What is said of the instances of a batch before the model runs on it; None where nothing is.

    Attributes:
        ids: instance ids, all integers or all strings.
        columns: user columns, name -> one value per instance.
        texts: a string, or a list of words, per instance.
    """

    ids: Sequence[Any] | None = None
    columns: Mapping[str, Any] | None = None
    texts: Sequence[Any] | None = None


class InstanceMetadata:
    """Gives the instance ids and the user's columns of each batch.

    Arguments:
        id: a function of a batch, a sequence over all instances in the order of the data, or None.
        columns: a function of a batch, a mapping of names to such sequences, or None.

    Attributes:
        training: the training data that instances are looked for in; None without.

    Raises:
        ConfigurationError: they are none of these, or differ in length.
    """

    def __init__(
        self, id: IdFunction | Sequence[Any] | None = None, columns: ColumnsFunction | Mapping[str, Any] | None = None
    ) -> None:
        self.training: TrainingData | None = None
        self._id_function = id if callable(id) else None
        self._ids = None if id is None or callable(id) else _sequence(id, "id")
        self._columns_function = columns if callable(columns) and not isinstance(columns, Mapping) else None
        self._columns: dict[str, Any] = {}
        if columns is not None and self._columns_function is None:
            self._columns = _column_sequences(columns)
        lengths = {name: len(values) for name, values in self._columns.items()}
        if self._ids is not None:
            lengths["id"] = len(self._ids)
        self.instances: int | None = next(iter(lengths.values()), None)
        other = next((name for name, length in lengths.items() if length != self.instances), None)
        if other is not None:
            first = next(iter(lengths))
            raise ConfigurationError(
                f"{first!r} has {lengths[first]} values and {other!r} has {lengths[other]}; each must have one per instance."
            )

    @property
    def training_record(self) -> schema.Training | None:
        """What is written of the training data."""
        return None if self.training is None else self.training.record

    @property
    def has_ids(self) -> bool:
        """Whether the user passed ids."""
        return self._id_function is not None or self._ids is not None

    def ids_by_position(self, instances: int | None) -> Sequence[Any] | None:
        """The ids of all instances, if they are known before the data are read.

        Arguments:
            instances: how many the data have; None if that is not known.
        """
        if self._id_function is not None or instances is None:
            return None
        return list(range(instances)) if self._ids is None else checked_ids(self._ids, len(self._ids)).tolist()

    @property
    def has_functions(self) -> bool:
        """Whether the user passed functions, which may draw random numbers."""
        return self._id_function is not None or self._columns_function is not None

    @property
    def functions_only(self) -> "InstanceMetadata":
        """The metadata without sequences in the order of the data: for other data, such as pinned instances."""
        alone = InstanceMetadata(self._id_function, self._columns_function)
        alone.training = self.training
        return alone

    def check(self, instances: int | None, *, fixed_order: bool) -> None:
        """Checks sequences against the data.

        Arguments:
            instances: how many the data have; None if that is not known.
            fixed_order: whether they come in the same order in every pass.

        Raises:
            ConfigurationError: there are values in the order of the data, but the order is not fixed or their number is wrong.
        """
        if self.instances is None:
            return
        what = "id" if self._ids is not None else "columns"
        if not fixed_order:
            raise ConfigurationError(
                f"{what} goes by the order of the data, but the data come shuffled or as a stream. Give data in a fixed order "
                f"(shuffle=False), or {what} as a function of a batch."
            )
        if instances is not None and instances != self.instances:
            raise ConfigurationError(
                f"{what} has {self.instances} values, but data holds {instances} instances; there must be one for each."
            )

    def for_batch(self, raw: Any, start: int, count: int, positions: np.ndarray | None = None) -> BatchMetadata:
        """Ids and columns of a batch.

        Arguments:
            raw: the batch as the data yield it, the argument of the functions.
            start: number of instances in earlier batches.
            count: number of instances in this batch.
            positions: int [instances], the instances' positions in the order of the data; None: consecutive from `start`.

        Raises:
            ActiVisError: there are fewer values than instances.
        """
        end = start + count if positions is None else int(positions.max(initial=-1)) + 1
        if self.instances is not None and end > self.instances:
            raise ActiVisError(f"id or columns has {self.instances} values, but data holds at least {end} instances.")

        def select(values: Any) -> Any:
            return values[start:end] if positions is None else [values[position] for position in positions.tolist()]

        name = "id" if self._id_function is not None else "columns" if self._columns_function is not None else ""
        if raw is None and name:
            raise ActiVisError(
                f"{name}= is a function of a batch, and of a watched evaluation only the model's inputs are known. Leave it out, "
                f"and give {'ids' if name == 'id' else name}= to watched.batch()."
            )
        ids = select(self._ids) if self._ids is not None else None
        if self._id_function is not None:
            ids = self._id_function(raw)
        columns = {name: select(values) for name, values in self._columns.items()} or None
        if self._columns_function is not None:
            columns = dict(self._columns_function(raw))
        return BatchMetadata(ids, columns)

    def check_all_used(self, seen: int) -> None:
        """Checks at the end of the data that all values were used.

        Raises:
            ActiVisError: there were fewer instances than values.
        """
        if self.instances is not None and seen < self.instances:
            raise ActiVisError(f"id or columns has {self.instances} values, but data held {seen} instances.")


def checked_ids(ids: Sequence[Any], count: int) -> np.ndarray:
    """Checks the ids of a batch, and returns them as int64 [instances] or as object [instances] of strings.

    Raises:
        ActiVisError: there is not one per instance, or they are neither all integers of 64 bits nor all strings.
    """
    if isinstance(ids, np.ndarray) and ids.dtype == np.int64 and ids.shape == (count,):
        return ids.copy()
    values = list(ids.tolist() if hasattr(ids, "tolist") else ids)
    if len(values) != count:
        raise ActiVisError(f"There are {len(values)} ids for a batch of {count} instances; there must be one for each.")
    values = [value.item() if isinstance(value, np.generic) or hasattr(value, "item") else value for value in values]
    if all(isinstance(value, str) for value in values):
        texts = np.empty(count, object)
        texts[:] = [printable(value) for value in values]
        return texts
    whole = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
    if len(whole) == count and all(-(2**63) <= value < 2**63 for value in whole):
        return np.array(whole, np.int64)
    stray = next((v for v in values if isinstance(v, bool) or not isinstance(v, (int, str))), values[0])
    raise ActiVisError(
        f"Ids must be all texts or all whole numbers of 64 bits; got {stray!r:.60} ({type(stray).__name__}) among them. "
        "Convert them, to str for example."
    )


def _sequence(values: Any, name: str) -> Any:
    if (
        isinstance(values, (str, bytes, Mapping))
        or not hasattr(values, "__len__")
        or not hasattr(values, "__getitem__")
    ):
        raise ConfigurationError(
            f"{name} must be a function of a batch, or a sequence with one value per instance; got {values!r:.80}."
        )
    # Without the index of a pandas Series, so that values are found by position.
    return values.to_numpy() if hasattr(values, "to_numpy") and not isinstance(values, np.ndarray) else values


def _column_sequences(columns: Any) -> dict[str, Any]:
    items = getattr(columns, "items", None)
    if items is None:
        raise ConfigurationError(
            'columns must be a function of a batch, or map names to values, as in {"length": [3, 5, …]}; got '
            f"{columns!r:.80}."
        )
    values = dict(items())
    check_names(values)
    return {name: _sequence(each, f"columns[{name!r}]") for name, each in values.items()}
