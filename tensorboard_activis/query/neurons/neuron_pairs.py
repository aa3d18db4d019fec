"""Which neuron of another run does what a neuron does here: pairs by correlation over the instances that both runs kept."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.arithmetic.cka import finite_rows
from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.arithmetic.workers import in_parts
from tensorboard_activis.query.contract import MaybeNaN
from tensorboard_activis.query.instances.shared import shared_instances
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Instances and neurons that are compared at most: products take their product, and memory the square of the neurons.
MOST_INSTANCES, MOST_NEURONS = 1_024, 4_096
#: Fewer instances give correlations of chance.
LEAST_INSTANCES = 20
#: Neurons whose products a thread computes at a time.
_ROWS = 128
#: Share of the neurons whose best partner has their own index from which on the two layers have the same neurons.
_SAME = 0.5


@dataclass(frozen=True, slots=True)
class NeuronPairs:
    """The neurons of a layer beside those of another snapshot.

    Attributes:
        by: how they are paired.
        partners: by the index of a neuron here, the index of its partner in the other snapshot; -1 without one.
        correlations: Pearson correlation of each neuron with its partner over the common instances, to four digits; null where
            one of the two does not vary, or without a partner.
        median: of the correlations that are known; null when none is.
        n: common instances that were compared; the others have activations that are not finite.
        reason: why they are paired by index, in words; "" where they are paired by correlation.
    """

    by: Literal["correlation", "index"]
    partners: tuple[int, ...]
    correlations: tuple[MaybeNaN, ...]
    median: MaybeNaN
    n: int
    reason: str


def neuron_pairs(snapshot: SnapshotReader, other: SnapshotReader, layer: str) -> NeuronPairs:
    """Pairs each neuron of a layer with one of another snapshot's: the answer of the route `neuron_pairs`.

    The pair of largest correlation comes first, then the largest among the neurons that are left, and so on: every neuron is
    in one pair at most (the greedy matching of Li et al., "Convergent learning", 2015). Neurons that do not vary are paired in
    their order. Where most neurons correlate most with the one of their own index, as in two steps of a run or in a model that
    was trained further, these are the same neurons, and are paired by index.

    Raises NotFoundError: one of the two has no such layer.
    """
    if layer not in other.layers:
        raise NotFoundError(f"The other snapshot has no layer {layer!r:.80}. Choose one that both have recorded.")
    here, there = (one.layer(layer).info.neurons for one in (snapshot, other))
    if max(here, there) > MOST_NEURONS:
        return _by_index(here, there, 0, None, f"only layers of at most {MOST_NEURONS:,} neurons are correlated")
    indices, others = shared_instances(snapshot, other)
    sampled = (indices < snapshot.record.sample_size) & (others < other.record.sample_size)
    indices, others = indices[sampled][:MOST_INSTANCES], others[sampled][:MOST_INSTANCES]
    one, two = snapshot.activations(layer), other.activations(layer)
    finite = finite_rows(one, indices) & finite_rows(two, others)
    n = int(finite.sum())
    if n < LEAST_INSTANCES:
        return _by_index(here, there, n, None, f"only {n} instances are in both; at least {LEAST_INSTANCES} are needed")
    correlations = _correlations(_standardized(one[indices[finite]]), _standardized(two[others[finite]]))
    if here == there and _are_same(correlations):
        return _by_index(here, there, n, correlations, "same neurons in both")
    partners = match(correlations)
    return NeuronPairs("correlation", *_described(partners, correlations), n, "")


def _by_index(here: int, there: int, n: int, correlations: np.ndarray | None, reason: str) -> NeuronPairs:
    partners = np.where(np.arange(here) < there, np.arange(here), -1)
    if correlations is None:
        return NeuronPairs("index", tuple(partners.tolist()), (math.nan,) * here, math.nan, n, reason)
    return NeuronPairs("index", *_described(partners, correlations), n, reason)


def _described(partners: np.ndarray, correlations: np.ndarray) -> tuple[tuple[int, ...], tuple[float, ...], float]:
    own = np.where(partners < 0, np.nan, correlations[np.arange(partners.size), partners]).astype(np.float64)
    own = own.round(4)
    known = own[np.isfinite(own)]
    median = float(np.median(known)) if known.size else math.nan
    return tuple(partners.tolist()), tuple(own.tolist()), median


def _standardized(activations: np.ndarray) -> np.ndarray:
    """float16 [instances, neurons] centred and of length 1, float32 [neurons, instances]; NaN where a neuron does not vary."""
    values = widen(activations).T.astype(np.float64)
    varies = np.ptp(values, axis=1) > 0
    values -= values.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("ij,ij->i", values, values))
    unit = np.full(values.shape, np.nan)
    np.divide(values, length[:, None], out=unit, where=(varies & (length > 0))[:, None])
    return unit.astype(np.float32)


def _correlations(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Correlation of each neuron of one with each of two, float32 [neurons, other neurons]."""
    correlations = np.empty((len(one), len(two)), np.float32)

    def multiply(part: slice) -> None:
        np.matmul(one[part], two.T, out=correlations[part])

    for _ in in_parts(multiply, [slice(start, start + _ROWS) for start in range(0, len(one), _ROWS)]):
        check_time()
    return correlations


def _are_same(correlations: np.ndarray) -> bool:
    """Whether most neurons that vary correlate most with the one of their own index."""
    known = np.where(np.isnan(correlations), -np.inf, correlations)
    varies = np.isfinite(known).any(axis=1)
    own = known.argmax(axis=1) == np.arange(len(known))
    return not varies.any() or bool(own[varies].mean() >= _SAME)


def match(correlations: np.ndarray) -> np.ndarray:
    """The greedy matching: by row the column of its pair, int [rows], -1 without one.

    In each round all pairs are taken of which each is the other's best among those that are left. That is what taking the
    largest value, striking out its row and column and going on would give, in far fewer rounds.

    Arguments:
        correlations: [rows, columns]; NaN where it is not known. Rows and columns without any are paired at the end, in order.
    """
    partners = np.full(len(correlations), -1)
    left = np.where(np.isnan(correlations), -np.inf, correlations)
    rows, columns = np.arange(left.shape[0]), np.arange(left.shape[1])
    while left.size and np.isfinite(left).any():
        check_time()
        best, their = left.argmax(axis=1), left.argmax(axis=0)
        mutual = (their[best] == np.arange(len(best))) & np.isfinite(left[np.arange(len(best)), best])
        partners[rows[mutual]] = columns[best[mutual]]
        kept = np.ones(left.shape[1], bool)
        kept[best[mutual]] = False
        left = left[~mutual][:, kept]
        rows, columns = rows[~mutual], columns[kept]
    common = min(rows.size, columns.size)
    partners[rows[:common]] = columns[:common]
    return partners
