"""Counts the instances that a subset shares with other rows of the matrix."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.contract import MaybeNaN, Records
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.read.snapshot import SnapshotReader


@dataclass(frozen=True, slots=True)
class SharedInstances:
    """What a row has in common with a subset.

    Attributes:
        n: instances of the sample in the row.
        shared: of them, those that are in the subset too.
        jaccard: those in both ÷ those in either; not known where neither has any.
    """

    n: int
    shared: int
    jaccard: MaybeNaN


@dataclass(frozen=True, slots=True)
class Overlap:
    """A subset beside other rows, over the sample.

    Attributes:
        n: instances of the sample in the subset.
        rows: one for each row that was asked for, in that order.
    """

    n: int
    rows: Records[SharedInstances]


def overlap(snapshot: SnapshotReader, row: Row, rows: Sequence[Row]) -> Overlap:
    """How many instances of the sample a row shares with each of several rows, answer of the route `overlap`.

    Raises NotFoundError, ExpressionError.
    """
    own, *others = members(snapshot, [row, *rows])
    return Overlap(int(own.sum()), Records(SharedInstances, (_shared(own, other) for other in others)))


def _shared(own: np.ndarray, other: np.ndarray) -> SharedInstances:
    shared, either = int((own & other).sum()), int((own | other).sum())
    return SharedInstances(int(other.sum()), shared, shared / either if either else math.nan)
