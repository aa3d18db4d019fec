"""Ids of positions, the tokens or places of sequences that are instances: "SEQUENCE:POSITION", hashed without the texts."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.capture.instances.duplicates import DuplicateFilter
from tensorboard_activis.capture.instances.metadata import checked_ids
from tensorboard_activis.summarize.sample import ranks, scrambled

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class PositionIds:
    """The ids of the positions of a batch of sequences.

    Arguments:
        sequences: ids of the sequences, int64 or object of str [sequences].
        sequence: int [positions], which sequence of these each position is of.
        position: int64 [positions], from 0 in each sequence.
    """

    def __init__(self, sequences: np.ndarray, sequence: np.ndarray, position: np.ndarray) -> None:
        self.sequences, self.sequence, self.position = sequences, sequence, position

    def __len__(self) -> int:
        return len(self.sequence)

    def __getitem__(self, rows: np.ndarray) -> "PositionIds":
        return PositionIds(self.sequences, self.sequence[rows], self.position[rows])

    def hashes(self) -> np.ndarray:
        """What the sample goes by, uint64 [positions]: of the hash of the sequence's id, and of the position."""
        with np.errstate(over="ignore"):
            return scrambled(ranks(self.sequences.tolist())[self.sequence] + self.position.astype(np.uint64) * _GOLDEN)

    def new(self, duplicates: DuplicateFilter) -> np.ndarray:
        """The positions of sequences that did not come before, intp [new]; eight bytes are remembered of each sequence."""
        is_new = duplicates.add(ranks(self.sequences.tolist()))
        return np.flatnonzero(is_new[self.sequence])

    def array(self) -> np.ndarray:
        """The ids, object of str [positions]."""
        return np.array(self.arrow().to_pylist(), object)

    def arrow(self) -> pa.Array:
        """The ids as texts."""
        names = pa.array(self.sequences.tolist()).cast(pa.string()).take(pa.array(self.sequence))
        return pc.binary_join_element_wise(names, pa.array(self.position).cast(pa.string()), ":")


Ids = np.ndarray | PositionIds


def checked(ids: object, count: int) -> Ids:
    """As `checked_ids`; ids of positions as they are."""
    return ids if isinstance(ids, PositionIds) else checked_ids(ids, count)  # type: ignore[arg-type]


def hashes_of(ids: Ids) -> np.ndarray:
    """What the sample goes by, uint64 [instances]."""
    return ids.hashes() if isinstance(ids, PositionIds) else ranks(ids.tolist())


def new_of(ids: Ids, hashes: np.ndarray, duplicates: DuplicateFilter) -> np.ndarray:
    """The instances whose id did not come before, intp [new]; `hashes` are those of `hashes_of`."""
    return ids.new(duplicates) if isinstance(ids, PositionIds) else np.flatnonzero(duplicates.add(hashes))


def stored_ids(ids: Ids) -> np.ndarray:
    """The ids, int64 or object of str [instances]."""
    return ids.array() if isinstance(ids, PositionIds) else ids
