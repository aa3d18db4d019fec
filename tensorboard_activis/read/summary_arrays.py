"""Statistics of one layer, as they are read from its summary."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SummaryArrays:
    """Statistics of one layer over all instances seen, for every declared subset.

    Those of more than 64 classes are stored in four bytes: the errors are bounded as `class_statistics` says.

    Attributes:
        subsets: names of the declared subsets, the first axis of the arrays.
        count: number of finite values, int64 [subsets, neurons], or [subsets, 1] when no value was left out.
        mean, std, min, max: float32 [subsets, neurons], NaN where a subset has no finite value.
    """

    subsets: tuple[str, ...]
    count: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    min: np.ndarray
    max: np.ndarray
