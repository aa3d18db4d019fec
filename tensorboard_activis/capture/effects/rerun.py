"""Running instances of an evaluation again: what a framework has to give for effects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Held(Protocol):
    """Instances of one batch as the model was given them, kept to be run again.

    Attributes:
        nbytes: of what is kept.
    """

    @property
    def nbytes(self) -> int: ...

    def take(self, rows: np.ndarray) -> "Held":
        """Some of these instances, int [rows], perhaps several times."""


#: Instances to run: what is held of some, and their positions, int [rows], in the arrays of the whole.
Parts = Sequence[tuple[Held, np.ndarray]]


@dataclass(frozen=True)
class Gradients:
    """What one run with gradients gives.

    Attributes:
        margins: float64 [instances].
        layers: by layer (gradient, product, activations), each float32 [instances, neurons]. Gradient and product (of it and the
            output) are summed over positions that are no padding, activations are reduced as ever.
        failures: by layer without gradients, why it has none.
    """

    margins: np.ndarray
    layers: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
    failures: Mapping[str, str]


@dataclass(frozen=True)
class Setting:
    """What becomes of the neurons of one layer: `factor * output + shift`, at every position that is no padding.

    Attributes:
        layer: its name.
        factor, shift: float32 [instances, neurons].
    """

    layer: str
    factor: np.ndarray
    shift: np.ndarray

    def of(self, instances: np.ndarray) -> "Setting":
        """Of some of the instances, int [rows]."""
        return Setting(self.layer, self.factor[instances], self.shift[instances])


class Rerun(Protocol):
    """The model of an evaluation that is over, to be run again on instances of it; training is as before afterwards."""

    def gradients(self, parts: Parts, labels: np.ndarray, *, probabilities: bool) -> Gradients:
        """Gradients of the margins with respect to all recorded layers.

        Arguments:
            parts: the instances.
            labels: class indices, int64 [instances].
            probabilities: whether the model gives probabilities.

        Raises:
            Exception: the model cannot be run on single instances of a batch.
        """

    def margins(self, parts: Parts, labels: np.ndarray, setting: Setting, *, probabilities: bool) -> np.ndarray:
        """The margins with neurons of a layer changed, float64 [instances]; otherwise as `gradients`."""


@dataclass(frozen=True)
class Repeatable:
    """A batch of which instances can be run again.

    Attributes:
        rerun: the model; the same one in all batches of an evaluation.
        held: gives the instances of the batch; None if it cannot be divided into single instances.
    """

    rerun: Rerun
    held: Callable[[], Held | None]
