"""Predictions of the next or the masked token, computed from the logits of a vocabulary on their device."""

from typing import Any

import numpy as np
import torch

from tensorboard_activis.capture.instances.token_texts import TokenTexts
from tensorboard_activis.capture.tasks.labels import IGNORED
from tensorboard_activis.capture.tasks.predictions import UNKNOWN, Predictions, metric_totals

#: Number of logits that are processed at a time.
_LOGITS_AT_A_TIME = 1 << 24


def vocabulary_predictions(
    logits: torch.Tensor, rows: torch.Tensor | None, labels: np.ndarray | None, tokens: TokenTexts
) -> Predictions:
    """Predictions, scores and losses of positions, whose labels are tokens: these are texts.

    Arguments:
        logits: [places, tokens of the vocabulary].
        rows: which places are positions, int [positions]; None: all.
        labels: int64 [positions], negative where there is none; None without labels.
        tokens: gives their texts.
    """
    places = torch.arange(len(logits), device=logits.device) if rows is None else rows.to(logits.device)
    size = logits.shape[1]
    known = None if labels is None else (labels >= 0) & (labels < size)
    targets = None if labels is None or known is None else torch.from_numpy(np.where(known, labels, 0))
    parts = []
    step = max(1, _LOGITS_AT_A_TIME // max(1, size))
    for start in range(0, len(places), step):
        part = slice(start, start + step)
        chosen = logits[part] if rows is None else logits[places[part]]
        target = None if targets is None else targets[part].to(logits.device)
        parts.append(_reduce(chosen, target))
    columns = (
        [torch.cat([part[index] for part in parts]).numpy(force=True) for index in range(len(parts[0]))]
        if parts
        else []
    )
    if not columns:
        columns = [np.zeros(0, np.int64), *[np.zeros(0, np.float32)] * (1 if targets is None else 2)]
    predicted, score = columns[0], columns[1].astype(np.float32)
    finite = np.isfinite(score)
    prediction, _ = tokens.repeated(np.where(finite, predicted, -1))
    values: dict[str, Any] = {"prediction": prediction, "score": np.where(finite, score, np.nan).astype(np.float32)}
    nonfinite = int((~finite).sum())
    if labels is None or known is None:
        return Predictions(columns=values, nonfinite=nonfinite)
    log_probability = np.where(known & finite, columns[2].astype(np.float64), np.nan)
    values["correct"] = np.where(known, finite & (predicted == labels), UNKNOWN).astype(np.uint8)
    values["loss"] = (-log_probability).astype(np.float32)
    values["label_score"] = np.exp(log_probability).astype(np.float32)
    label, _ = tokens.repeated(np.where(known, labels, -1))
    invalid = int(((labels >= size) | ((labels < 0) & (labels != IGNORED) & (labels != -1))).sum())
    return Predictions(label, None, values, metric_totals(values), invalid, nonfinite)


def _reduce(logits: torch.Tensor, targets: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
    """The most probable token, its probability, and the log probability of the target, [positions] each."""
    logits = logits.float()
    total = torch.logsumexp(logits, dim=1)
    highest, predicted = logits.max(dim=1)
    score = (highest - total).exp()
    if targets is None:
        return predicted, score
    return predicted, score, logits.gather(1, targets.long()[:, None])[:, 0] - total
