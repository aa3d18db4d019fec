"""The outcome where instances have one class each, and where they may have several."""

import numpy as np

from tensorboard_activis.capture.predictions import UNKNOWN, Predictions, means, sets

#: So many of the highest scores are kept per instance.
TOP = 10


def single(outputs: np.ndarray, labels: np.ndarray | None, *, probabilities: bool) -> Predictions:
    """One class per instance. The loss is the cross entropy, `torch.nn.functional.cross_entropy`'s.

    Args:
        outputs: float64 [instances, classes] logits or probabilities; [instances]: of the second of two classes.
        labels: [instances]; none of the classes: missing.
    """
    scores, total = _scores(outputs, probabilities)
    rows = np.arange(len(scores))
    finite = ~np.isnan(total)
    order = _highest(scores)
    prediction = np.where(finite, order[:, 0], -1)
    top_scores = np.exp(np.take_along_axis(scores, order, axis=1) - total[:, None])
    columns: dict[str, np.ndarray] = {
        "prediction": prediction.astype(np.int32),
        "score": top_scores[:, 0].astype(np.float32),
        "top_classes": np.where(finite[:, None], order, -1).astype(np.int32),
        "top_scores": top_scores.astype(np.float16),
    }
    unfinite = int((~finite).sum())
    if labels is None:
        return Predictions(columns=columns, unfinite=unfinite)
    label, stray = classes_of(labels, scores.shape[1])
    known = label >= 0
    of_label = np.where(known, scores[rows, np.maximum(label, 0)] - total, np.nan)
    columns["correct"] = np.where(known, prediction == label, UNKNOWN).astype(np.uint8)
    columns["loss"] = (-of_label).astype(np.float32)
    columns["label_score"] = np.exp(of_label).astype(np.float32)
    return Predictions(label, label, columns, means(columns), stray, unfinite)


def several(outputs: np.ndarray, labels: np.ndarray | None, *, probabilities: bool) -> Predictions:
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
    order = _highest(yes)
    columns: dict[str, np.ndarray] = {
        "prediction": sets([np.flatnonzero(row).astype(np.int32) for row in chosen]),
        # The least sure of its decisions.
        "score": np.exp(np.maximum(yes, no).min(axis=1)).astype(np.float32),
        "top_classes": np.where(finite[:, None], order, -1).astype(np.int32),
        "top_scores": np.exp(np.take_along_axis(yes, order, axis=1)).astype(np.float16),
    }
    unfinite = int((~finite).sum())
    if labels is None:
        return Predictions(columns=columns, unfinite=unfinite)
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
    return Predictions(label, carried, columns, means(columns), int((~some).sum()), unfinite)


def classes_of(labels: np.ndarray, classes: int) -> tuple[np.ndarray, int]:
    """Labels as int64, -1 for those that are none of the classes, and the number of these."""
    if labels.dtype.kind == "f":
        labels = np.nan_to_num(labels, nan=-1, posinf=-1, neginf=-1)
    label = labels.astype(np.int64)
    known = (label >= 0) & (label < classes)
    return np.where(known, label, -1), int((~known).sum())


def _highest(scores: np.ndarray) -> np.ndarray:
    """The classes of the highest scores [instances, at most TOP], highest first, then by index: as argmax, of many."""
    classes = scores.shape[1]
    if classes <= 4 * TOP:
        return np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
    # Sorting a thousand scores for ten of them costs more than everything else.
    found = np.sort(np.argpartition(-scores, TOP, axis=1)[:, :TOP], axis=1)
    order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1, kind="stable")
    found = np.take_along_axis(found, order, axis=1)
    first = scores.argmax(axis=1)
    equal = np.take_along_axis(scores, found[:, :1], axis=1)[:, 0] == scores[np.arange(len(scores)), first]
    # Of many equal ones another may have come first.
    moved = equal & (found[:, 0] != first) & ~(found == first[:, None]).any(axis=1)
    found[moved, 0] = first[moved]
    return found


def _scores(outputs: np.ndarray, probabilities: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores [instances, classes], and what is to be taken from them to have log probabilities; NaN where one is not finite."""
    with np.errstate(invalid="ignore"):
        if outputs.ndim == 1:  # two classes by one number
            outputs = np.stack([1 - outputs if probabilities else np.zeros_like(outputs), outputs], axis=1)
        if probabilities:
            scores = np.log(np.clip(outputs, 1e-45, None))
            return scores, np.where(np.isnan(scores).any(axis=1), np.nan, 0.0)
        highest = outputs.max(axis=1)
        total = highest + np.log(np.exp(outputs - highest[:, None]).sum(axis=1))
        return outputs, np.where(np.isfinite(total), total, np.nan)
