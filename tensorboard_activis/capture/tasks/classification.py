"""Predictions, scores and losses of classification: one class per instance, or any number of classes (multi-label)."""

import numpy as np

from tensorboard_activis.capture.tasks.predictions import UNKNOWN, Predictions, class_lists, metric_totals

#: How many of the highest scores are stored per instance.
TOP = 10


def single_label(outputs: np.ndarray, labels: np.ndarray | None, *, probabilities: bool) -> Predictions:
    """Predictions where each instance has one class. The loss is the cross entropy, as `torch.nn.functional.cross_entropy` has it.

    Args:
        outputs: float64 [instances, classes], logits or probabilities; [instances]: those of the second of two classes.
        labels: class indices [instances]; an index outside of the classes is a missing label. Or soft labels, the probabilities of
            the classes [instances, classes]; a row that is not finite is a missing label. None: no labels.
        probabilities: whether outputs are probabilities, not logits.
    """
    scores, total = _scores(outputs, probabilities)
    instances = np.arange(len(scores))
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
    nonfinite = int((~finite).sum())
    if labels is None:
        return Predictions(columns=columns, nonfinite=nonfinite)
    soft = labels if labels.ndim == 2 else None
    label, invalid_labels = classes_of(labels if soft is None else _most_probable(soft), scores.shape[1])
    known = label >= 0
    label_log_probability = np.where(known, scores[instances, np.maximum(label, 0)] - total, np.nan)
    loss = (
        -label_log_probability
        if soft is None
        else np.where(known, _cross_entropy(scores - total[:, None], soft), np.nan)
    )
    columns["correct"] = np.where(known, prediction == label, UNKNOWN).astype(np.uint8)
    columns["loss"] = loss.astype(np.float32)
    columns["label_score"] = np.exp(label_log_probability).astype(np.float32)
    return Predictions(label, label, columns, metric_totals(columns), invalid_labels, nonfinite)


def multi_label(outputs: np.ndarray, labels: np.ndarray | None, *, probabilities: bool) -> Predictions:
    """Predictions where an instance has any number of classes. The loss is the mean over classes of the binary cross entropy.

    Args:
        outputs: float64 [instances, classes], a logit or probability for each class by itself.
        labels: [instances, classes], 1 or 0; anything else (-1, NaN) is unknown and counts nowhere. None: no labels.
        probabilities: whether outputs are probabilities, not logits.
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
        "prediction": class_lists([np.flatnonzero(row).astype(np.int32) for row in chosen]),
        # Of its least certain decision.
        "score": np.exp(np.maximum(yes, no).min(axis=1)).astype(np.float32),
        "top_classes": np.where(finite[:, None], order, -1).astype(np.int32),
        "top_scores": np.exp(np.take_along_axis(yes, order, axis=1)).astype(np.float16),
    }
    nonfinite = int((~finite).sum())
    if labels is None:
        return Predictions(columns=columns, nonfinite=nonfinite)
    targets = np.nan_to_num(labels.astype(np.float64), nan=-1)
    known, positive = (targets == 0) | (targets == 1), targets == 1
    right = np.where(positive, yes, no)
    labelled = known.any(axis=1)
    wrong = (known & (chosen != positive)).any(axis=1) | ~finite
    columns["correct"] = np.where(labelled, ~wrong, UNKNOWN).astype(np.uint8)
    counted = np.maximum(known.sum(axis=1), 1)
    columns["loss"] = np.where(labelled, -np.where(known, right, 0).sum(axis=1) / counted, np.nan).astype(np.float32)
    columns["label_score"] = np.where(labelled, np.exp(np.where(known, right, 0).min(axis=1)), np.nan).astype(
        np.float32
    )
    label = class_lists([np.flatnonzero(row).astype(np.int32) for row in positive])
    return Predictions(label, positive, columns, metric_totals(columns), int((~labelled).sum()), nonfinite)


def classes_of(labels: np.ndarray, classes: int) -> tuple[np.ndarray, int]:
    """Labels as int64 [instances], -1 for those that are none of the classes; and how many those are."""
    if labels.dtype.kind == "f":
        labels = np.nan_to_num(labels, nan=-1, posinf=-1, neginf=-1)
    label = labels.astype(np.int64)
    known = (label >= 0) & (label < classes)
    return np.where(known, label, -1), int((~known).sum())


def _most_probable(labels: np.ndarray) -> np.ndarray:
    """The classes of soft labels [instances, classes]; -1 for a row that is not finite."""
    return np.where(np.isfinite(labels).all(axis=1), labels.argmax(axis=1), -1)


def _cross_entropy(log_probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cross entropy [instances] of soft labels [instances, classes]; classes that cannot be, by the label, count nothing."""
    with np.errstate(invalid="ignore"):
        loss: np.ndarray = -np.where(labels == 0, 0, labels * log_probabilities).sum(axis=1)
    return loss


def _highest(scores: np.ndarray) -> np.ndarray:
    """Top-k classes: indices [instances, at most TOP] of the highest scores, highest first, ties by index as argmax has them."""
    classes = scores.shape[1]
    if classes <= 4 * TOP:
        return np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
    # A partial sort: sorting a thousand scores for ten of them costs more than everything else.
    top = np.sort(np.argpartition(-scores, TOP, axis=1)[:, :TOP], axis=1)
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    top = np.take_along_axis(top, order, axis=1)
    first = scores.argmax(axis=1)
    equal = np.take_along_axis(scores, top[:, :1], axis=1)[:, 0] == scores[np.arange(len(scores)), first]
    # Of many equal ones another may have come first.
    moved = equal & (top[:, 0] != first) & ~(top == first[:, None]).any(axis=1)
    top[moved, 0] = first[moved]
    return top


def _scores(outputs: np.ndarray, probabilities: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores [instances, classes], and the log normalizers [instances] to subtract from them: NaN if a score is not finite."""
    with np.errstate(invalid="ignore"):
        if outputs.ndim == 1:  # two classes by one number
            outputs = np.stack([1 - outputs if probabilities else np.zeros_like(outputs), outputs], axis=1)
        if probabilities:
            scores = np.log(np.clip(outputs, 1e-45, None))
            return scores, np.where(np.isnan(scores).any(axis=1), np.nan, 0.0)
        highest = outputs.max(axis=1)
        total = highest + np.log(np.exp(outputs - highest[:, None]).sum(axis=1))
        return outputs, np.where(np.isfinite(total), total, np.nan)
