"""What looks like padding in torch batches whose padding no mask tells."""

from collections.abc import Iterable

import numpy as np
import torch

from tensorboard_activis.capture.batch_positions import BatchPositions
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.instances.padding_runs import PaddingRuns
from tensorboard_activis.capture.tasks.tokens import TokenScores
from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors
from tensorboard_activis.capture.torch.data.positions import Positions, mask_of, tokens_of

#: How padding is told.
_ADVICE = (
    "If they are padding: attention_mask, mask, key_padding_mask or lengths among the inputs of a batch (in a dict; the model need "
    "not take it) says so, and labels of padding are -100. If they are not: a mask of ones says so."
)


def padding_of_positions(
    batch: Batch, positions: Positions, labels: np.ndarray | None, count: int, *, decodes: bool
) -> PaddingRuns:
    """Of a batch whose positions are instances: among its tokens; without these its labels, or zeros among its vectors.

    Arguments:
        labels: int [positions], negative where there is none; None without labels.
        count: number of sequences.
        decodes: see `tokens_of`.
    """
    mask = mask_of(batch, decodes=decodes)
    sizes = positions.sizes
    if len(sizes) != 1 or not count or (mask is not None and tuple(mask.shape[1:]) == sizes):
        return PaddingRuns()
    labels = None if labels is None or len(labels) != count * sizes[0] else labels.reshape(count, -1)
    labelled = None if labels is None else labels >= 0
    tokens = tokens_of(batch, sizes, decodes=decodes)
    if tokens is not None:
        return PaddingRuns.of(tokens[:count].numpy(force=True), labelled, advice=_ADVICE)
    if labels is not None and (labels < 0).any():
        return PaddingRuns.of(labels, labelled, what="label", advice=_ADVICE)
    vectors = (one for one in all_tensors([batch.args, batch.kwargs]) if one.dim() == 3 and not one.is_nested)
    found = next((one for one in vectors if tuple(one.shape[:2]) == (batch.instances, *sizes)), None)
    if found is None or decodes:
        return PaddingRuns()
    return PaddingRuns.of((found[:count] != 0).any(2, keepdim=True).numpy(force=True), labelled, advice=_ADVICE)


def padding_of_texts(
    record: BatchRecord, batch: Batch, tokens: torch.Tensor | None, layers: Iterable[BatchPositions]
) -> PaddingRuns:
    """Of a batch whose texts are instances, where all of their positions count: in a layer, or by their labels.

    Arguments:
        tokens: int [instances, positions]; None if there are none.
        layers: where in the input neurons are active.
    """
    if tokens is None or batch.mask is not None:
        return PaddingRuns()
    size = tokens.shape[1]
    whole = any(one.is_sequence and one.lengths is not None and (one.lengths == size).all() for one in layers)
    if not whole and not isinstance(record.outputs, TokenScores):
        return PaddingRuns()
    labels = record.labels
    labelled = None if labels is None or labels.shape != tuple(tokens.shape) else labels >= 0
    return PaddingRuns.of(tokens.numpy(force=True), labelled, advice=_ADVICE)
