"""Rows of blocks as batches: blocks are of any size, batches of one, and rows that are left out are in none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ray.data.block import BlockAccessor

from tensorboard_activis.capture.ray.columns import RowBatch
from tensorboard_activis.errors import ActiVisError

#: First and last row that are taken of a block, and the end of it excluded.
Slice = tuple[int, int]


@dataclass(frozen=True)
class Rows:
    """The rows of a part of the data, which may be read again and again.

    Attributes:
        blocks: of a data set, in order. slices: which rows of each are taken.
        first: number of the first row in the order of the data set.
        batch_size: rows of a batch; the last may have fewer.
        kept: which rows are not left out, bool [rows]; None: all are kept.
        names: of the columns that every block must have; None: those of the first.
    """

    blocks: Sequence[Any]
    slices: Sequence[Slice]
    first: int
    batch_size: int
    kept: np.ndarray | None = None
    names: Sequence[str] | None = None

    def __iter__(self) -> Iterator[RowBatch]:
        pieces: list[RowBatch] = []
        waiting, number, names = 0, self.first, self.names
        for block, (start, stop) in zip(self.blocks, self.slices, strict=True):
            at = start
            while at < stop:
                end = min(stop, at + self.batch_size - waiting)
                rows = np.arange(number, number + end - at)
                piece = self._piece(block, at, end, rows)
                names = names or list(piece)
                _check(piece, names, number)
                at, number, waiting = end, number + end - at, waiting + len(piece.rows)
                pieces.append(piece)
                if waiting == self.batch_size:
                    yield _joined(pieces)
                    pieces, waiting = [], 0
        if waiting:
            yield _joined(pieces)

    def _piece(self, block: Any, start: int, stop: int, rows: np.ndarray) -> RowBatch:
        columns = BlockAccessor.for_block(BlockAccessor.for_block(block).slice(start, stop)).to_batch_format("numpy")
        if not isinstance(columns, dict):
            columns = {"data": columns}
        if self.kept is None:
            return RowBatch(columns, rows)
        kept = self.kept[rows - self.first]
        return RowBatch({name: values[kept] for name, values in columns.items()}, rows[kept])


def _check(piece: RowBatch, names: Sequence[str], number: int) -> None:
    if set(piece) != set(names):
        lacks, more = sorted(set(names) - set(piece)), sorted(set(piece) - set(names))
        said = [f"lacks {', '.join(lacks)}" if lacks else "", f"has also {', '.join(more)}" if more else ""]
        raise ActiVisError(
            f"The blocks of the data set have different columns: the one of row {number:,} {' and '.join(filter(None, said))}, "
            "against the first. Give all of them the same, with Dataset.select_columns for example."
        )


def _joined(pieces: Sequence[RowBatch]) -> RowBatch:
    """One batch of pieces; copied, for blocks are in memory that many processes read and none may write to."""
    rows = np.concatenate([piece.rows for piece in pieces])
    columns = {}
    for name in pieces[0]:
        parts = [piece[name] for piece in pieces if len(piece.rows)] or [pieces[0][name]]
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:  # arrays whose shapes differ between blocks
            values = np.empty(sum(map(len, parts)), object)
            values[:] = [value for part in parts for value in part]
            columns[name] = values
        else:
            columns[name] = np.concatenate(parts)
    return RowBatch(columns, rows)
