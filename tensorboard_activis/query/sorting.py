"""Orders of the neurons in a matrix."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.clustering import clustered_order

RULES = ("index", "row", "difference", "strongest", "clustered")


@dataclass(frozen=True, slots=True)
class Sort:
    """A rule: `a` and `b` are positions among the matrix's rows."""

    by: str = "index"
    a: int = 0
    b: int = 0


def parse_sort(sort: object, rows: int) -> Sort:
    """A rule from JSON. Raises QueryError."""
    if sort is None:
        return Sort()
    if not isinstance(sort, Mapping) or sort.get("by") not in RULES:
        raise QueryError(f'sort must be an object whose "by" is one of {", ".join(RULES)}; got {sort!r:.80}.')
    positions = []
    for name in {"row": ("a",), "difference": ("a", "b")}.get(sort["by"], ()):
        position = sort.get(name)
        if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < rows:
            raise QueryError(
                f'sort by {sort["by"]} needs "{name}", a position among the {rows} rows (0 to {rows - 1}); got {position!r:.40}.'
            )
        positions.append(position)
    return Sort(sort["by"], *positions)


def effect_size(mean: np.ndarray, std: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Cohen's d of two sets: (mean A − mean B) ÷ pooled standard deviation, float64 [neurons].

    Arguments:
        mean, std, count: [2, neurons], population deviations.

    NaN where the deviation is zero or unknown (two single instances), but the means differ.
    """
    difference = mean[0] - mean[1]
    degrees = count[0] + count[1] - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        # The sums of squares, n times the population's variance, over the degrees of freedom.
        pooled = np.sqrt((count[0] * std[0] ** 2 + count[1] * std[1] ** 2) / degrees)
        effect = difference / pooled
    spread = np.isfinite(pooled) & (pooled > 1e-6 * np.maximum(np.abs(mean).max(axis=0), 1e-30))
    return np.where(spread, effect, np.where(difference == 0, 0.0, np.nan))


def difference_order(mean: np.ndarray, effect: np.ndarray) -> np.ndarray:
    """Neurons by effect, largest first; those without one by the sign of the difference, then by its size."""
    difference = mean[0] - mean[1]
    without = np.isnan(effect)
    key = np.where(without, np.where(difference > 0, np.inf, -np.inf), effect)
    key = np.where(np.isnan(difference), -np.inf, key)
    if without.all():
        key = difference
    return _descending(key, difference)


def order(sort: Sort, mean: np.ndarray, std: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Indices of the neurons in sorted order, int32 [neurons], and the effect sizes when they are by difference.

    Arguments:
        mean, std, count: [rows, neurons].
    """
    if sort.by == "row":
        return _descending(mean[sort.a]), None
    if sort.by == "difference":
        pair = [sort.a, sort.b]
        effect = effect_size(mean[pair], std[pair], count[pair])
        return difference_order(mean[pair], effect), effect
    if sort.by == "strongest":
        known = np.where(np.isfinite(mean), mean, -np.inf)
        return _descending(known.max(axis=0)), None
    if sort.by == "clustered":
        return clustered_order(mean), None
    return np.arange(mean.shape[1], dtype=np.int32), None


def _descending(key: np.ndarray, tie: np.ndarray | None = None) -> np.ndarray:
    """Largest first, NaN last, ties by index."""
    keys = [-np.where(np.isnan(key), -np.inf, key)]
    if tie is not None:
        keys.insert(0, -np.where(np.isnan(tie), -np.inf, tie))
    return np.lexsort(keys).astype(np.int32)
