"""Finds rows whose instance id came before, in the order of the data set, before they are evaluated.

Each step is a task of Ray's, made of the results of others alone: a lost result is made again, and the driver holds none.
"""

from typing import Any

import numpy as np
import ray

from tensorboard_activis.capture.instances.metadata import checked_ids
from tensorboard_activis.capture.ray.columns import DatasetColumns
from tensorboard_activis.capture.ray.evaluator import Part
from tensorboard_activis.capture.ray.rows import Rows
from tensorboard_activis.summarize.sample import ranks


class Duplicates:
    """Says of part after part which rows are kept.

    Arguments:
        columns: what the columns of the data set are.
        batch_size: rows of a batch, as functions of a batch get it.
    """

    def __init__(self, columns: DatasetColumns, batch_size: int) -> None:
        self._columns, self._batch_size = columns, batch_size
        self._known: Any = np.zeros(0, np.uint64)

    def kept(self, part: Part, blocks: list[Any]) -> Any:
        """A reference to bool [rows]; None where rows are their numbers, which are all different.

        To be called for all parts in their order.
        """
        if self._columns.id is None:
            return None
        hashes = _hashes.remote(self._columns, self._batch_size, part, *blocks)
        kept, self._known = _new.remote(self._known, hashes)
        return kept


@ray.remote(num_cpus=0)
def _hashes(columns: DatasetColumns, batch_size: int, part: Part, *blocks: Any) -> np.ndarray:
    """Hashes of the ids of a part, uint64 [rows]."""
    hashes = [np.zeros(0, np.uint64)]
    for batch in Rows(blocks, part.slices, part.first, batch_size):
        columns.check(list(batch))
        hashes.append(ranks(checked_ids(columns.ids(batch), len(batch.rows)).tolist()))
    return np.concatenate(hashes)


@ray.remote(num_cpus=0, num_returns=2)
def _new(known: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the hashes are in none of the parts before and come first in their own, bool [rows]; and all so far, ascending."""
    new = np.zeros(hashes.size, bool)
    new[np.unique(hashes, return_index=True)[1]] = True
    if known.size:
        places = np.minimum(np.searchsorted(known, hashes), known.size - 1)
        new &= known[places] != hashes
    return new, np.sort(np.concatenate([known, hashes[new]]), kind="stable")
