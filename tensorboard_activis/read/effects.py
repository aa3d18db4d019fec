"""Reads the effects of neurons on errors: by gradients, and as they were tried."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.files import COPY_AGAIN
from tensorboard_activis.mean_setting import setting
from tensorboard_activis.read.arrays import read_array
from tensorboard_activis.stores.path import Location


@dataclass(frozen=True)
class GradientEffects:
    """How a layer's neurons act on the margin of errors (the logit of the label minus the highest other), to first order.

    Attributes:
        rows: indices of kept instances that are wrong, ascending, int32 [errors]. The other arrays have a line for each.
        gradient: of the margin with respect to each neuron, summed over positions without padding, float32 [errors, neurons].
        product: gradient times activation, summed over positions likewise, float32 [errors, neurons]: what the neurons contribute
            to the margin, which is what to sum over errors of a subset.
        has_positions: whether the layer has any, so that neurons are scaled to their mean, and not set to it.
        wrong: number of kept wrong instances; there may be fewer errors here, because of `effects_share`.
    """

    rows: np.ndarray
    gradient: np.ndarray
    product: np.ndarray
    has_positions: bool
    wrong: int

    def change(self, activations: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Estimated change of each error's margin when a single neuron is set to its mean, float32 [errors, neurons].

        Arguments:
            activations: of the errors, [errors, neurons].
            means: that neurons are set to, over the class of the label: [errors, neurons], or [neurons] for all errors.
        """
        factor, shift = setting(activations, means, positions=self.has_positions)
        changed: np.ndarray = (factor - 1) * self.product + shift * self.gradient
        return changed


class TriedEffects(NamedTuple):
    """What became of the surest errors when the strongest neurons of a layer were set to their mean over the label's class.

    Attributes:
        rows: indices of kept instances, ascending, int32 [tried].
        neurons: those set, the strongest by gradient first, int32 [tried, 5]; -1 behind the last.
        before: the margin as the model gave it, float32 [tried].
        alone: after each of the neurons alone was set, float32 [tried, 5]; NaN behind the last.
        together: after all of them were, float32 [tried].
        corrected: whether the prediction then is the label, bool [tried].
    """

    rows: np.ndarray
    neurons: np.ndarray
    before: np.ndarray
    alone: np.ndarray
    together: np.ndarray
    corrected: np.ndarray


def read_gradient_effects(
    directory: Location, record: schema.Snapshot, layer: schema.Layer, activations: np.ndarray
) -> GradientEffects:
    """The effects of a layer's neurons by gradients; `activations` of the kept instances, float16 [instances, neurons].

    Raises:
        NotFoundError: they were not recorded.
        UnreadableError: a file is missing or damaged.
    """
    effects, one = _effects(record, layer)
    rows = _indices(directory, effects.instances, record)
    gradient = read_array(directory, one.gradient)
    stored = None if one.product is None else read_array(directory, one.product)
    product = gradient * activations[rows].astype(np.float32) if stored is None else stored
    return GradientEffects(rows, gradient, product, one.product is not None, effects.wrong)


def read_tried_effects(directory: Location, record: schema.Snapshot, layer: schema.Layer) -> TriedEffects:
    """What was tried in a layer. Raises as `read_gradient_effects`."""
    effects, one = _effects(record, layer)
    if effects.tried is None or effects.before is None or one.neurons is None:
        raise NotFoundError(
            f'No neurons of {layer.name!r:.80} were tried at step {record.step}. To try some, log with effects="tried".'
        )
    assert one.alone is not None
    assert one.together is not None
    neurons = read_array(directory, one.neurons)
    if neurons.size and (neurons.min() < -1 or neurons.max() >= layer.neurons):
        raise UnreadableError(
            f"Step {record.step} says that neurons {neurons.min()} to {neurons.max()} of layer {layer.name!r:.200} were tried; it "
            f"has neurons 0 to {layer.neurons - 1}. {COPY_AGAIN}"
        )
    together = read_array(directory, one.together)
    return TriedEffects(
        _indices(directory, effects.tried, record),
        neurons,
        read_array(directory, effects.before),
        read_array(directory, one.alone),
        together,
        together > 0,
    )


def _effects(record: schema.Snapshot, layer: schema.Layer) -> tuple[schema.Effects, schema.LayerEffects]:
    if record.effects_problem:
        raise UnreadableError(record.effects_problem)
    if record.effects is None or layer.name not in record.effects.layers:
        what = "" if record.effects is None else f" of the layer {layer.name!r:.80}"
        raise NotFoundError(
            f'No effects{what} were recorded at step {record.step}. To record some, log with effects="gradients" or "tried". '
            "If it was, the snapshot's notes say why they were left out."
        )
    return record.effects, record.effects.layers[layer.name]


def _indices(directory: Location, array: schema.Array, record: schema.Snapshot) -> np.ndarray:
    rows = read_array(directory, array)
    if rows.size and (rows.min() < 0 or rows.max() >= record.stored_instances or (np.diff(rows) <= 0).any()):
        raise UnreadableError(
            f"The effects of step {record.step} name instances that are not in ascending order, or not among the "
            f"{record.stored_instances:,} kept ones. {COPY_AGAIN}"
        )
    return rows
