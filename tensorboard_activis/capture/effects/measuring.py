"""Measures the effects of neurons on errors at the end of an evaluation: by gradients, and by setting neurons and running again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.distributed.serialization import deserialize, serialize
from tensorboard_activis.capture.effects.errors import ChosenErrors, KeptErrors
from tensorboard_activis.capture.effects.rerun import Rerun, Setting
from tensorboard_activis.effects_codec import TRIED_NEURONS
from tensorboard_activis.mean_setting import setting

#: How many of the surest errors of a snapshot are tried.
MOST_TRIED = 32
#: A margin that differs by more than this part of it, and of 1, when an instance is run again, is that of something else.
_TOLERANCE = 0.05


@dataclass(frozen=True)
class EffectPlan:
    """What is measured: of at most this share of all instances, by gradients, and whether neurons are tried as well."""

    share: float
    tried: bool

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "EffectPlan | None":
        """What the options of a face ask for; None: nothing."""
        if options["effects"] is None:
            return None
        return cls(float(options["effects_share"]), options["effects"] == "tried")


@dataclass(frozen=True)
class MeasuredLayer:
    """A layer whose effects are measured.

    Attributes:
        name: of it.
        neurons: how many there are.
        positions: whether its output has any, so that neurons are scaled to their mean.
        means: gives the means of neurons over the classes of these indices, int64 [n], as float [n, neurons].
    """

    name: str
    neurons: int
    positions: bool
    means: Callable[[np.ndarray], np.ndarray]


@dataclass
class Measured:
    """Effects on errors: of this process, or of all.

    Attributes:
        hashes: of the errors, uint64 [errors], ascending.
        wrong: how many kept instances are wrong, in all processes.
        gradients: by layer (gradient, product), float32 [errors, neurons].
        tried: hashes of the errors that were tried, uint64 [tried], ascending; before: their margins, float32 [tried].
        settings: by layer (neurons int32 [tried, 5], alone float32 [tried, 5], together float32 [tried]).
        failures: by layer without gradients, why it has none.
    """

    hashes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    wrong: int = 0
    gradients: dict[str, tuple[np.ndarray, ...]] = field(default_factory=dict)
    tried: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    before: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    settings: dict[str, tuple[np.ndarray, ...]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def measure(
    options: EffectPlan,
    errors: KeptErrors,
    order: np.ndarray,
    seen: int,
    layers: Sequence[MeasuredLayer],
    probabilities: bool,
    processes: Processes,
) -> tuple[Measured, list[str]]:
    """The effects on the errors of the sample, in all processes, which call this together; complete in the first.

    Arguments:
        options: what is measured.
        errors: those of this process.
        order: hashes of the sample over all processes, uint64 [instances], ascending.
        seen: number of instances of the evaluation, in all processes.
        layers: that are recorded.
        probabilities: whether the model gives probabilities.

    Returns:
        The effects, and notes for the snapshot.
    """
    wrong = _everywhere(processes, errors.wrong(), order)
    runnable = _everywhere(processes, errors.runnable(), order)
    most = max(1, int(options.share * seen))
    chosen = errors.chosen(runnable[:most])
    measured, problem, others = _gradients(errors.rerun, chosen, layers, probabilities)
    problems = _texts(processes, [problem] if problem else [])
    unlike = int(processes.sum(np.array([others]))[0])
    if options.tried:
        surest = _surest(processes, measured, chosen)
        _try(errors.rerun, chosen, surest, measured, layers, probabilities, problems)
    failures = _texts(processes, [f"{name}\n{why}" for name, why in measured.failures.items()])
    measured = _merged(processes, measured, layers)
    measured.wrong = wrong.size
    measured.failures = dict(text.split("\n", 1) for text in failures)
    counts = processes.sum(np.array([errors.undivided, errors.given_up], np.int64))
    notes = _notes(options, measured, wrong.size, runnable.size, most, seen, unlike, counts.tolist(), problems)
    return measured, notes


def _gradients(
    rerun: Rerun | None, chosen: ChosenErrors, layers: Sequence[MeasuredLayer], probabilities: bool
) -> tuple[Measured, str, int]:
    """Effects by gradients, what went wrong, and how many errors have another margin now, which are left out."""
    measured = Measured()
    if rerun is None or not chosen.hashes.size:
        return measured, "", 0
    try:
        found = rerun.gradients(chosen.parts, chosen.labels, probabilities=probabilities)
    except Exception as error:  # the model's own, or ours: it costs the effects alone
        return measured, f"{type(error).__name__}: {error}".splitlines()[0][:300], 0
    with np.errstate(invalid="ignore"):
        same = np.abs(found.margins - chosen.margins) <= _TOLERANCE * (1 + np.abs(chosen.margins))
    measured.hashes, measured.failures = chosen.hashes[same], dict(found.failures)
    known = {layer.name: layer for layer in layers}
    for name, arrays in found.layers.items():
        if name in known:
            measured.gradients[name] = tuple(np.asarray(each, np.float32)[same] for each in arrays)
    return measured, "", int((~same).sum())


def _surest(processes: Processes, measured: Measured, chosen: ChosenErrors) -> np.ndarray:
    """Hashes of the errors of lowest margin, in all processes, ascending."""
    own = chosen.take(np.flatnonzero(np.isin(chosen.hashes, measured.hashes)))
    pairs = [np.frombuffer(data, np.uint64) for data in processes.all_gather(own.hashes.tobytes())]
    values = [np.frombuffer(data, np.float64) for data in processes.all_gather(own.margins.tobytes())]
    surest = np.argsort(np.concatenate(values), kind="stable")[:MOST_TRIED]
    return np.sort(np.concatenate(pairs)[surest])


def _try(
    rerun: Rerun | None,
    chosen: ChosenErrors,
    surest: np.ndarray,
    measured: Measured,
    layers: Sequence[MeasuredLayer],
    probabilities: bool,
    problems: list[str],
) -> None:
    """Sets neurons of the surest errors of this process to their mean over the label's class, and runs the model again."""
    own = chosen.take(np.flatnonzero(np.isin(chosen.hashes, surest)))
    measured.tried, measured.before = own.hashes, own.margins.astype(np.float32)
    if rerun is None or not own.hashes.size:
        return
    rows = np.searchsorted(measured.hashes, own.hashes)
    for layer in layers:
        if layer.name not in measured.gradients:
            continue
        gradient, product, activations = (each[rows] for each in measured.gradients[layer.name])
        factor, shift = setting(activations, layer.means(own.labels), positions=layer.positions)
        neurons = _strongest((factor - 1) * product + shift * gradient)
        try:
            measured.settings[layer.name] = _set(rerun, own, layer.name, neurons, factor, shift, probabilities)
        except Exception as error:
            problems.append(f"{layer.name}: {type(error).__name__}: {error}".splitlines()[0][:300])


def _strongest(change: np.ndarray) -> np.ndarray:
    """The neurons of largest positive change, int32 [errors, 5]; -1 behind the last."""
    change = np.nan_to_num(change, nan=-np.inf, posinf=-np.inf)
    order = np.argsort(-change, axis=1, kind="stable")[:, :TRIED_NEURONS]
    best = np.where(np.take_along_axis(change, order, axis=1) > 0, order, -1)
    width = TRIED_NEURONS - best.shape[1]
    return np.pad(best, ((0, 0), (0, width)), constant_values=-1).astype(np.int32)


def _set(
    rerun: Rerun,
    errors: ChosenErrors,
    layer: str,
    neurons: np.ndarray,
    factor: np.ndarray,
    shift: np.ndarray,
    probabilities: bool,
) -> tuple[np.ndarray, ...]:
    """What becomes of the margins: neurons int32 [errors, 5], after each float32 [errors, 5], after all float32 [errors]."""
    count, k = neurons.shape
    repeated = np.repeat(np.arange(count), k + 1)  # each alone, then all together
    factors, shifts = (
        np.ones((count, k + 1, factor.shape[1]), np.float32),
        np.zeros((count, k + 1, factor.shape[1]), np.float32),
    )
    for place in range(k):
        here = np.flatnonzero(neurons[:, place] >= 0)
        which = neurons[here, place]
        for column in (place, k):
            factors[here, column, which] = factor[here, which]
            shifts[here, column, which] = shift[here, which]
    change = Setting(layer, factors.reshape(count * (k + 1), -1), shifts.reshape(count * (k + 1), -1))
    again = errors.take(repeated)
    margins = rerun.margins(again.parts, again.labels, change, probabilities=probabilities).reshape(count, k + 1)
    alone = np.where(neurons >= 0, margins[:, :k], np.nan)
    return neurons, alone.astype(np.float32), margins[:, k].astype(np.float32)


def _everywhere(processes: Processes, hashes: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Those of the hashes of all processes that are in the sample, ascending."""
    every = [np.frombuffer(data, np.uint64) for data in processes.all_gather(hashes.tobytes())]
    return np.intersect1d(np.concatenate(every), order)


def _texts(processes: Processes, texts: Sequence[str]) -> list[str]:
    """The texts of all processes, each once."""
    every = processes.all_gather("\0".join(texts).encode())
    return list(dict.fromkeys(text for data in every for text in data.decode().split("\0") if text))


def _merged(processes: Processes, own: Measured, layers: Sequence[MeasuredLayer]) -> Measured:
    """The effects of all processes, in the first one; in the others nothing."""
    if processes.size == 1:
        return own
    sent: dict[str, Any] = {"hashes": own.hashes, "tried": own.tried, "before": own.before}
    sent |= {"gradients": {name: list(arrays) for name, arrays in own.gradients.items()}}
    sent |= {"settings": {name: list(arrays) for name, arrays in own.settings.items()}}
    data = serialize(sent)
    parts = [deserialize(each) for each in processes.all_to_all([data] + [serialize(None)] * (processes.size - 1))]
    if processes.rank:
        return Measured()
    hashes, tried, before = (np.concatenate([part[name] for part in parts]) for name in ("hashes", "tried", "before"))
    order, tried_order = np.argsort(hashes, kind="stable"), np.argsort(tried, kind="stable")

    def joined(kind: str, count: str, order: np.ndarray, empty: Callable[[int, int], tuple[np.ndarray, ...]]) -> Any:
        found = {}
        for layer in layers:
            if any(layer.name in part[kind] for part in parts):
                every = [part[kind].get(layer.name) or empty(part[count].size, layer.neurons) for part in parts]
                found[layer.name] = tuple(np.concatenate(each)[order] for each in zip(*every, strict=True))
        return found

    gradients = joined("gradients", "hashes", order, _no_gradients)
    settings = joined("settings", "tried", tried_order, _no_settings)
    return Measured(hashes[order], 0, gradients, tried[tried_order], before[tried_order], settings)


def _no_gradients(errors: int, neurons: int) -> tuple[np.ndarray, ...]:
    return tuple(np.full((errors, neurons), np.nan, np.float32) for _ in range(3))


def _no_settings(errors: int, neurons: int) -> tuple[np.ndarray, ...]:
    shape = (errors, TRIED_NEURONS)
    return np.full(shape, -1, np.int32), np.full(shape, np.nan, np.float32), np.full(errors, np.nan, np.float32)


def _notes(
    options: EffectPlan,
    measured: Measured,
    wrong: int,
    runnable: int,
    most: int,
    seen: int,
    unlike: int,
    counts: Sequence[int],
    problems: Sequence[str],
) -> list[str]:
    undivided, given_up = counts
    notes = []
    if runnable > most:
        notes.append(
            f"Effects are of {most:,} of {wrong:,} kept wrong instances, the first of the sample: effects_share="
            f"{options.share:g} of {seen:,} instances."
        )
    if undivided:
        notes.append(
            f"{undivided:,} wrong instances have no effects: their batches cannot be divided into instances to be run again."
        )
    if given_up:
        notes.append("Some wrong instances have no effects: the inputs of all take more memory than is used for them.")
    if unlike:
        notes.append(
            f"{unlike:,} wrong instances have no effects: run again by themselves, the model gave them other scores, as where its "
            "weights were changed since, where it draws random numbers, or where instances of a batch influence each other."
        )
    if problems:
        notes.append(f"Effects could not be measured: run again, the model raised {'; '.join(problems[:3])}.")
    reasons: dict[str, list[str]] = {}
    for name, why in measured.failures.items():
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        notes.append(f"No effects of {shown}: {why}")
    return notes


def refusal(task: str | None, labelled: bool) -> str:
    """Why there are no margins, in words; "" if there are."""
    if task != "classification":
        return (
            "No effects were recorded: they are of classification with one label per instance, and the task is "
            f"{task or 'none'}."
        )
    return "" if labelled else "No effects were recorded: without labels no instance is known to be wrong."
