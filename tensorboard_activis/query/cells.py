"""A matrix as bytes: enough to draw a thousand rows of 16,384 neurons, an eighth of what float32 and its company take."""

from dataclasses import dataclass

import numpy as np

from tensorboard_activis.errors import QueryError

#: Statistics that may be drawn.
STATISTICS = ("mean", "std", "max", "active")
_STEPS = 254


@dataclass(frozen=True, slots=True)
class Cells:
    """`values` uint8: 0 where nothing is known, else 1 at `low` to 255 at `high`; what lies outside is drawn as the end."""

    values: np.ndarray
    low: float
    high: float


def to_bytes(values: np.ndarray, bounds: tuple[float, float] | None = None) -> Cells:
    """Scaled linearly between the bounds, to the nearest of 255 steps.

    Arguments:
        values: of any shape; NaN is what is not known.
        bounds: lowest and highest; those of the finite values when None.
    """
    known = np.isfinite(values)
    if bounds is None:
        some = known.any()
        bounds = (float(values[known].min()), float(values[known].max())) if some else (0.0, 0.0)
    low, high = bounds
    scale = _STEPS / (high - low) if high > low else 0.0
    steps = np.clip(np.rint((np.where(known, values, low).astype(np.float64) - low) * scale), 0, _STEPS)
    return Cells(np.where(known, steps + 1, 0).astype(np.uint8), low, high)


def parse_window(window: object, neurons: int) -> slice:
    """A window of the columns in sorted order, from JSON `[start, stop]`; all when None. Raises QueryError."""
    if window is None:
        return slice(0, neurons)
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
