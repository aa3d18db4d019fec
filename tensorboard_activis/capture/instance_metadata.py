"""`id=` and `columns=` as users give them: for all instances in the order of the data, or by a function of a batch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorboard_activis.capture.user_columns import check_names
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.printable import printable

#: Of a batch: one identity per instance, integers or texts.
Identify = Callable[[Any], Sequence[int] | Sequence[str]]
#: Of a batch: columns of its instances, by name.
Describe = Callable[[Any], Mapping[str, Any]]


class InstanceMetadata:
    """Hands out what the user says of instances, batch by batch.

    Arguments:
        id: a function of a batch, a sequence over all instances in the order of the data, or None.
        columns: a function of a batch, a mapping of names to such sequences, or None.

    Raises:
        ConfigurationError: they are neither, or not of one length.
    """

    def __init__(
        self, id: Identify | Sequence[Any] | None = None, columns: Describe | Mapping[str, Any] | None = None
    ) -> None:
        self._identify = id if callable(id) else None
        self._ids = None if id is None or callable(id) else _sequence(id, "id")
        self._describe = columns if callable(columns) and not isinstance(columns, Mapping) else None
        self._columns: dict[str, Any] = {}
        if columns is not None and self._describe is None:
            self._columns = _table(columns)
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
    def has_ids(self) -> bool:
        """Whether there are ids."""
        return self._identify is not None or self._ids is not None

    @property
    def functions_only(self) -> "InstanceMetadata":
        """The same without what goes by the order of the data: for other data, such as probes."""
        return InstanceMetadata(self._identify, self._describe)

    def check(self, instances: int | None, *, fixed_order: bool) -> None:
        """Compares with the data.

        Arguments:
            instances: how many they hold, None if that is not known.
            fixed_order: whether they come in the same order whenever they are gone through.

        Raises:
            ConfigurationError: values by the order of the data are of no use then, or are too many or too few.
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

    def for_batch(
        self, raw: Any, start: int, count: int, places: np.ndarray | None = None
    ) -> tuple[Sequence[Any] | None, Mapping[str, Any] | None]:
        """Ids and columns of a batch, None where there are none.

        Arguments:
            raw: the batch as it came, for the functions.
            start: how many instances came before. count: how many the batch holds.
            places: of its instances in the order of the data, where that is not the order in which they come.

        Raises:
            ActiVisError: there are too few.
        """
        end = start + count if places is None else int(places.max(initial=-1)) + 1
        if self.instances is not None and end > self.instances:
            raise ActiVisError(f"id or columns has {self.instances} values, but data holds at least {end} instances.")

        def some(values: Any) -> Any:
            return values[start:end] if places is None else [values[place] for place in places.tolist()]

        ids = some(self._ids) if self._ids is not None else None
        if self._identify is not None:
            ids = self._identify(raw)
        columns = {name: some(values) for name, values in self._columns.items()} or None
        if self._describe is not None:
            columns = dict(self._describe(raw))
        return ids, columns

    def check_all_used(self, seen: int) -> None:
        """Says how many instances there were. ActiVisError: they were fewer than the values given."""
        if self.instances is not None and seen < self.instances:
            raise ActiVisError(f"id or columns has {self.instances} values, but data held {seen} instances.")


def checked_ids(ids: Sequence[Any], count: int) -> np.ndarray:
    """Ids as int64 or as object of texts.

    Raises:
        ActiVisError: there are more or fewer than instances, or they are neither all whole numbers nor all texts.
    """
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
    # By position, also where a pandas Series has an index of its own.
    return values.to_numpy() if hasattr(values, "to_numpy") and not isinstance(values, np.ndarray) else values


def _table(columns: Any) -> dict[str, Any]:
    items = getattr(columns, "items", None)
    if items is None:
        raise ConfigurationError(
            'columns must be a function of a batch, or map names to values, as in {"length": [3, 5, …]}; got '
            f"{columns!r:.80}."
        )
    found = dict(items())
    check_names(found)
    return {name: _sequence(values, f"columns[{name!r}]") for name, values in found.items()}
