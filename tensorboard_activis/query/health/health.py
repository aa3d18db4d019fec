"""Training health as a picture has it: layers × columns of steps, with what stands out."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.contract import Float32Array, Int64Array, Records
from tensorboard_activis.query.health.marks import Mark, marks
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read import health as read

DEFAULT_COLUMNS, MOST_COLUMNS = 600, 2_000


@dataclass(frozen=True, slots=True)
class HealthLayer:
    """A layer whose health was measured.

    Attributes:
        name: path of the module, as in the graph.
        type: such as "Linear".
        experts: of a router of a mixture of experts: how many it chooses from; 0 for other layers.
        chosen: of a router: how many experts each token goes to.
    """

    name: str
    type: str
    experts: int
    chosen: int


@dataclass(frozen=True, slots=True)
class TrainingHealth:
    """What was measured of layers while the model was trained.

    Attributes:
        layers: in the order in which they run.
        measures: names of what was measured, see the table below.
        steps: of each column the first training step, ascending, [columns].
        last_steps: of each column the last training step, [columns].
        values: of each column the largest of its measured steps, [measures, layers, columns]; NaN where nothing was measured,
            infinite where a value was not finite.
        loss: of training, of each column the largest, [columns]; NaN where it is not known.
        measured: number of measured steps.
        together: the most measured steps that one column stands for.
        every: training steps from one measured step to the next, at the end of the run.
        marks: what stands out, by first step.
        notes: what could not be measured, in words.
    """

    layers: Records[HealthLayer]
    measures: tuple[str, ...]
    steps: Int64Array
    last_steps: Int64Array
    values: Float32Array
    loss: Float32Array
    measured: int
    together: int
    every: int
    marks: Records[Mark]
    notes: tuple[str, ...]


def training_health(health: read.Health, columns: int = DEFAULT_COLUMNS) -> TrainingHealth:
    """Training health in at most so many columns: each stands for equally many measured steps, the last one for fewer.

    Raises QueryError where `columns` is not from 1 to 2,000.
    """
    if not 1 <= columns <= MOST_COLUMNS:
        raise QueryError(f"columns must be a number from 1 to {MOST_COLUMNS:,}; got {columns}.")
    count = health.steps.size
    together = -(-count // columns)
    starts = np.arange(0, count, together)
    check_time()
    return TrainingHealth(
        Records(HealthLayer, (HealthLayer(one.name, one.type, one.experts, one.chosen) for one in health.layers)),
        health.measures,
        health.steps[starts],
        health.steps[np.minimum(starts + together, count) - 1],
        np.fmax.reduceat(health.values, starts, axis=2),
        np.fmax.reduceat(health.loss, starts),
        count,
        together,
        health.every,
        marks(health),
        health.notes,
    )
