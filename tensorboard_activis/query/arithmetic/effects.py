"""Effect sizes and significance tests between two sets of instances, for every neuron."""

import math

import numpy as np

#: Degrees of freedom from which Wallace's approximation of Student's t is as good as the incomplete beta function.
_MANY = 10_000.0
_TERMS = 400


def effect_size(mean: np.ndarray, std: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Hedges' g of two sets: (mean A − mean B) ÷ pooled standard deviation, corrected for few instances, float64 [neurons].

    Cohen's d with the pooled deviation, times the factor that makes it unbiased: 0.87 with 8 instances, 0.99 with 80.

    Arguments:
        mean, std, count: [2, neurons], population deviations.

    NaN where the deviation is zero or unknown (two single instances), but the means differ.
    Source: Hedges, "Distribution theory for Glass's estimator of effect size and related estimators", 1981.
    """
    difference = mean[0] - mean[1]
    degrees = count[0] + count[1] - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        # The sums of squares, n times the population's variance, over the degrees of freedom.
        pooled = np.sqrt((count[0] * std[0] ** 2 + count[1] * std[1] ** 2) / degrees)
        effect = difference / pooled * correction(degrees)
    spread = np.isfinite(pooled) & (pooled > 1e-6 * np.maximum(np.abs(mean).max(axis=0), 1e-30))
    return np.where(spread, effect, np.where(difference == 0, 0.0, np.nan))


def correction(degrees: np.ndarray) -> np.ndarray:
    """Hedges' small-sample correction of each of the degrees of freedom, float64 of their shape, such as [neurons].

    Exact: Γ(m/2) ÷ (√(m/2) Γ((m − 1)/2)) for m degrees of freedom; 0 for one, NaN for none.
    """
    degrees = np.asarray(degrees)
    known, places = np.unique(degrees, return_inverse=True)
    return np.array([_correction(float(one)) for one in known])[places].reshape(degrees.shape)


def _correction(degrees: float) -> float:
    if not degrees >= 1:
        return math.nan
    if degrees < 2:
        return 0.0
    return math.exp(math.lgamma(degrees / 2) - math.lgamma((degrees - 1) / 2)) / math.sqrt(degrees / 2)


def welch(mean: np.ndarray, std: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Two-sided p value of Welch's t test for the difference of two means, float64 [neurons].

    Arguments:
        mean, std, count: [2, neurons], population deviations.

    NaN where a set has fewer than two values, or neither spreads.
    Source: Welch, "The generalization of 'Student's' problem when several different population variances are involved", 1947.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.where(count >= 2, std.astype(np.float64) ** 2 / (count - 1), np.nan)  # squared, of the means
        total = errors.sum(axis=0)
        t = (mean[0] - mean[1]) / np.sqrt(total)
        degrees = total**2 / (errors**2 / (count - 1)).sum(axis=0)
    return student(t, degrees)


def student(t: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Two-sided tail of Student's t, float64 of the shape of `t`, such as [neurons]; NaN where an argument is not finite.

    Degrees of freedom, of the same shape, need not be whole.

    Sources: Numerical Recipes, 6.4 (the incomplete beta function); Wallace, "Bounds on normal approximations to Student's and the
    chi-square distributions", 1959.
    """
    known = np.isfinite(t) & np.isfinite(degrees) & (degrees > 0)
    p = np.full(np.shape(t), np.nan)
    many = known & (degrees > _MANY)
    few = known & ~many
    square, v = t[many] ** 2, degrees[many]
    z = np.sqrt(v * np.log1p(square / v)) * (8 * v + 1) / (8 * v + 3)
    p[many] = [math.erfc(value / math.sqrt(2)) for value in z]
    p[few] = _beta_tail(degrees[few] / 2, t[few] ** 2 / degrees[few])
    return p


def _beta_tail(a: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """The regularised incomplete beta function at x = 1 ÷ (1 + ratio), with a and ½."""
    x, rest = 1 / (1 + ratio), ratio / (1 + ratio)
    gammas = np.array([math.lgamma(one + 0.5) - math.lgamma(one) for one in a]) - math.lgamma(0.5)
    with np.errstate(divide="ignore"):
        front = np.exp(gammas - a * np.log1p(ratio) + 0.5 * np.log(rest))
    direct = x < (a + 1) / (a + 2.5)
    half = np.full_like(a, 0.5)
    fraction = _fraction(np.where(direct, a, half), np.where(direct, half, a), np.where(direct, x, rest))
    with np.errstate(invalid="ignore"):
        tail = np.where(direct, front * fraction / a, 1 - front * fraction / half)
    return np.clip(np.where(ratio == 0, 1.0, tail), 0, 1)


def _fraction(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    least = 1e-300
    c = np.ones_like(x)
    d = 1 / _not_zero(1 - (a + b) * x / (a + 1), least)
    fraction = d.copy()
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _not_zero(1 + term * d, least)
            c = _not_zero(1 + term / c, least)
            fraction *= c * d
        if np.all(np.abs(c * d - 1) < 1e-12):
            break
    return fraction


def _not_zero(values: np.ndarray, least: float) -> np.ndarray:
    return np.where(np.abs(values) < least, least, values)


def discovery_rates(p: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg's q of each p, both float64 [tests]: the share of false findings among all that are at least as sure.

    NaN stays NaN, and counts as no test.

    Source: Benjamini, Hochberg, "Controlling the false discovery rate", 1995.
    """
    known = np.flatnonzero(np.isfinite(p))
    falling = known[np.argsort(-p[known], kind="stable")]
    scaled = p[falling] * len(known) / np.arange(len(known), 0, -1)
    rates = np.full(p.shape, np.nan)
    rates[falling] = np.minimum.accumulate(np.minimum(scaled, 1))
    return rates
