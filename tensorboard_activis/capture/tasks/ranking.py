"""Predictions and losses of ranking and of regression."""

import numpy as np
import pyarrow as pa

from tensorboard_activis.capture.tasks.predictions import Predictions, metric_totals


def regression(outputs: np.ndarray, labels: np.ndarray | None) -> Predictions:
    """Predictions of regression. The loss is the squared error, averaged over the outputs of an instance.

    Args:
        outputs, labels: float64 [instances] or [instances, outputs].
    """
    columns = {"prediction": outputs.astype(np.float32)}
    if labels is None:
        return Predictions(columns=columns)
    label = labels.astype(np.float64)
    error = (outputs - label) ** 2
    columns["loss"] = (error if error.ndim == 1 else error.mean(axis=1)).astype(np.float32)
    return Predictions(label, None, columns, metric_totals(columns))


def ranking(outputs: np.ndarray, labels: np.ndarray | None, groups: pa.Array | None) -> Predictions:
    """Predictions of ranking: one score per item, which orders the items of a group (a query, a user).

    The rank counts from 1 within the items of a group in this batch, items of equal score share the middle of their ranks. The
    loss of an item is the mean logistic loss of its pairs with items of its group that are more or less relevant (RankNet:
    Burges et al., "Learning to Rank using Gradient Descent", 2005); NaN without such a pair.

    Args:
        outputs: float64 [instances].
        labels: relevance, higher is better, [instances].
        groups: any value per instance that identifies its group; None: there is no rank and no loss.
    """
    columns = {"score": outputs.astype(np.float32)}
    label = None if labels is None else labels.astype(np.float64)
    if groups is None:
        return Predictions(label, None, columns)
    rank, loss = np.full(len(outputs), np.nan), np.full(len(outputs), np.nan)
    group_indices = groups.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for group in np.unique(group_indices[group_indices >= 0]):
        items = np.flatnonzero(group_indices == group)
        scores = outputs[items]
        above = (scores[None] > scores[:, None]).sum(axis=1)
        rank[items] = above + ((scores[None] == scores[:, None]).sum(axis=1) + 1) / 2
        if label is not None:
            better = np.sign(label[items][:, None] - label[items][None])
            pairs = np.logaddexp(0, -better * (scores[:, None] - scores[None]))
            pair_counts = (np.abs(better) == 1).sum(axis=1)
            sums = np.where(np.abs(better) == 1, pairs, 0).sum(axis=1)
            loss[items] = np.where(pair_counts > 0, sums / np.maximum(pair_counts, 1), np.nan)
    columns["rank"] = rank.astype(np.float32)
    if label is not None:
        columns["loss"] = loss.astype(np.float32)
    return Predictions(label, None, columns, metric_totals(columns))
