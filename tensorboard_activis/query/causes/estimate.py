"""How an effect was come by: tried, estimated by gradients or by regression, or not at all."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tensorboard_activis.query.contract import MaybeNaN

Method: TypeAlias = Literal["tried", "gradients", "regression", "none"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """How effects on a margin were come by.

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
