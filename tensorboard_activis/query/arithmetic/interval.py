"""Confidence intervals for the mean, estimated from the sample."""

import numpy as np

_Z = 1.959963984540054


def t_quantile(degrees: np.ndarray) -> np.ndarray:
    """The 97.5 % quantile of Student's t, float64 of the shape of `degrees`: exact for 1 and 2, within 1 % from 3 on, NaN for none.

    Source: Cornish-Fisher expansion (Abramowitz and Stegun, 26.7.5).
    """
    z = _Z
    with np.errstate(divide="ignore", invalid="ignore"):
        v = np.asarray(degrees, dtype=np.float64)
        quantile = (
            z
            + (z**3 + z) / (4 * v)
            + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
            + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        )
    quantile = np.where(v == 1, 12.706204736, np.where(v == 2, 4.302652730, quantile))
    return np.where(v < 1, np.nan, quantile)


def half_width(std: np.ndarray, n: np.ndarray, share: float) -> np.ndarray:
    """Half of the 95 % interval of a mean, of the shape of `std`: NaN from fewer than two values, 0 when all were seen.

    Arguments:
        std: population deviation of the sample.
        n: values in the sample, of a shape that fits `std`.
        share: the part of all instances that the sample was drawn from, 0 to 1.
    """
    if share >= 1:
        return np.zeros_like(std, dtype=np.float64)
    n = np.asarray(n, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = std / np.sqrt(n - 1) * np.sqrt(1 - share)
        return np.where(n >= 2, t_quantile(n - 1) * error, np.nan)
