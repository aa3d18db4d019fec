"""Quantizes a matrix to one byte per value for drawing, an eighth of the size of the exact answer."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import QueryError

_STEPS = 254
#: Differences outside of these would overflow float32, or vanish in it.
_SMALL, _LARGE = 1e-30, 1e38


@dataclass(frozen=True, slots=True)
class Quantized:
    """`values` uint8: 0 where nothing is known, else 1 at `low` to 255 at `high`; what lies outside is drawn as the end."""

    values: np.ndarray
    low: float
    high: float


def to_bytes(values: np.ndarray, bounds: tuple[float, float] | None = None) -> Quantized:
    """Scaled linearly between the bounds, to the nearest of 255 steps.

    Arguments:
        values: of any shape; NaN is what is not known.
        bounds: lowest and highest; those of the finite values when None.
    """
    low, high = span(values) if bounds is None else bounds
    scale = _STEPS / (high - low) if high > low else 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.subtract(values, low, dtype=np.float32 if _SMALL < high - low < _LARGE else np.float64)
        np.multiply(steps, scale, out=steps)
        np.rint(steps, out=steps)
        np.clip(steps, 0, _STEPS, out=steps)
        np.add(steps, 1, out=steps)
    steps[~np.isfinite(values)] = 0
    return Quantized(steps.astype(np.uint8), low, high)


def span(values: np.ndarray) -> tuple[float, float]:
    """The lowest and highest finite value of an array of any shape; zeros without any."""
    low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
    if not (np.isfinite(low) and np.isfinite(high)):
        known = values[np.isfinite(values)]
        if not known.size:
            return 0.0, 0.0
        low, high = known.min(), known.max()
    return float(low), float(high)


def parse_window(window: object, neurons: int) -> slice | None:
    """A window of the columns in sorted order, from JSON `[start, stop]`; None for all. Raises QueryError."""
    if window is None:
        return None
    if (
        not isinstance(window, list)
        or len(window) != 2
        or not all(type(end) is int for end in window)
        or not 0 <= window[0] < window[1]
    ):
        raise QueryError(
            f"window must be [start, stop], positions among the {neurons} sorted neurons; got {window!r:.60}."
        )
    return slice(min(window[0], neurons), min(window[1], neurons))


def parse_bounds(bounds: object) -> tuple[float, float] | None:
    """Lowest and highest value from JSON `[low, high]`; None when missing. Raises QueryError."""
    if bounds is None:
        return None
    if (
        not isinstance(bounds, list)
        or len(bounds) != 2
        or not all(type(end) in (int, float) and abs(end) < 1e300 for end in bounds)
        or bounds[0] > bounds[1]
    ):
        raise QueryError(f"bounds must be [low, high], two numbers in this order; got {bounds!r:.60}.")
    return float(bounds[0]), float(bounds[1])
