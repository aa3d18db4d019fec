"""Sorts the neurons of a matrix."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.arithmetic.effects import effect_size
from tensorboard_activis.query.matrix.clustering import clustered_order

RULES = ("index", "row", "difference", "strongest", "clustered", "effect", "direction")
#: The rules that name rows, and under which keys.
ROWS_OF: dict[str, tuple[str, ...]] = {"row": ("a",), "difference": ("a", "b"), "effect": ("a",), "direction": ("a",)}


@dataclass(frozen=True, slots=True)
class Sort:
    """A rule: `a` and `b` are positions among the matrix's rows.

    "direction" is by the weight of each neuron in the unit vector along the direction of row `a`: the mean of its instances minus
    that of all others, divided by its length. It is no other rule by another name: "row" is by the mean alone, "difference" by
    an effect size, which divides by how much a neuron spreads, and against another row.
    """

    by: str = "index"
    a: int = 0
    b: int = 0


class Order(NamedTuple):
    """Neurons in sorted order.

    Attributes:
        order: their indices, int32 [neurons].
        effect: effect sizes by index, float64 [neurons]; sorted by direction, the weights. None if sorted by another rule.
        optimal: False when a clustering's leaves are in a good order but perhaps not in the best.
    """

    order: np.ndarray
    effect: np.ndarray | None = None
    optimal: bool = True


def parse_sort(sort: object, rows: int) -> Sort:
    """A rule from JSON. Raises QueryError."""
    if sort is None:
        return Sort()
    if not isinstance(sort, Mapping) or sort.get("by") not in RULES:
        raise QueryError(f'sort must be an object whose "by" is one of {", ".join(RULES)}; got {sort!r:.80}.')
    positions = []
    for name in ROWS_OF.get(sort["by"], ()):
        position = sort.get(name)
        if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < rows:
            raise QueryError(
                f'sort by {sort["by"]} needs "{name}", a position among the {rows} rows (0 to {rows - 1}); got {position!r:.40}.'
            )
        positions.append(position)
    return Sort(sort["by"], *positions)


def difference_order(mean: np.ndarray, effect: np.ndarray) -> np.ndarray:
    """Indices of neurons by effect, largest first; those without one by the sign of the difference, then by its size.

    Arguments:
        mean: [2, neurons].
        effect: [neurons], NaN for none.
    """
    difference = mean[0] - mean[1]
    without = np.isnan(effect)
    key = np.where(without, np.where(difference > 0, np.inf, -np.inf), effect)
    key = np.where(np.isnan(difference), -np.inf, key)
    if without.all():
        key = difference
    return _descending(key, difference)


def order(
    sort: Sort,
    mean: np.ndarray,
    std: Callable[[int], np.ndarray],
    count: np.ndarray,
    weights: Callable[[], np.ndarray] | None = None,
) -> Order:
    """Sorts the neurons of a matrix; returns their indices.

    Arguments:
        mean, count: [rows, neurons].
        std: gives the deviations of a row by its position, [neurons].
        weights: gives a number for each neuron, [neurons], where the rule is "effect", what the neuron does to the margin of
            row `sort.a`: the largest first, whichever way it goes; or "direction": from the most positive to the most negative.
    """
    if sort.by in ("effect", "direction") and weights is not None:
        values = weights()
        if sort.by == "effect":
            return Order(_descending(np.abs(values)))
        return Order(_descending(values), values if np.isfinite(values).all() else None)
    if sort.by == "row":
        return Order(_descending(mean[sort.a]))
    if sort.by == "difference":
        pair = [sort.a, sort.b]
        effect = effect_size(mean[pair], np.stack([std(sort.a), std(sort.b)]), count[pair])
        return Order(difference_order(mean[pair], effect), effect)
    if sort.by == "strongest":
        known = np.where(np.isfinite(mean), mean, -np.inf)
        return Order(_descending(known.max(axis=0)))
    if sort.by == "clustered":
        clustered, optimal = clustered_order(mean)
        return Order(clustered, optimal=optimal)
    return Order(np.arange(mean.shape[1], dtype=np.int32))


def _descending(key: np.ndarray, tie: np.ndarray | None = None) -> np.ndarray:
    """Largest first, NaN last, ties by index."""
    keys = [-np.where(np.isnan(key), -np.inf, key)]
    if tie is not None:
        keys.insert(0, -np.where(np.isnan(tie), -np.inf, tie))
    return np.lexsort(keys).astype(np.int32)
