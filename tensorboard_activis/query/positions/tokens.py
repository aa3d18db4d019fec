"""The tokens of sequences, one for each position."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.query.instances.content import TOKENS
from tensorboard_activis.query.instances.lists import is_list
from tensorboard_activis.read.snapshot import SnapshotReader, once_per_snapshot


class Tokens:
    """The tokens of the kept instances.

    Args:
        column: list<string> [instances].
    """

    def __init__(self, column: pa.ListArray) -> None:
        self._texts: pa.Array = column.values
        self._offsets: np.ndarray = column.offsets.to_numpy().astype(np.int64)
        #: How many each instance has, int64 [instances]; 0 where they are not known.
        self.lengths: np.ndarray = pc.list_value_length(column).fill_null(0).to_numpy().astype(np.int64)

    def between(self, index: int, start: int, end: int) -> tuple[str, ...]:
        """The tokens of an instance from position `start` to before `end`."""
        texts = self._texts.slice(int(self._offsets[index]) + start, end - start).to_pylist()
        return tuple(text or "" for text in texts)

    def at(self, indices: np.ndarray, positions: np.ndarray) -> pa.Array:
        """The token of each of these instances at its position, which it must have: int [k] and int [k], string [k]."""
        return self._texts.take(pa.array(self._offsets[indices] + positions))


@once_per_snapshot
def _tokens(snapshot: SnapshotReader) -> Tokens | None:
    table = snapshot.instances
    if TOKENS not in table.column_names or not is_list(table.schema.field(TOKENS).type):
        return None
    return Tokens(table.column(TOKENS).combine_chunks())


def tokens_of(snapshot: SnapshotReader, peaks: np.ndarray) -> Tokens | None:
    """The tokens of the kept instances, one for each position of a layer of sequences; None where they are not known.

    Arguments:
        peaks: of a neuron of the layer, int32 [instances]. One that lies behind an instance's last token says that the layer
            does not count tokens.

    Raises UnreadableError.
    """
    tokens = _tokens(snapshot)
    if tokens is None or bool(np.any((peaks >= tokens.lengths) & (tokens.lengths > 0))):
        return None
    return tokens
