"""Predictions and losses of tokens: every position of a sequence has a class, as in taggers and language models."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tensorboard_activis.capture.tasks.predictions import UNKNOWN, Predictions, class_lists

#: With more classes (a vocabulary), predictions and labels are not stored token by token.
MOST_KINDS = 1_000


@dataclass(frozen=True)
class TokenScores:
    """Scores and losses of sequences, reduced to one number per instance, so that logits need not leave the device.

    Arrays are [instances]. A position counts if it is not padding and has a label (not -100 or another number that is no class).

    Attributes:
        classes: how many classes there are, the last axis of the logits.
        counted: int64, positions that count.
        score: mean probability of the most probable class over the positions that count; NaN without any.
        right: int64, positions whose most probable class is their label; None without labels, as `loss` and `label_score`.
        loss: mean cross entropy. label_score: mean probability of the label.
        prediction, label: object of int32 arrays, the classes of the positions that count; None if not stored.
        whole: whether an instance can be correct as a whole; the text of a language model cannot.
    """

    classes: int
    counted: np.ndarray
    score: np.ndarray
    right: np.ndarray | None = None
    loss: np.ndarray | None = None
    label_score: np.ndarray | None = None
    prediction: np.ndarray | None = None
    label: np.ndarray | None = None
    whole: bool = True

    @property
    def judged(self) -> bool:
        """Whether instances are correct or wrong, and have classes."""
        return self.whole and self.classes <= MOST_KINDS

    def take(self, indices: np.ndarray) -> "TokenScores":
        """The scores of these instances."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return TokenScores(
            **{name: value[indices] if isinstance(value, np.ndarray) else value for name, value in values.items()}
        )


def token_scores(
    logits: np.ndarray, labels: np.ndarray | None, mask: np.ndarray | None = None, shift: int | None = None
) -> TokenScores:
    """Reduces logits of sequences, as numpy arrays, to scores per instance.

    Args:
        logits: [instances, positions, classes].
        labels: int [instances, positions]; -100, or any other number that is no class, counts nowhere.
        mask: bool [instances, positions], False in padding.
        shift: of the labels of a language model (`next_token_shift`), whose texts have no classes; None for other models.
    """
    logits, labels, mask = shifted(logits, labels, mask, shift)
    instances, positions, classes = logits.shape
    counted = np.ones((instances, positions), bool) if mask is None else mask.astype(bool)
    if labels is not None:
        labels = labels.astype(np.int64)
        counted = counted & (labels >= 0) & (labels < classes)
    logits = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        logs = logits - logits.max(axis=2, keepdims=True)
        logs -= np.log(np.exp(logs).sum(axis=2, keepdims=True))
    prediction = logs.argmax(axis=2)
    count = counted.sum(axis=1)

    def mean(values: np.ndarray) -> np.ndarray:
        sums = np.where(counted, values, 0).sum(axis=1)
        return np.where(count > 0, sums / np.maximum(count, 1), np.nan).astype(np.float32)

    store = classes <= MOST_KINDS and shift is None
    score = mean(np.exp(np.take_along_axis(logs, prediction[..., None], axis=2)[..., 0]))
    predictions = by_instance(prediction, counted) if store else None
    if labels is None:
        return TokenScores(classes, count, score, prediction=predictions, whole=shift is None)
    label_log_probability = np.take_along_axis(logs, np.where(counted, labels, 0)[..., None], axis=2)[..., 0]
    return TokenScores(
        classes,
        count,
        score,
        (counted & (prediction == labels)).sum(axis=1),
        mean(-label_log_probability),
        mean(np.exp(label_log_probability)),
        predictions,
        by_instance(labels, counted) if store else None,
        whole=shift is None,
    )


def shifted(logits: Any, labels: Any | None, mask: Any | None, shift: int | None) -> tuple[Any, Any, Any]:
    """Logits, labels and mask, of numpy or torch, without the positions that have no label or no logits that predict it."""
    if not shift:
        return logits, labels, mask
    later = slice(None), slice(shift, None)
    return logits[:, :-shift], None if labels is None else labels[later], None if mask is None else mask[later]


def by_instance(classes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The classes of the positions that count, as a ragged array: object [instances] of int32 arrays."""
    return class_lists([row[real].astype(np.int32) for row, real in zip(classes, counted, strict=True)])


def token_predictions(scores: TokenScores) -> Predictions:
    """Predictions of a batch: accuracy and loss are totals over tokens, and `correct` is true if all tokens are."""
    columns = {"score": scores.score.astype(np.float32), "tokens": scores.counted.astype(np.int32)}
    if scores.prediction is not None:
        columns["prediction"] = scores.prediction
    nonfinite = int((np.isnan(scores.score) & (scores.counted > 0)).sum())
    if scores.right is None or scores.loss is None or scores.label_score is None:
        return Predictions(columns=columns, nonfinite=nonfinite)
    labelled = scores.counted > 0
    if scores.judged:
        columns["correct"] = np.where(labelled, scores.right == scores.counted, UNKNOWN).astype(np.uint8)
    columns["accuracy"] = np.where(labelled, scores.right / np.maximum(scores.counted, 1), np.nan).astype(np.float32)
    columns["loss"] = scores.loss.astype(np.float32)
    columns["label_score"] = scores.label_score.astype(np.float32)
    known = np.isfinite(scores.loss) & labelled
    number = float(scores.counted[known].sum())
    totals = {
        "accuracy": (float(scores.right.sum()), float(scores.counted.sum())),
        "loss": (float((scores.loss.astype(np.float64)[known] * scores.counted[known]).sum()), number),
    }
    members = None
    if scores.label is not None:
        members = np.zeros((len(scores.label), scores.classes), bool)
        for index, classes in enumerate(scores.label):
            members[index, classes] = True
    return Predictions(scores.label, members, columns, totals, int((~labelled).sum()), nonfinite)
