"""The patterns of attention of pinned instances, as they are stored."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorboard_activis.capture.instances.patterns import Patterns


def kept_patterns(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Patterns]:
    """The patterns of a batch by layer, of what `patterns` in `capture/keras/attention/figures.py` gave of it, in numpy."""
    return {name: _kept(**each) for name, each in found.items()}


def _kept(shares: np.ndarray, together: np.ndarray, counts: np.ndarray) -> Patterns:
    """The patterns, NaN behind an instance's positions."""
    height, width = counts.max(axis=0, initial=0)
    behind = [np.arange(size) >= counts[:, axis, None] for axis, size in enumerate((height, width))]
    kept = shares[:, :, :height, :width].astype(np.float16)
    kept[np.broadcast_to(behind[0][:, None, :, None] | behind[1][:, None, None, :], kept.shape)] = np.nan
    return Patterns(kept, together.astype(np.int32))
