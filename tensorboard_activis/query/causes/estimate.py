"""What an effect is of one instance, and how it was obtained: tried, estimated by gradients or by regression, or not at all."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from tensorboard_activis.query.contract import MaybeNaN

Method: TypeAlias = Literal["tried", "gradients", "regression", "none"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """How effects on a margin were obtained.

    Attributes:
        method: "tried" (neurons were set and the model was run), "gradients" (of the margin, recorded while logging),
            "regression" (of the logits on the layer's activations, from what is logged), or "none".
        r2: of the regression, over instances that are left out one at a time; null for another method.
        n: instances that the regression was fitted on; 0 for another method.
        reliable: false for a regression with an R² below 0.95.
        words: the same in words; with "none", why there is no effect.
    """

    method: Method
    r2: MaybeNaN
    n: int
    reliable: bool
    words: str


def not_estimated(words: str) -> Estimate:
    """That there is no effect, and why."""
    return Estimate("none", math.nan, 0, False, words)


#: Neurons that are set together.
TOGETHER = 5


@dataclass(frozen=True, slots=True)
class InstanceEffects:
    """What each neuron of a layer does to the margin of one instance: the logit of a class minus the highest other.

    Attributes:
        estimate: how the effects were obtained.
        estimated: float64 [neurons]: the change of the margin if the neuron alone had its mean over the class; NaN for none.
        tried: float64 [neurons]: the same, as the model gave it; NaN where it was not tried.
        order: the neurons that raise the margin, the strongest first, int64 [at most TOGETHER].
        before: the margin as it is.
        after: the margin if all neurons of `order` had their mean; NaN for none.
        predicted: which class would be predicted then; -1 where that is not known.
    """

    estimate: Estimate
    estimated: np.ndarray
    tried: np.ndarray
    order: np.ndarray
    before: float
    after: float
    predicted: int


def strongest(effects: np.ndarray) -> np.ndarray:
    """The neurons that raise the margin, the strongest first, int64 [at most TOGETHER]."""
    raising = np.flatnonzero(effects > 0)
    return raising[np.argsort(-effects[raising], kind="stable")][:TOGETHER]
