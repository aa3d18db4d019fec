"""Reads the patterns of attention of pinned instances."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.files import COPY_AGAIN
from tensorboard_activis.read.arrays import read_array
from tensorboard_activis.stores.path import Location


@dataclass(frozen=True)
class Pattern:
    """Where the heads of a layer look on one instance.

    Attributes:
        shares: float32 [heads, from, to]: from each position the shares of attention that go to each, over the instance's own
            positions, without padding.
        rows_together, columns_together: how many positions a row, and a column, stands for: the mean of those that look, the
            sum of those that are looked at. 1 unless there are very many.
    """

    shares: np.ndarray
    rows_together: int
    columns_together: int


def patterned(layer: schema.Layer) -> int:
    """Number of pinned instances that have a pattern of attention in a layer: the first ones."""
    return 0 if layer.patterns is None else layer.patterns.shares.shape[0]


def read_pattern(directory: Location, layer: schema.Layer, step: int, sample: int, row: int) -> Pattern:
    """The pattern of a kept instance.

    Arguments:
        directory: of the files.
        layer: of the norms of heads.
        step, sample: of the snapshot: its step, and its number of sampled instances.
        row: index of the instance.

    Raises:
        NotFoundError: there is none.
        UnreadableError: a file is missing or damaged.
    """
    patterns = layer.patterns
    if layer.patterns_problem:
        raise UnreadableError(layer.patterns_problem)
    if patterns is None:
        raise NotFoundError(
            f"The layer {layer.name!r:.80} has no patterns of attention at step {step}. They are recorded only for pinned "
            "instances (pinned=), and only in layers of heads, such as 'h.0.attn/heads'."
        )
    count = patterned(layer)
    if not sample <= row < sample + count:
        raise NotFoundError(
            f"Instance {row} has no pattern of attention at step {step}. The pinned instances {sample} to "
            f"{sample + count - 1} have one."
        )
    shares = read_array(directory, patterns.shares)[row - sample].astype(np.float32)
    together = read_array(directory, patterns.together)[row - sample]
    if together.min() < 1:
        raise UnreadableError(
            f"A pattern of attention of layer {layer.name!r:.200} says that a row or column stands for {together.min()} positions; "
            f"it is 1 or more. {COPY_AGAIN}"
        )
    there = ~np.isnan(shares)
    rows, columns = there.any(axis=(0, 2)), there.any(axis=(0, 1))
    ends = [int(np.flatnonzero(each)[-1]) + 1 if each.any() else 0 for each in (rows, columns)]
    return Pattern(shares[:, : ends[0], : ends[1]], int(together[0]), int(together[1]))
