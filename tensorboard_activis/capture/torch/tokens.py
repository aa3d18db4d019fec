"""Logits of sequences, reduced on their device: a vocabulary of logits for every token is not to travel."""

import numpy as np
import torch

from tensorboard_activis.capture.tokens import MOST_KINDS, TokenScores, by_instance

#: So many logits are worked on at a time.
_PART = 1 << 24


def torch_token_scores(
    logits: torch.Tensor, labels: torch.Tensor | None, mask: torch.Tensor | None = None, *, causal: bool = False
) -> TokenScores:
    """As `token_scores`, from tensors on any device.

    Arguments:
        logits: [instances, positions, classes].
        labels: int [instances, positions]; -100, or any other number that is no class, counts nowhere.
        mask: bool [instances, positions], False in padding.
        causal: labels are the inputs themselves, and logits are of the position after.
    """
    if causal:
        logits = logits[:, :-1]
        labels = None if labels is None else labels[:, 1:]
        mask = None if mask is None else mask[:, 1:]
    instances, positions, classes = logits.shape
    counted = torch.ones((instances, positions), dtype=torch.bool, device=logits.device)
    if mask is not None and mask.shape == counted.shape:
        counted = counted & mask
    if labels is not None:
        labels = labels.to(logits.device)
        counted = counted & (labels >= 0) & (labels < classes)
    parts = []
    step = max(1, _PART // max(1, positions * classes))
    for start in range(0, instances, step):
        part = slice(start, start + step)
        parts.append(_reduced(logits[part], None if labels is None else labels[part], counted[part]))
    columns = [torch.cat([part[index] for part in parts]).numpy(force=True) for index in range(len(parts[0]))]
    score, predicted = columns[0].astype(np.float32), columns[1]
    real = counted.numpy(force=True)
    kept = classes <= MOST_KINDS and not causal
    predictions = by_instance(predicted, real) if kept else None
    if labels is None:
        return TokenScores(classes, real.sum(axis=1), score, prediction=predictions, whole=not causal)
    return TokenScores(
        classes,
        real.sum(axis=1),
        score,
        columns[2].astype(np.int64),
        columns[3].astype(np.float32),
        columns[4].astype(np.float32),
        predictions,
        by_instance(labels.numpy(force=True), real) if kept else None,
        whole=not causal,
    )


def _reduced(logits: torch.Tensor, labels: torch.Tensor | None, counted: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Score, prediction [instances, positions], and with labels: right, loss, score of the label."""
    logits = logits.float()
    total = torch.logsumexp(logits, dim=2)
    highest, predicted = logits.max(dim=2)
    number = counted.sum(dim=1)

    def mean(values: torch.Tensor) -> torch.Tensor:
        sums = torch.where(counted, values.double(), 0).sum(dim=1)
        return torch.where(number > 0, sums / number.clamp(min=1), torch.nan)

    score, predicted = mean((highest - total).exp()), predicted.int()
    if labels is None:
        return score, predicted
    own = torch.where(counted, labels, 0).long().unsqueeze(2)
    logs = logits.gather(2, own).squeeze(2) - total
    return score, predicted, (counted & (predicted == labels)).sum(dim=1), mean(-logs), mean(logs.exp())
