"""The logits regressed on a layer's activations: what is logged says how a prediction depends on each neuron, nearly."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.arithmetic.halffloat import not_finite
from tensorboard_activis.query.arithmetic.ridge import most_rows, ridge
from tensorboard_activis.query.causes.estimate import Estimate
from tensorboard_activis.query.causes.logits import Logits, logits
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Below this R² a regression says little about what the network computes.
RELIABLE = 0.95
#: Weights of one layer: 64 MB. All that are kept: twice that.
_MOST_WEIGHTS, _MOST_KEPT = 1 << 24, 1 << 25
#: Values that are regressed on at once, instances × classes.
_MOST_TARGETS = 1 << 24
_LEAST_ROWS = 3
_BLOCK = 1_024


@dataclass(frozen=True, slots=True)
class Regression:
    """The logits of a snapshot by a layer's neurons.

    Attributes:
        logits: what they are.
        weights: float32 [classes, neurons]: what a logit gains for each unit of a neuron; only differences between classes
            mean something.
        r2: of instances that are left out one at a time, over all classes; NaN where the logits do not vary.
        n: instances that it was fitted on; most: how many there are.
    """

    logits: Logits
    weights: np.ndarray
    r2: float
    n: int
    most: int

    @property
    def estimate(self) -> Estimate:
        """What was regressed, on how many instances, and how well that works."""
        first = "the first " if self.n < self.most else ""
        words = f"ridge regression of the {self.logits.words} on {first}{self.n:,} kept instances, R² {self.r2:.3f}"
        return Estimate("regression", self.r2, self.n, self.r2 >= RELIABLE, words)


class _Kept:
    """The latest regressions of all readers, up to so many weights; what was no success is not kept."""

    def __init__(self, limit: int) -> None:
        self._limit, self._found, self._lock = limit, OrderedDict[tuple[str, str], Regression](), threading.Lock()

    def get(self, snapshot: SnapshotReader, layer: str) -> Regression | str:
        key = (snapshot.digest, layer)
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        made = _regress(snapshot, layer)
        if isinstance(made, Regression):
            with self._lock:
                self._found[key] = made
                while len(self._found) > 1 and sum(one.weights.size for one in self._found.values()) > self._limit:
                    self._found.popitem(last=False)
        return made


_KEPT = _Kept(_MOST_KEPT)


def regression(snapshot: SnapshotReader, layer: str) -> Regression | str:
    """The regression of a layer; why there is none, in words, where there is not. Computed once for a snapshot and layer.

    Raises NotFoundError for a layer that is not there, UnreadableError.
    """
    snapshot.layer(layer)
    return _KEPT.get(snapshot, layer)


def usable_rows(snapshot: SnapshotReader, layer: str, rows: np.ndarray, told: Logits) -> tuple[np.ndarray, np.ndarray]:
    """Those of some instances whose activations and logits are finite, int64 [rows]; and their logits, float64 [rows, classes]."""
    activations = snapshot.activations(layer)
    kept: list[np.ndarray] = []
    values: list[np.ndarray] = []
    for start in range(0, rows.size, _BLOCK):
        check_time()
        some = rows[start : start + _BLOCK]
        some = some[~not_finite(activations[some]).any(axis=1)]
        own = told.of(some)
        finite = np.isfinite(own).all(axis=1)
        kept.append(some[finite])
        values.append(own[finite])
    if not kept:
        return rows, np.zeros((0, told.classes))
    return np.concatenate(kept), np.concatenate(values)


def _regress(snapshot: SnapshotReader, layer: str) -> Regression | str:
    told = logits(snapshot)
    if isinstance(told, str):
        return told
    neurons, kept = snapshot.layer(layer).info.neurons, snapshot.record.sample_size
    if told.classes * neurons > _MOST_WEIGHTS:
        return (
            f"{told.classes:,} classes and {neurons:,} neurons are too many for a regression; at most {_MOST_WEIGHTS:,} weights "
            "are computed."
        )
    most = min(kept, most_rows(neurons), _MOST_TARGETS // told.classes)
    rows, targets = usable_rows(snapshot, layer, np.arange(most), told)
    if rows.size < _LEAST_ROWS:
        return f"{rows.size} kept instances have finite activations and logits; a regression needs {_LEAST_ROWS}."
    found = ridge(snapshot.activations(layer), rows, targets)
    return Regression(told, found.weights, found.r2, found.n, kept)
