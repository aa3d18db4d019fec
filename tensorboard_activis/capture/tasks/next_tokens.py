"""Language models: recognizes labels that are the input's own tokens."""

from collections.abc import Iterable

import numpy as np


def next_token_shift(inputs: Iterable[np.ndarray], labels: np.ndarray) -> int | None:
    """By how many positions the labels that the logits predict come later, where the labels are the input's own tokens.

    Args:
        inputs: what the model is given; only whole numbers [instances, positions] can be tokens.
        labels: int [instances, positions]; negative ones, as in padding, are ignored.

    Returns:
        1 where labels are the input tokens, so that the logits of a position predict the label of the next one; 0 where the label
        of a position is the next token already; None where labels are something else, as those of a tagger.
    """
    labelled = labels >= 0
    if not labelled.any():
        return None
    known = labels[:, :-1][labelled[:, :-1]]
    several = known.size > 0 and bool(
        (known != known[0]).any()
    )  # a label that is everywhere may be next to itself by chance
    for tokens in inputs:
        if tokens.shape != labels.shape or tokens.dtype.kind not in "iu":
            continue
        if (tokens[labelled] == labels[labelled]).all():
            return 1
        if several and (tokens[:, 1:][labelled[:, :-1]] == known).all():
            return 0
    return None
