"""How probably each label is wrong, where some labels are wrong at random and the network is too sure or not sure enough."""

import numpy as np

from tensorboard_activis.query.limits import check_time

#: What is tried: what the logarithms of scores are divided by, and the share of wrong labels.
_TEMPERATURES, _SHARES = np.geomspace(0.5, 10, 31), np.geomspace(0.001, 0.3, 30)
#: Instances that the two are fitted to, evenly spread over all.
_MOST_FITTED = 10_000
_LEAST = 1e-30


def wrong_probabilities(own: np.ndarray, scores: np.ndarray, classes: int) -> np.ndarray:
    """The probability that each label is wrong, float64 [instances].

    A label is wrong with the probability v, and is then any other class: p(label) = (1 − v) s + v (1 − s) / (classes − 1). Here s
    is the score of the label after all logarithms of scores are divided by a temperature (Guo et al., "On calibration of modern
    neural networks", 2017), so that the errors of a network that is too sure are not taken for errors of the labels. Both
    numbers are those under which the labels are most likely.

    Arguments:
        own: score of the label [instances].
        scores: the highest scores [instances, k]; the others share evenly what is left to 1.
        classes: how many there are, at least 2.
    """
    chosen = np.unique(np.linspace(0, own.size - 1, min(own.size, _MOST_FITTED)).astype(int))
    few_own, few = own[chosen], scores[chosen]
    best = (-np.inf, 1.0, 0.0)
    for temperature in _TEMPERATURES:
        check_time()
        tempered = _tempered(few_own, few, classes, temperature)
        for share in _SHARES:
            likely = float(np.log((1 - share) * tempered + share * (1 - tempered) / (classes - 1)).sum())
            best = max(best, (likely, float(temperature), float(share)))
    _, temperature, share = best
    tempered = _tempered(own, scores, classes, temperature)
    wrong = share * (1 - tempered) / (classes - 1)
    probabilities: np.ndarray = wrong / ((1 - share) * tempered + wrong)
    return probabilities


def _tempered(own: np.ndarray, scores: np.ndarray, classes: int, temperature: float) -> np.ndarray:
    others = classes - scores.shape[1]
    total = (np.maximum(scores, _LEAST) ** (1 / temperature)).sum(axis=1)
    if others > 0:
        left = np.maximum((1 - scores.sum(axis=1)) / others, _LEAST)
        total += others * left ** (1 / temperature)
    tempered: np.ndarray = np.maximum(own, _LEAST) ** (1 / temperature) / total
    limited: np.ndarray = np.clip(tempered, _LEAST, 1 - 1e-9)
    return limited
