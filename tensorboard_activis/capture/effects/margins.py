"""The margin of an instance: the logit of its label minus the highest other."""

import numpy as np

#: Probabilities below this are taken for it, so that they have a logarithm.
LEAST = 1e-38


def margins(outputs: np.ndarray, labels: np.ndarray, *, probabilities: bool) -> np.ndarray:
    """The margins, float64 [instances].

    Arguments:
        outputs: logits or probabilities, [instances, classes]; [instances] or [instances, 1]: those of the second of two classes.
        labels: class indices, [instances], each one of the classes.
        probabilities: whether outputs are probabilities; their logarithm is taken, which gives the same margin as the logits.
    """
    scores = np.asarray(outputs, np.float64)
    scores = scores[:, 0] if scores.ndim == 2 and scores.shape[1] == 1 else scores
    if scores.ndim == 1:
        scores = np.stack([1 - scores if probabilities else np.zeros_like(scores), scores], axis=1)
    if probabilities:
        scores = np.log(np.maximum(scores, LEAST))
    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, labels] = -np.inf
    found: np.ndarray = scores[rows, labels] - others.max(axis=1, initial=-np.inf)
    return found
