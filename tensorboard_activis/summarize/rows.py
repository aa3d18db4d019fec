"""Rows of instances that are kept in place: neither growing nor reading in another order makes a copy of the whole array."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

#: Rows of the first page, and bytes of the blocks that are read.
_FIRST, _BLOCK = 256, 1 << 20


class Rows:
    """An array [instances, ...] that grows, and whose rows are replaced in place.

    It lies in pages, each as long as all before it. Rows never move, and what is not yet written of a page takes no memory, for the
    system gives memory when it is written to.

    Arguments:
        most: how many rows there will be at most; None: not known.
        like: an array [..., ...] whose dtype and shape without the first axis are those of the rows.

    Attributes:
        dtype, shape: of one row.
        length: how many rows there is room for.
    """

    def __init__(self, most: int | None, like: np.ndarray) -> None:
        self._most = most
        self.dtype, self.shape = like.dtype, like.shape[1:]
        self._pages: list[np.ndarray] = []
        self.length = 0

    def put(self, slots: np.ndarray, values: np.ndarray) -> None:
        """Writes rows.

        Arguments:
            slots: int64 [rows], their places, each once.
            values: [rows, ...]; where these have another dtype, all rows get the common one.

        Raises:
            ValueError: rows have another shape than those before.
        """
        if values.shape[1:] != self.shape:
            raise ValueError(f"Rows have the shape {values.shape[1:]}; those before have {self.shape}.")
        if values.dtype != self.dtype:
            self.dtype = np.result_type(self.dtype, values.dtype)
            for index, page in enumerate(self._pages):
                self._pages[index] = page.astype(self.dtype, copy=False)
        if slots.size:
            self._grow(int(slots.max()) + 1)
        for page, inside, places in self._split(slots):
            page[places] = values[inside]

    def take(self, slots: np.ndarray) -> np.ndarray:
        """The rows at these places, a copy [slots, ...]."""
        values = np.empty((slots.size, *self.shape), self.dtype)
        for page, inside, places in self._split(slots):
            values[inside] = page[places]
        return values

    def _grow(self, count: int) -> None:
        while self.length < count:
            length = max(self.length, _FIRST)
            if self._most is not None:
                length = min(length, max(self._most, count) - self.length)
            self._pages.append(np.empty((length, *self.shape), self.dtype))
            self.length += length

    def _split(self, slots: np.ndarray) -> Iterator[tuple[np.ndarray, slice | np.ndarray, slice | np.ndarray]]:
        """Per page: the page, which of the slots are in it, and their places there; slices where these follow each other."""
        start = 0
        for page in self._pages:
            inside = np.flatnonzero((slots >= start) & (slots < start + len(page)))
            if inside.size:
                yield page, _as_slice(inside), _as_slice(slots[inside] - start)
            start += len(page)


def _as_slice(positions: np.ndarray) -> slice | np.ndarray:
    first = int(positions[0])
    if positions[-1] - first == positions.size - 1 and (np.diff(positions) == 1).all():
        return slice(first, first + positions.size)
    return positions


@dataclass(frozen=True)
class OrderedRows:
    """Rows in an order, which are read block by block.

    Attributes:
        rows: the rows.
        slots: int64 [instances], the places of the rows in their order.
    """

    rows: Rows
    slots: np.ndarray

    @property
    def dtype(self) -> np.dtype:
        """Of the values."""
        return self.rows.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """[instances, ...]"""
        return (self.slots.size, *self.rows.shape)

    def __len__(self) -> int:
        return int(self.slots.size)

    @classmethod
    def of(cls, array: np.ndarray) -> "OrderedRows":
        """The rows of an array [instances, ...], in its order."""
        rows = Rows(len(array), array)
        rows.put(np.arange(len(array)), array)
        return cls(rows, np.arange(len(array)))

    def followed_by(self, values: np.ndarray) -> "OrderedRows":
        """These rows and behind them others, [rows, ...]."""
        slots = self.rows.length + np.arange(len(values))
        self.rows.put(slots, values)
        return OrderedRows(self.rows, np.concatenate([self.slots, slots]))

    def array(self) -> np.ndarray:
        """All rows, a copy [instances, ...]."""
        return self.rows.take(self.slots)

    def take(self, positions: np.ndarray) -> np.ndarray:
        """The rows at these positions of the order, a copy [positions, ...]."""
        return self.rows.take(self.slots[positions])

    def blocks(self) -> Iterator[np.ndarray]:
        """All rows in consecutive blocks of a megabyte, each a copy [rows, ...]."""
        row_bytes = self.dtype.itemsize * int(np.prod(self.rows.shape, dtype=np.int64))
        length = max(1, _BLOCK // max(1, row_bytes))
        for start in range(0, len(self), length):
            yield self.rows.take(self.slots[start : start + length])
