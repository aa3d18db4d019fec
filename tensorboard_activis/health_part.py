"""The record of training health, which is written in parts."""

from dataclasses import dataclass

from tensorboard_activis.schema import Array


@dataclass(frozen=True, slots=True)
class HealthLayer:
    """A layer whose health was measured.

    Attributes:
        name: path of the module.
        type: such as "Linear".
        experts: of a router of a mixture of experts: how many it chooses from; 0 for other layers.
        chosen: of a router: how many experts each token goes to.
    """

    name: str
    type: str = ""
    experts: int = 0
    chosen: int = 0


@dataclass(frozen=True, slots=True)
class HealthPart:
    """A part of a run's training health: what was measured of layers in some consecutive steps of training.

    Attributes:
        session: of the process that wrote it.
        steps: numbers of training steps from 0, ascending.
        values: uint16 [measures, layers, steps], the upper 16 bits of float32; NaN where nothing was measured, infinite where
            it was not finite. `health_codec` converts.
        loss: float32 [steps], of training; NaN where it is not known.
        every: steps from one measured step to the next, while this was measured.
        notes: what could not be measured, in words for the user.
    """

    session: str
    wall_time: float
    steps: tuple[int, ...]
    measures: tuple[str, ...]
    layers: tuple[HealthLayer, ...]
    values: Array
    loss: Array
    every: int
    notes: tuple[str, ...] = ()
