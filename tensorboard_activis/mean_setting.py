"""What it is to set a neuron to its mean: one rule, for what is estimated and for what is tried."""

import numpy as np

#: A neuron that has positions is scaled to its mean, where the factor is from 0 to this; else it is shifted.
MOST_SCALED = 10.0


def setting(activations: np.ndarray, means: np.ndarray, *, positions: bool) -> tuple[np.ndarray, np.ndarray]:
    """The factor and the shift that take neurons to their means, so that a neuron becomes `factor * output + shift`.

    A neuron of a layer without positions is shifted, which gives the mean exactly. One with positions is scaled at all of them, so
    that what is off stays off: shifting a whole map puts activity where there was none, and corrects few errors. Where it cannot
    be scaled, because it is 0, has the other sign or would become more than ten times as large, it is shifted as well.

    Arguments:
        activations: after reduction, [instances, neurons].
        means: that they are set to, of a shape that broadcasts to the same; where one is NaN or infinite, nothing is changed.
        positions: whether the layer's output has any.

    Returns:
        factor, shift: float32 [instances, neurons]. The estimated change of a margin is
            `(factor - 1) * product + shift * gradient`.
    """
    now, then = np.broadcast_arrays(np.asarray(activations, np.float64), np.asarray(means, np.float64))
    known = np.isfinite(now) & np.isfinite(then)
    factor = np.ones(now.shape)
    if positions:
        ratio = np.divide(then, now, out=np.full(now.shape, -1.0), where=known & (now != 0))
        factor = np.where((ratio >= 0) & (ratio <= MOST_SCALED), ratio, 1.0)
    shift = np.zeros(now.shape)
    np.subtract(then, now, out=shift, where=known & (factor == 1))
    return factor.astype(np.float32), shift.astype(np.float32)
