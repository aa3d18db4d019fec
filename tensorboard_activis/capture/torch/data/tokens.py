"""Computes losses and scores from the logits of sequences on their device, so that the logits need not be copied to the CPU."""

import numpy as np
import torch

from tensorboard_activis.capture.tasks.tokens import MOST_KINDS, TokenScores, by_instance, shifted

#: Number of logits that are processed at a time.
_LOGITS_AT_A_TIME = 1 << 24


def torch_token_scores(
    logits: torch.Tensor, labels: torch.Tensor | None, mask: torch.Tensor | None = None, shift: int | None = None
) -> TokenScores:
    """Reduces logits to `TokenScores` on any device; as `token_scores`, which does it in numpy.

    Arguments:
        logits: [instances, positions, classes].
        labels: int [instances, positions]; positions with -100, or any other number that is no class, are ignored.
        mask: bool [instances, positions], False in padding.
        shift: of the labels of a language model (`next_token_shift`), whose texts have no classes; None for other models.
    """
    logits, labels, mask = shifted(logits, labels, mask, shift)
    instances, positions, classes = logits.shape
    counted = torch.ones((instances, positions), dtype=torch.bool, device=logits.device)
    if mask is not None and mask.shape == counted.shape:
        counted = counted & mask
    if labels is not None:
        labels = labels.to(logits.device)
        counted = counted & (labels >= 0) & (labels < classes)
    reduced = []
    step = max(1, _LOGITS_AT_A_TIME // max(1, positions * classes))
    for start in range(0, instances, step):
        batch = slice(start, start + step)
        reduced.append(_reduce(logits[batch], None if labels is None else labels[batch], counted[batch]))
    columns = [torch.cat([batch[index] for batch in reduced]).numpy(force=True) for index in range(len(reduced[0]))]
    score, predicted = columns[0].astype(np.float32), columns[1]
    counted_positions = counted.numpy(force=True)
    with_classes = classes <= MOST_KINDS and shift is None
    predictions = by_instance(predicted, counted_positions) if with_classes else None
    if labels is None:
        return TokenScores(classes, counted_positions.sum(axis=1), score, prediction=predictions, whole=shift is None)
    return TokenScores(
        classes,
        counted_positions.sum(axis=1),
        score,
        columns[2].astype(np.int64),
        columns[3].astype(np.float32),
        columns[4].astype(np.float32),
        predictions,
        by_instance(labels.numpy(force=True), counted_positions) if with_classes else None,
        whole=shift is None,
    )


def _reduce(logits: torch.Tensor, labels: torch.Tensor | None, counted: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Score, prediction [instances, positions], and with labels: right, loss, score of the label."""
    logits = logits.float()
    log_normalizer = torch.logsumexp(logits, dim=2)
    highest, predicted = logits.max(dim=2)
    counts = counted.sum(dim=1)

    def mean(values: torch.Tensor) -> torch.Tensor:
        sums = torch.where(counted, values.double(), 0).sum(dim=1)
        return torch.where(counts > 0, sums / counts.clamp(min=1), torch.nan)

    score, predicted = mean((highest - log_normalizer).exp()), predicted.int()
    if labels is None:
        return score, predicted
    target_classes = torch.where(counted, labels, 0).long().unsqueeze(2)
    log_probabilities = logits.gather(2, target_classes).squeeze(2) - log_normalizer
    return (
        score,
        predicted,
        (counted & (predicted == labels)).sum(dim=1),
        mean(-log_probabilities),
        mean(log_probabilities.exp()),
    )
