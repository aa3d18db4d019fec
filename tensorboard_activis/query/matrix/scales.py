"""Colour scales of a matrix: standardized per neuron, by the range of each neuron, or raw values; with rounded ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.matrix.quantized import Quantized, to_bytes

ScaleKind: TypeAlias = Literal["z", "unit", "raw"]
KINDS: tuple[ScaleKind, ...] = ("z", "unit", "raw")
#: The end is a percentile of at most so many values, evenly taken.
_SAMPLED = 50_000
#: Values worked on at once: a few megabytes, however large the matrix is.
_AT_ONCE = 1 << 19
#: Rounding to float32 moves a value by at most 1e-7 of its distance from zero; and a factor that float32 holds.
_MOST_AWAY, _LARGEST = 1e3, 1e30
_LEADS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class ColourScale:
    """The colours of a matrix: from -`end` (signed) or 0 to `end`.

    Attributes:
        kind: "z" (deviations of a neuron over the rows), "unit" (its share of its range over the rows) or "raw".
        signed: whether colours go both ways from zero, else from zero up.
        end: where they end: the 99th percentile of the sizes, rounded up; 1 for "unit" and for shares.
        above: whether something lies beyond the upper end.
        below: whether something lies beyond the lower end.
        missing: how many values are not finite.
        all_zero: whether there is nothing but zeros.
    """

    kind: ScaleKind
    signed: bool
    end: float
    above: bool
    below: bool
    missing: int
    all_zero: bool


@dataclass(frozen=True, slots=True)
class Scale(ColourScale):
    """How values come onto the colours: (value - offset) * factor.

    Attributes:
        offset, factor: float64 [neurons]; None: 0 and 1.
    """

    offset: np.ndarray | None
    factor: np.ndarray | None

    @property
    def colours(self) -> ColourScale:
        """Without what only the server needs."""
        return ColourScale(*(getattr(self, field.name) for field in fields(ColourScale)))


def parse_scale(kind: str | None) -> ScaleKind | None:
    """One of KINDS or nothing. Raises QueryError."""
    if kind is None:
        return None
    for known in KINDS:
        if kind == known:
            return known
    raise QueryError(f"scale must be one of {', '.join(KINDS)}; got {kind!r:.40}.")


def scale_of(
    values: np.ndarray, kind: ScaleKind, reference: Sequence[int], *, signed: bool, end: float | None = None
) -> Scale:
    """The scale of one picture. What is not finite takes no part.

    Arguments:
        values: [rows, neurons].
        reference: rows that set the scale, so that a single instance does not change the colours of the others.
        signed: whether raw values go both ways from zero, even if none is below.
        end: of raw values, where it is known; else the 99th percentile of the sizes, rounded up.
    """
    offset, factor = {"z": _deviations, "unit": _ranges}.get(kind, _nothing)(values, reference)
    missing, lowest, highest = 0, np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    for rows in _blocks(values, np.arange(len(values))):
        block, unknown = _known(values[rows])
        missing += unknown
        lowest = np.fmin(lowest, np.fmin.reduce(block, axis=0))
        highest = np.fmax(highest, np.fmax.reduce(block, axis=0))
    # Each neuron's values keep their order on the scale.
    known = np.isfinite(lowest)
    low = _on_scale(lowest[None], offset, factor).min(initial=np.inf, where=known)
    high = _on_scale(highest[None], offset, factor).max(initial=-np.inf, where=known)
    size = max(np.abs(ends).max(initial=0, where=known) for ends in (lowest, highest))
    both = bool(kind == "z" or (kind == "raw" and (signed or low < 0)))
    if kind == "unit":
        last = 1.0
    elif kind == "raw" and end is not None:
        last = end
    else:
        last = round_end(_percentile(values, reference, offset, factor) or max(high, -low))
    near = last * (1 + 1e-6)
    all_zero = bool(missing == 0 and size == 0)
    return Scale(kind, both, last, bool(high > near), bool(both and low < -near), missing, all_zero, offset, factor)


def scaled_bytes(values: np.ndarray, scale: Scale) -> Quantized:
    """Values [rows, neurons] on the scale as bytes between its ends: 0 where nothing is known, 128 at zero where it is signed."""
    low = -scale.end if scale.signed else 0.0
    scaled = np.empty(values.shape, np.uint8)
    for rows in _blocks(values, np.arange(len(values))):
        scaled[rows] = to_bytes(_on_scale(values[rows], scale.offset, scale.factor), (low, scale.end)).values
    return Quantized(scaled, low, scale.end)


def round_end(value: float) -> float:
    """Up to a number that reads well: 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten; 1 for what is no size."""
    if not (value > 0) or not np.isfinite(value):
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(f"{next(lead for lead in _LEADS if lead * power >= value * (1 - 1e-9)) * power:.3g}")


def _blocks(values: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    step = max(1, _AT_ONCE // max(1, values.shape[1]))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _known(block: np.ndarray) -> tuple[np.ndarray, int]:
    """A block of values with NaN for all that is not finite, and how many these are."""
    finite = np.isfinite(block)
    unknown = finite.size - int(np.count_nonzero(finite))
    return (np.where(finite, block, np.nan) if unknown else block), unknown


def _on_scale(values: np.ndarray, offset: np.ndarray | None, factor: np.ndarray | None) -> np.ndarray:
    if offset is None or factor is None:
        return values
    with np.errstate(invalid="ignore", over="ignore"):
        if values.dtype == np.float32 and _fits(offset, factor):
            scaled = values - offset.astype(np.float32)
            scaled *= factor.astype(np.float32)
        else:
            scaled = (values - offset) * factor
    return scaled if np.isfinite(values).all() else np.where(np.isfinite(values), scaled, np.nan)


def _fits(offset: np.ndarray, factor: np.ndarray) -> bool:
    """Whether float32 is precise enough: no mean is so many deviations, or ranges, from zero that rounding it would show."""
    with np.errstate(invalid="ignore", over="ignore"):
        return bool((np.abs(offset * factor) < _MOST_AWAY).all() and (np.abs(factor) < _LARGEST).all())


def _nothing(values: np.ndarray, reference: Sequence[int]) -> tuple[None, None]:
    return None, None


def _deviations(values: np.ndarray, reference: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and 1 / deviation of each neuron over the rows; one without spread lies at zero everywhere."""
    total, squares, n = (np.zeros(values.shape[1]) for _ in range(3))
    rows = np.asarray(reference, int)
    for block in _blocks(values, rows):
        known, unknown = _known(values[block])
        if unknown:
            n += np.isfinite(known).sum(axis=0)
            total += np.nansum(known, axis=0, dtype=np.float64)
        else:
            n += len(block)
            total += known.sum(axis=0, dtype=np.float64)
    offset = np.divide(total, n, out=np.zeros_like(total), where=n > 0)
    for block in _blocks(values, rows):
        known, unknown = _known(values[block])
        away = known - offset
        squares += np.einsum("ij,ij->j", away, away) if not unknown else np.nansum(away**2, axis=0)
    deviation = np.sqrt(squares / np.maximum(n, 1))
    spread = (deviation > 1e-7 * np.abs(offset)) & (deviation > 0)
    return offset, np.divide(1, deviation, out=np.zeros_like(deviation), where=spread)


def _ranges(values: np.ndarray, reference: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Least value and 1 / range of each neuron over the rows."""
    low, high = np.full(values.shape[1], np.inf), np.full(values.shape[1], -np.inf)
    for block in _blocks(values, np.asarray(reference, int)):
        known = np.isfinite(values[block])
        low = np.minimum(low, values[block].min(axis=0, initial=np.inf, where=known))
        high = np.maximum(high, values[block].max(axis=0, initial=-np.inf, where=known))
    offset = np.where(np.isfinite(low), low, 0.0)
    spread = high > low
    return offset, np.divide(1, high - offset, out=np.zeros_like(offset), where=spread)


def _percentile(
    values: np.ndarray, reference: Sequence[int], offset: np.ndarray | None, factor: np.ndarray | None
) -> float:
    """The 99th percentile of the sizes on the scale, from an even sample where there are many."""
    neurons = values.shape[1]
    total = len(reference) * neurons
    rows, columns = np.divmod(np.arange(0, total, max(1, -(-total // _SAMPLED))), max(1, neurons))
    on = values[np.asarray(reference, int)[rows], columns]
    if offset is not None and factor is not None:
        with np.errstate(invalid="ignore"):
            on = (on - offset[columns]) * factor[columns]
    sizes = np.sort(np.abs(on[np.isfinite(on)]))
    return float(sizes[max(0, -(-len(sizes) * 99 // 100) - 1)]) if len(sizes) else 0.0
