"""What stands out in training health: rules over all measured steps, each mark one sentence with its numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from tensorboard_activis.query.contract import Records
from tensorboard_activis.query.health.measures import called, shown
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.health import Health

MarkKind: TypeAlias = Literal["jump", "not-finite", "exploding", "vanishing", "dead", "expert-collapse"]

#: A jump is over this many times the layer's median, an update also over this share of the weight.
JUMP, UPDATE = 20.0, 0.05
#: A jump of the gradient is also over this many times what nine of ten steps do not reach.
_ABOVE_USUAL = 3.0
#: Of fewer measured steps, medians say little.
LEAST_STEPS = 20
#: Measured steps that one mark may have between two steps at which its rule holds, and that a state must last.
_GAP, _LASTING = 5, 10
#: Activations explode where their root mean square is at least this, and this many times the median.
_LARGE, _GROWN = 10.0, 10.0
#: A gradient vanishes below this share of that of the layer with the largest one.
VANISHING = 1e-6
#: Dead neurons become more: by this share of the layer's.
_MORE_DEAD = 0.05
_MOST_MARKS = 100


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that stands out in training health.

    Attributes:
        kind: the rule.
        title: in a few words.
        sentence: what was counted, and the rule.
        measure: name of the measure that it was seen in.
        layers: names of the layers, in the order in which they run.
        first: the first training step at which it was measured.
        last: the last one; that of the run where it still holds.
    """

    kind: MarkKind
    title: str
    sentence: str
    measure: str
    layers: tuple[str, ...]
    first: int
    last: int


def marks(health: Health) -> Records[Mark]:
    """All marks of a run, by their first step; at most a hundred, those of most layers."""
    found: list[Mark] = []
    for rule in (_not_finite, _jumps, _exploding, _vanishing, _dead, _collapsed):
        check_time()
        found += rule(health)
    found = sorted(found, key=lambda mark: -len(mark.layers))[:_MOST_MARKS]
    return Records(Mark, sorted(found, key=lambda mark: mark.first))


def _rows(health: Health, measure: str) -> np.ndarray | None:
    """One measure, float32 [layers, steps]; None where it was not measured."""
    if measure not in health.measures or not health.steps.size:
        return None
    rows: np.ndarray = health.values[health.measures.index(measure)]
    return rows


def _medians(rows: np.ndarray) -> np.ndarray:
    """Of each layer's finite values, float32 [layers]; NaN of fewer than `LEAST_STEPS`."""
    medians = np.full(len(rows), np.nan, np.float32)
    for index, row in enumerate(rows):
        finite = row[np.isfinite(row)]
        if finite.size >= LEAST_STEPS:
            medians[index] = np.median(finite)
    return medians


def _stretches(steps: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last index of the stretches in which bool [steps] is true, with at most `_GAP` others between two."""
    at = np.flatnonzero(steps)
    if at.size:
        breaks = np.flatnonzero(np.diff(at) > _GAP + 1)
        yield from zip(at[np.r_[0, breaks + 1]].tolist(), at[np.r_[breaks, at.size - 1]].tolist(), strict=True)


def _not_finite(health: Health) -> Iterator[Mark]:
    for measure in health.measures:
        rows = _rows(health, measure)
        if rows is None:
            continue
        bad = np.isinf(rows)
        for start, end in _stretches(bad.any(axis=0)):
            layers = np.flatnonzero(bad[:, start : end + 1].any(axis=1))
            first = np.flatnonzero(bad[:, start])
            yield Mark(
                "not-finite",
                f"Not finite: {called(measure)}, {_of(health, layers)}",
                f"At step {health.steps[start]:,} the {called(measure)} of {_named(health, first)} was NaN or infinite.",
                measure,
                _names(health, layers),
                int(health.steps[start]),
                int(health.steps[end]),
            )


def _jumps(health: Health) -> Iterator[Mark]:
    for measure in ("update_ratio", "gradient_norm"):
        rows = _rows(health, measure)
        if rows is None:
            continue
        medians = _medians(rows)
        # The first steps are larger than all others in most trainings.
        usual = medians * JUMP
        usual = np.maximum(usual, UPDATE) if measure == "update_ratio" else np.fmax(usual, _ABOVE_USUAL * _most(rows))
        with np.errstate(invalid="ignore"):
            high = np.isfinite(rows) & (rows > usual[:, None])
        high[:, : min(_GAP, rows.shape[1])] = False
        for start, end in _stretches(high.any(axis=0)):
            yield _jump(health, measure, rows, medians, high, start, end)


def _most(rows: np.ndarray) -> np.ndarray:
    """What nine of ten finite values of a layer do not exceed."""
    found = np.full(len(rows), np.nan, np.float32)
    for index, row in enumerate(rows):
        finite = row[np.isfinite(row)]
        if finite.size:
            found[index] = np.quantile(finite, 0.9)
    return found


def _jump(
    health: Health, measure: str, rows: np.ndarray, medians: np.ndarray, high: np.ndarray, start: int, end: int
) -> Mark:
    within = np.where(high[:, start : end + 1], rows[:, start : end + 1], -1)
    layer = int(within.max(axis=1).argmax())
    largest, median = float(within[layer].max()), float(medians[layer])
    rule = (
        f"Marked: over {UPDATE}, and over {JUMP:.0f} times the layer's median."
        if measure == "update_ratio"
        else f"Marked: over {JUMP:.0f} times the layer's median, and over {_ABOVE_USUAL:.0f} times what nine of ten steps "
        "do not exceed."
    )
    times = f"is {shown(largest / median)} times its median" if median > 0 else "has a median of 0"
    layers = np.flatnonzero(high[:, start : end + 1].any(axis=1))
    return Mark(
        "jump",
        f"Jump at step {health.steps[start]:,} {_in(health, layers)}",
        f"The largest {called(measure)}, {shown(largest)} in {_names(health, [layer])[0]}, {times}. {rule}",
        measure,
        _names(health, layers),
        int(health.steps[start]),
        int(health.steps[end]),
    )


def _exploding(health: Health) -> Iterator[Mark]:
    rows = _rows(health, "activation_rms")
    if rows is None:
        return
    medians = _medians(rows)
    with np.errstate(invalid="ignore"):
        high = np.isfinite(rows) & (rows >= _LARGE) & (rows >= _GROWN * medians[:, None])
    for start, end in _stretches(high.any(axis=0)):
        within = np.where(high[:, start : end + 1], rows[:, start : end + 1], -1)
        layer = int(within.max(axis=1).argmax())
        largest = float(within[layer].max())
        layers = np.flatnonzero(high[:, start : end + 1].any(axis=1))
        yield Mark(
            "exploding",
            f"Activations explode at step {health.steps[start]:,} {_in(health, layers)}",
            f"The largest root mean square, {shown(largest)} in {_names(health, [layer])[0]}, is "
            f"{_times(largest, float(medians[layer]))}. Marked: at least {_LARGE:.0f}, and {_GROWN:.0f} times the median.",
            "activation_rms",
            _names(health, layers),
            int(health.steps[start]),
            int(health.steps[end]),
        )


def _vanishing(health: Health) -> Iterator[Mark]:
    rows = _rows(health, "gradient_norm")
    if rows is None or rows.shape[1] < _LASTING:
        return
    finite = np.where(np.isfinite(rows), rows, np.nan)
    largest = np.fmax.reduce(finite, axis=0)
    with np.errstate(invalid="ignore"):
        # A frozen layer has no gradient: NaN.
        low = (finite <= VANISHING * largest[None, :]) & (largest > 0)
    by_time: dict[tuple[int, int], list[int]] = {}
    for layer, row in enumerate(low):
        for start, end in _stretches(row):
            if row[start : end + 1].sum() >= _LASTING:
                by_time.setdefault((start, end), []).append(layer)
    for (start, end), layers in by_time.items():
        values = finite[layers, start : end + 1]
        yield Mark(
            "vanishing",
            f"No gradient reaches {_of(health, layers)} from step {health.steps[start]:,}",
            f"The gradient norm is at most {shown(float(np.nanmax(values)))}, less than a millionth of the largest of all "
            f"layers, at {int(low[layers[0], start : end + 1].sum()):,} measured steps.",
            "gradient_norm",
            _names(health, layers),
            int(health.steps[start]),
            int(health.steps[end]),
        )


def _dead(health: Health) -> Iterator[Mark]:
    rows = _rows(health, "dead_share")
    if rows is None or rows.shape[1] < LEAST_STEPS:
        return
    for layer, row in enumerate(rows):
        check_time()
        at = np.flatnonzero(np.isfinite(row))
        if at.size < LEAST_STEPS:
            continue
        rise = _rise(row[at])
        if rise is None:
            continue
        index, before, after = rise
        (name,), step = _names(health, [layer]), int(health.steps[at[index]])
        yield Mark(
            "dead",
            f"More of {name} is silent from step {step:,}",
            f"{100 * before:.0f} % of its neurons are silent over a whole batch before, {100 * after:.0f} % after (medians).",
            "dead_share",
            (name,),
            step,
            int(health.steps[-1]),
        )


def _rise(shares: np.ndarray) -> tuple[int, float, float] | None:
    """Where a share rises for good: index, and the medians before and after; None where it does not.

    Of all places with ten values on both sides the one at which the medians of these differ most.
    """
    if shares.size < 2 * _LASTING:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(shares, _LASTING)
    medians = np.median(windows, axis=1)
    rises = medians[_LASTING:] - medians[:-_LASTING]
    # Of equal rises the middle one: a window that is half before has the same median as one that is all before.
    best = np.flatnonzero(rises >= rises.max() - 1e-6)
    index = int(best[best.size // 2]) + _LASTING
    before, after = float(np.median(shares[:index])), float(np.median(shares[index:]))
    lasting = float(np.median(shares[-_LASTING:]))
    return (index, before, after) if after - before >= _MORE_DEAD <= lasting - before else None


def _collapsed(health: Health) -> Iterator[Mark]:
    rows = _rows(health, "expert_load")
    if rows is None:
        return
    for index, layer in enumerate(health.layers):
        if not 0 < layer.chosen < layer.experts:
            continue
        even = layer.chosen / layer.experts
        bound = (even + 1) / 2
        with np.errstate(invalid="ignore"):
            high = np.isfinite(rows[index]) & (rows[index] >= bound)
        for start, end in _stretches(high):
            if high[start : end + 1].sum() < _LASTING:
                continue
            largest = float(np.nanmedian(rows[index, start : end + 1]))
            yield Mark(
                "expert-collapse",
                f"One expert of {layer.name} gets most tokens from step {health.steps[start]:,}",
                f"{100 * largest:.0f} % of the tokens go to the busiest of {layer.experts} experts (median); "
                f"{100 * even:.0f} % would be even. Marked: from {100 * bound:.0f} %.",
                "expert_load",
                (layer.name,),
                int(health.steps[start]),
                int(health.steps[end]),
            )


def _times(value: float, median: float) -> str:
    return f"{shown(value / median)} times its median" if median > 0 else "above a median of 0"


def _names(health: Health, layers: Sequence[int] | np.ndarray) -> tuple[str, ...]:
    return tuple(health.layers[int(layer)].name for layer in layers)


def _of(health: Health, layers: Sequence[int] | np.ndarray) -> str:
    if len(layers) == 1:
        return _names(health, layers)[0]
    return f"all {len(layers):,} layers" if len(layers) == len(health.layers) else f"{len(layers):,} layers"


def _in(health: Health, layers: Sequence[int] | np.ndarray) -> str:
    return f"in {_of(health, layers)}"


def _named(health: Health, layers: Sequence[int] | np.ndarray) -> str:
    names = _names(health, layers)
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more layers" if len(names) > 3 else "")
