"""The logits of the kept instances, as far as a snapshot tells them: of a recorded layer, else of the scores of all classes.

Which layer holds the logits is not written down. It is the one whose values give the recorded scores; that is checked on instances.
Only differences between the logits of an instance mean something, so each instance's are taken from their mean. Then logarithms of
probabilities are the same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.arithmetic.halffloat import widen
from tensorboard_activis.query.instances.classes import highest_class, label_values
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader, once_per_snapshot

#: Instances whose scores are compared with those that a layer's values give.
_COMPARED = 256
#: How far these may be apart, on average and at most: activations are stored in half precision, the outputs were not.
_MEAN_APART, _MOST_APART = 0.005, 0.1
#: Half of the smallest probability that float16 holds, for those below.
_LEAST = 2.0**-25


@dataclass(frozen=True, slots=True)
class Logits:
    """What the model said of every class.

    Attributes:
        classes: how many there are, at least two.
        source: name of the layer that holds them, or "" for the recorded scores.
        of: float64 [rows, classes], given rows int64; about the mean of each row, NaN where they are not finite.
    """

    classes: int
    source: str
    of: Callable[[np.ndarray], np.ndarray]

    @property
    def words(self) -> str:
        """What they are, in words."""
        return f"logits ({self.source})" if self.source else "logarithms of the scores"


def margins(values: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The logit of each instance's label minus the highest other, float64 [rows]; and which class that other one is.

    Arguments:
        values: [rows, classes], finite.
        labels: class of each, int [rows].
    """
    rows = np.arange(len(values))
    others = values.copy()
    others[rows, labels] = -np.inf
    best = others.argmax(axis=1)
    return values[rows, labels] - values[rows, best], best


@once_per_snapshot
def logits(snapshot: SnapshotReader) -> Logits | str:
    """The logits of a snapshot; why there are none, in words, where there are not. Raises UnreadableError."""
    columns = snapshot.record.columns
    if snapshot.record.task != "classification":
        return f"A margin is one of classes, and this is a task of {snapshot.record.task}."
    if "top_classes" not in columns or "top_scores" not in columns:
        return "No scores of the classes were recorded."
    classes, scores = snapshot.column("top_classes"), snapshot.column("top_scores")
    if classes.ndim != 2 or classes.shape != scores.shape or len(classes) == 0:
        return "The recorded scores of the classes do not belong together."
    if classes.shape[1] < 2:
        return "There is one class only, and no other to compare it with."
    named = len(snapshot.record.class_names)
    least = named or 1 + max(int(classes.max(initial=-1)), highest_class(label_values(snapshot)))
    return (
        _of_layers(snapshot, classes, scores, least, exactly=bool(named))
        or _of_scores(classes, scores, least)
        or f"Neither a layer with the logits nor the scores of all {least:,} classes were recorded, only the {classes.shape[1]} "
        "highest. Record the model's last layer, which holds the logits, with layers=."
    )


def _of_layers(
    snapshot: SnapshotReader, classes: np.ndarray, scores: np.ndarray, least: int, *, exactly: bool
) -> Logits | None:
    """From a layer of logits, else from one of probabilities; the last one that fits."""
    rows = np.unique(np.linspace(0, len(classes) - 1, min(_COMPARED, len(classes))).astype(np.int64))
    rows = rows[(classes[rows] >= 0).all(axis=1) & np.isfinite(scores[rows]).all(axis=1)]
    if rows.size == 0:
        return None
    for read in (_logits_of, _logarithms_of):
        for name, layer in reversed(snapshot.layers.items()):
            neurons = layer.info.neurons
            wide = neurons == least or (neurons > least and not exactly) or (neurons == 1 and least <= 2)
            if not wide or layer.info.reducer != "none":
                continue
            check_time()
            try:
                activations = snapshot.activations(name)
            except ActiVisError:
                continue
            found = Logits(max(2, neurons), name, _reader(activations, read))
            if _give(found.of(rows), classes[rows], scores[rows]):
                return found
    return None


def _reader(activations: np.ndarray, read: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def of(rows: np.ndarray) -> np.ndarray:
        return _about_mean(read(widen(np.ascontiguousarray(activations[rows])).astype(np.float64)))

    return of


def _logits_of(values: np.ndarray) -> np.ndarray:
    """One number is the logit of the second of two classes."""
    return np.concatenate([np.zeros_like(values), values], axis=1) if values.shape[1] == 1 else values


def _logarithms_of(values: np.ndarray) -> np.ndarray:
    """Of probabilities; one number is that of the second of two classes. NaN where they are none."""
    if values.shape[1] == 1:
        values = np.concatenate([1 - values, values], axis=1)
    with np.errstate(invalid="ignore"):
        inside = (values >= -1e-3) & (values <= 1 + 1e-3)
    return np.where(inside, np.log(np.clip(values, _LEAST, 1)), np.nan)


def _give(values: np.ndarray, classes: np.ndarray, scores: np.ndarray) -> bool:
    """Whether these logits give the recorded scores, within what half precision leaves."""
    known = np.isfinite(values).all(axis=1)
    if 2 * np.count_nonzero(known) < len(values) or values.shape[1] <= classes.max():
        return False
    shares = np.exp(values[known] - values[known].max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    apart = np.abs(np.take_along_axis(shares, classes[known], axis=1) - scores[known])
    return bool(apart.max() <= _MOST_APART and apart[:, 0].mean() <= _MEAN_APART)


def _of_scores(classes: np.ndarray, scores: np.ndarray, least: int) -> Logits | None:
    """From the recorded scores, where these are of all classes."""
    count = classes.shape[1]
    if count != least:
        return None

    def of(rows: np.ndarray) -> np.ndarray:
        values = np.full((rows.size, count), np.nan)
        own, shares = classes[rows], scores[rows].astype(np.float64)
        known = np.flatnonzero((np.sort(own, axis=1) == np.arange(count)).all(axis=1))
        np.put_along_axis(values, np.clip(own, 0, count - 1), np.log(np.clip(shares, _LEAST, 1)), axis=1)
        values[np.setdiff1d(np.arange(rows.size), known)] = np.nan
        return _about_mean(values)

    return Logits(count, "", of)


def _about_mean(values: np.ndarray) -> np.ndarray:
    """NaN in the whole row where a value is not finite."""
    finite = np.isfinite(values).all(axis=1)
    kept = np.where(finite[:, None], values, 0.0)
    return np.where(finite[:, None], kept - kept.mean(axis=1, keepdims=True), np.nan)
