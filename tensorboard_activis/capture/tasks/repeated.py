"""Columns whose values many instances share, as the texts of sequences whose tokens are the instances: no value is copied."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa


class Repeated:
    """A column: the values, and which of them each instance has.

    Arguments:
        values: [values], numbers or objects; None stands for one that is missing.
        index: int [instances]; -1: the value is missing.
    """

    def __init__(self, values: np.ndarray, index: np.ndarray) -> None:
        self.values, self.index = values, index

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: np.ndarray) -> "Repeated":
        return Repeated(self.values, self.index[rows])

    def array(self) -> np.ndarray:
        """The value of each instance, [instances]; None where an index is -1, which only objects may have."""
        if not self.index.size or self.index.min() >= 0:
            present: np.ndarray = self.values[self.index]
            return present
        with_missing: np.ndarray = objects([*self.values.tolist(), None])[self.index]
        return with_missing

    def arrow(self, convert: Callable[[np.ndarray], pa.Array]) -> pa.Array:
        """The column in Arrow: texts as a dictionary, anything else value by value.

        Arguments:
            convert: converts the values.
        """
        values = convert(self.values)
        missing = self.index < 0
        indices = pa.array(self.index.astype(np.int32), mask=missing if missing.any() else None)
        if pa.types.is_string(values.type):
            return pa.DictionaryArray.from_arrays(indices, values)
        return values.take(indices)


#: One value per instance.
Column = np.ndarray | Repeated


def values_of(column: Column) -> np.ndarray:
    """The value of each instance, [instances]."""
    return column.array() if isinstance(column, Repeated) else column


def texts_to_arrow(texts: np.ndarray) -> pa.Array:
    """Texts, object [values] of str or None, as strings."""
    return pa.array(texts.tolist(), pa.string())


def objects(values: Sequence[Any]) -> np.ndarray:
    """A list as an array of objects."""
    array = np.empty(len(values), object)
    array[:] = values
    return array
