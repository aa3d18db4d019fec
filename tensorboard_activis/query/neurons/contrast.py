"""Compares an instance with its own class and with the predicted one, to explain a wrong prediction by neurons."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.query.arithmetic.effects import effect_size

SHOWN = 6
#: A neuron whose spread is below this share of the layer's largest has next to none: any value would look far away.
LEAST_SPREAD = 0.02


@dataclass(frozen=True, slots=True)
class ClassStatistics:
    """A class over a layer: mean and population deviation [neurons], and the number of instances."""

    mean: np.ndarray
    std: np.ndarray
    n: int


@dataclass(frozen=True, slots=True)
class Contrast:
    """Indices of neurons, the most telling first, and every neuron's z within either class, float64 [neurons]."""

    far_from_own: np.ndarray
    sides_with_predicted: np.ndarray
    z_own: np.ndarray
    z_predicted: np.ndarray


def contrast(values: np.ndarray, own: ClassStatistics, predicted: ClassStatistics, shown: int = SHOWN) -> Contrast:
    """Compares one instance with two classes.

    `far_from_own` is ordered by |z| within the own class. `sides_with_predicted` holds neurons with |z| at most 1 in the
    predicted class, at least 1 in its own, and |d| of the two classes at least 1, ordered by |d|. Neurons with next to no spread
    in either class are left out.

    Arguments:
        values: the instance's activations [neurons].
    """
    values = values.astype(np.float64)
    floor = LEAST_SPREAD * float(np.nanmax(np.concatenate([own.std, predicted.std, [0.0]])))
    usable = (own.std > max(floor, 1e-12)) & (predicted.std > max(floor, 1e-12)) & np.isfinite(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        z_own = np.where(usable, (values - own.mean) / own.std, np.nan)
        z_predicted = np.where(usable, (values - predicted.mean) / predicted.std, np.nan)
    neurons = len(values)
    d = effect_size(
        np.stack([own.mean, predicted.mean]).astype(np.float64),
        np.stack([own.std, predicted.std]).astype(np.float64),
        np.stack([np.full(neurons, own.n), np.full(neurons, predicted.n)]),
    )
    far = _largest(np.where(usable, np.abs(z_own), np.nan), shown)
    sides = usable & (np.abs(z_predicted) <= 1) & (np.abs(z_own) >= 1) & (np.abs(d) >= 1)
    return Contrast(far, _largest(np.where(sides, np.abs(d), np.nan), shown), z_own, z_predicted)


def _largest(keys: np.ndarray, count: int) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(keys))
    return known[np.argsort(-keys[known], kind="stable")][:count]
