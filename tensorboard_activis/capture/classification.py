"""The outcome where instances have one class each, and where they may have several."""

import numpy as np

from tensorboard_activis.capture.outcome import UNKNOWN, Outcome, means, sets

#: So many of the highest scores are kept per instance.
TOP = 10


def single(outputs: np.ndarray, labels: np.ndarray | None, *, probabilities: bool) -> Outcome:
    """One class per instance. The loss is the cross entropy, `torch.nn.functional.cross_entropy`'s.

    Args:
        outputs: float64 [instances, classes] logits or probabilities; [instances]: of the second of two classes.
        labels: [instances]; none of the classes: missing.
    """
    logs = _log_probabilities(outputs, probabilities)
    count, classes = logs.shape
    rows = np.arange(count)
    scores = np.exp(logs)
    finite = ~np.isnan(scores).any(axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, : min(TOP, classes)]
    prediction = np.where(finite, order[:, 0], -1)
    columns: dict[str, np.ndarray] = {
        "prediction": prediction.astype(np.int32),
        "score": np.where(finite, scores[rows, order[:, 0]], np.nan).astype(np.float32),
        "top_classes": np.where(finite[:, None], order, -1).astype(np.int32),
        "top_scores": np.take_along_axis(scores, order, axis=1).astype(np.float16),
    }
    unfinite = int((~finite).sum())
    if labels is None:
        return Outcome(columns=columns, unfinite=unfinite)
    label, stray = classes_of(labels, classes)
    known = label >= 0
    of_label = np.where(known, logs[rows, np.maximum(label, 0)], np.nan)
    columns["correct"] = np.where(known, prediction == label, UNKNOWN).astype(np.uint8)
    columns["loss"] = (-of_label).astype(np.float32)
    columns["label_score"] = np.exp(of_label).astype(np.float32)
    return Outcome(label, label, columns, means(columns), stray, unfinite)


def several(outputs: np.ndarray, labels: np.ndarray | None, *, probabilities: bool) -> Outcome:
    """Any number of classes per instance. The loss is `binary_cross_entropy_with_logits`, its mean over the classes.

    Args:
        outputs: float64 [instances, classes], a logit or probability for each class by itself.
        labels: [instances, classes], 1 or 0; anything else (-1, NaN) is unknown and counts nowhere.
    """
    if probabilities:
        with np.errstate(divide="ignore"):
            yes, no = np.log(np.clip(outputs, 1e-45, 1)), np.log(np.clip(1 - outputs, 1e-45, 1))
    else:
        yes, no = -np.logaddexp(0, -outputs), -np.logaddexp(0, outputs)
    finite = ~np.isnan(yes).any(axis=1)
    chosen = (yes >= no) & finite[:, None]
    best = min(TOP, outputs.shape[1])
    order = np.argsort(-yes, axis=1, kind="stable")[:, :best]
    columns: dict[str, np.ndarray] = {
        "prediction": sets([np.flatnonzero(row).astype(np.int32) for row in chosen]),
        # The least sure of its decisions.
        "score": np.exp(np.maximum(yes, no).min(axis=1)).astype(np.float32),
        "top_classes": np.where(finite[:, None], order, -1).astype(np.int32),
        "top_scores": np.exp(np.take_along_axis(yes, order, axis=1)).astype(np.float16),
    }
    unfinite = int((~finite).sum())
    if labels is None:
        return Outcome(columns=columns, unfinite=unfinite)
    given = np.nan_to_num(labels.astype(np.float64), nan=-1)
    known, carried = (given == 0) | (given == 1), given == 1
    right = np.where(carried, yes, no)
    some = known.any(axis=1)
    wrong = (known & (chosen != carried)).any(axis=1) | ~finite
    columns["correct"] = np.where(some, ~wrong, UNKNOWN).astype(np.uint8)
    counted = np.maximum(known.sum(axis=1), 1)
    columns["loss"] = np.where(some, -np.where(known, right, 0).sum(axis=1) / counted, np.nan).astype(np.float32)
    columns["label_score"] = np.where(some, np.exp(np.where(known, right, 0).min(axis=1)), np.nan).astype(np.float32)
    label = sets([np.flatnonzero(row).astype(np.int32) for row in carried])
    return Outcome(label, carried, columns, means(columns), int((~some).sum()), unfinite)


def classes_of(labels: np.ndarray, classes: int) -> tuple[np.ndarray, int]:
    """Labels as int64, -1 for those that are none of the classes, and the number of these."""
    if labels.dtype.kind == "f":
        labels = np.nan_to_num(labels, nan=-1, posinf=-1, neginf=-1)
    label = labels.astype(np.int64)
    known = (label >= 0) & (label < classes)
    return np.where(known, label, -1), int((~known).sum())


def _log_probabilities(outputs: np.ndarray, probabilities: bool) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        if outputs.ndim == 1:  # two classes by one number
            if not probabilities:
                return -np.logaddexp(0, np.stack([outputs, -outputs], axis=1))
            outputs = np.stack([1 - outputs, outputs], axis=1)
        if probabilities:
            return np.log(np.clip(outputs, 1e-45, None))
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
