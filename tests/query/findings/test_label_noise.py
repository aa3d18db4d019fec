"""How probably a label is wrong: against labels drawn with known noise, and scipy's optimum of the same likelihood."""

import numpy as np
import pytest
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.special import log_softmax, softmax  # type: ignore[import-untyped]

from tensorboard_activis.query.findings.label_noise import wrong_probabilities

N, CLASSES = 3000, 5


def drawn(noise: float, sureness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, labels of which a share is wrong, and which are; the truth is drawn with the scores of the logits ÷ sureness."""
    random = np.random.default_rng(4)
    logits = 4 * random.normal(size=(N, CLASSES))
    truth = np.array([random.choice(CLASSES, p=row) for row in softmax(logits, axis=1)])
    wrong = random.random(N) < noise
    return sureness * logits, np.where(wrong, (truth + random.integers(1, CLASSES, N)) % CLASSES, truth), wrong


def probabilities(logits: np.ndarray, labels: np.ndarray, most: int = CLASSES) -> np.ndarray:
    scores = softmax(logits, axis=1)
    return wrong_probabilities(scores[np.arange(N), labels], -np.sort(-scores, axis=1)[:, :most], CLASSES)


@pytest.mark.parametrize("sureness", [0.7, 1.0, 3.0])  # not sure enough, calibrated, too sure
def test_it_is_as_often_wrong_as_it_is_said_to_be(sureness: float) -> None:
    logits, labels, wrong = drawn(0.05, sureness)
    found = probabilities(logits, labels)
    assert found.sum() == pytest.approx(wrong.sum(), rel=0.25)
    for low, high in ((0.2, 0.6), (0.6, 0.9), (0.9, 1.0)):
        here = (found >= low) & (found <= high)
        assert here.sum() > 10
        assert wrong[here].mean() == pytest.approx(found[here].mean(), abs=0.2)
    assert wrong[found >= 0.9].mean() > 0.9


@pytest.mark.parametrize("sureness", [1.0, 3.0])
def test_it_is_that_of_scipys_optimum(sureness: float) -> None:
    logits, labels, _ = drawn(0.05, sureness)

    def model(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        temperature, share = np.exp(parameters)
        right = np.exp(log_softmax(logits / temperature, axis=1))[np.arange(N), labels]
        return (1 - share) * right, share * (1 - right) / (CLASSES - 1)

    best = minimize(lambda x: -np.log(sum(model(x))).sum(), np.log([1, 0.1]), method="Nelder-Mead")
    right, wrong = model(best.x)
    assert np.abs(probabilities(logits, labels) - wrong / (right + wrong)).max() < 0.05


def test_scores_that_were_not_kept_are_shared_evenly() -> None:
    logits, labels, _ = drawn(0.05, 1.0)
    assert np.abs(probabilities(logits, labels, 3) - probabilities(logits, labels)).max() < 0.2
    logits[:, 3:] = logits.min() - 1
    assert probabilities(logits, labels, 3) == pytest.approx(probabilities(logits, labels), rel=1e-9)


def test_labels_that_a_network_that_is_often_wrong_contradicts_are_not_said_to_be_wrong() -> None:
    logits, labels, _ = drawn(0.0, 5.0)
    surely = softmax(logits, axis=1)[np.arange(N), labels] < 0.01
    assert surely.sum() > 100
    assert (probabilities(logits, labels)[surely] >= 0.9).mean() < 0.02


def test_no_labels() -> None:
    assert wrong_probabilities(np.zeros(0), np.zeros((0, 3)), 3).size == 0
