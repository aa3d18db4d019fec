"""The outcome where every position of a sequence has a class: taggers, and language models by their next token."""

from dataclasses import dataclass, fields

import numpy as np

from tensorboard_activis.capture.predictions import UNKNOWN, Predictions, sets

#: Of more classes (a vocabulary) predictions and labels are not kept token by token.
MOST_KINDS = 1_000


@dataclass(frozen=True)
class TokenScores:
    """Logits of sequences reduced to numbers per instance: what has to leave the device; each [instances].

    A position counts if it has a label (none: -100 or any other number that is no class) and is no padding.

    Attributes:
        classes: what the logits tell apart.
        counted: int64, positions that count.
        score: mean probability of the most probable class over the positions that count; NaN without any.
        right: int64, positions whose most probable class is their label; None without labels, as the next two.
        loss: mean cross entropy. label_score: mean probability of the label.
        prediction, label: object of int32 arrays, the classes of the positions that count; None if not kept.
        whole: whether an instance can be right as a whole; a text that a language model continues cannot.
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
        """Whether instances are right or wrong, and have classes."""
        return self.whole and self.classes <= MOST_KINDS

    def taken(self, rows: np.ndarray) -> "TokenScores":
        """Of some of the instances."""
        found = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return TokenScores(
            **{name: value[rows] if isinstance(value, np.ndarray) else value for name, value in found.items()}
        )


def token_scores(logits: np.ndarray, labels: np.ndarray | None, mask: np.ndarray | None = None) -> TokenScores:
    """Reduces logits that are in memory.

    Args:
        logits: [instances, positions, classes].
        labels: int [instances, positions]; -100, or any other number that is no class, counts nowhere.
        mask: bool [instances, positions], False in padding.
    """
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
    number = counted.sum(axis=1)

    def mean(values: np.ndarray) -> np.ndarray:
        sums = np.where(counted, values, 0).sum(axis=1)
        return np.where(number > 0, sums / np.maximum(number, 1), np.nan).astype(np.float32)

    kept = classes <= MOST_KINDS
    score = mean(np.exp(np.take_along_axis(logs, prediction[..., None], axis=2)[..., 0]))
    predictions = by_instance(prediction, counted) if kept else None
    if labels is None:
        return TokenScores(classes, number, score, prediction=predictions)
    of_label = np.take_along_axis(logs, np.where(counted, labels, 0)[..., None], axis=2)[..., 0]
    return TokenScores(
        classes,
        number,
        score,
        (counted & (prediction == labels)).sum(axis=1),
        mean(-of_label),
        mean(np.exp(of_label)),
        predictions,
        by_instance(labels, counted) if kept else None,
    )


def by_instance(classes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The classes of the positions that count, of every instance: object [instances] of int32 arrays."""
    return sets([row[real].astype(np.int32) for row, real in zip(classes, counted, strict=True)])


def tokens(scores: TokenScores) -> Predictions:
    """The outcome of a batch: totals of accuracy and loss are over tokens, and `correct` says that all of them are right."""
    columns = {"score": scores.score.astype(np.float32), "tokens": scores.counted.astype(np.int32)}
    if scores.prediction is not None:
        columns["prediction"] = scores.prediction
    unfinite = int((np.isnan(scores.score) & (scores.counted > 0)).sum())
    if scores.right is None or scores.loss is None or scores.label_score is None:
        return Predictions(columns=columns, unfinite=unfinite)
    some = scores.counted > 0
    if scores.judged:
        columns["correct"] = np.where(some, scores.right == scores.counted, UNKNOWN).astype(np.uint8)
    columns["accuracy"] = np.where(some, scores.right / np.maximum(scores.counted, 1), np.nan).astype(np.float32)
    columns["loss"] = scores.loss.astype(np.float32)
    columns["label_score"] = scores.label_score.astype(np.float32)
    known = np.isfinite(scores.loss) & some
    number = float(scores.counted[known].sum())
    totals = {
        "accuracy": (float(scores.right.sum()), float(scores.counted.sum())),
        "loss": (float((scores.loss.astype(np.float64)[known] * scores.counted[known]).sum()), number),
    }
    members = None
    if scores.label is not None:
        members = np.zeros((len(scores.label), scores.classes), bool)
        for row, classes in enumerate(scores.label):
            members[row, classes] = True
    return Predictions(scores.label, members, columns, totals, int((~some).sum()), unfinite)
