"""Effects that were recorded while logging, on kept wrong instances: by gradients of the margin, and as they were tried."""

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.query.causes.estimate import Estimate, InstanceEffects, strongest
from tensorboard_activis.query.causes.logits import logits, margins
from tensorboard_activis.query.instances.classes import is_classes, label_values
from tensorboard_activis.read.effects import GradientEffects, TriedEffects
from tensorboard_activis.read.snapshot import SnapshotReader

Effects = TypeVar("Effects", GradientEffects, TriedEffects)
_GRADIENTS = "gradients of the margin, recorded while logging"
_TRIED = "neurons that were set in the model, which was run again while logging; estimated by gradients of the margin"


def recorded_effects(
    snapshot: SnapshotReader, layer: str, index: int, target: int, means: np.ndarray
) -> InstanceEffects | None:
    """What was recorded of one instance; None where nothing was, or the class `target` is not its own.

    Arguments are those of `instance_effects`. A damaged file hides nothing else: then there are none, as `unreadable` says.
    """
    labels = label_values(snapshot)
    gradients = _recorded(lambda: snapshot.gradient_effects(layer))
    at = None if gradients is None else _place(gradients.rows, index)
    if gradients is None or at is None or labels is None or not is_classes(labels) or labels[index] != target:
        return None
    estimated = _change(gradients, at, snapshot.activations(layer)[index], means)
    tried = _recorded(lambda: snapshot.tried_effects(layer))
    tried_at = None if tried is None else _place(tried.rows, index)
    if tried is not None and tried_at is not None:
        return _tried(tried, tried_at, estimated, target)
    order, before = strongest(estimated), _margin(snapshot, index, target)
    return InstanceEffects(
        estimate=Estimate("gradients", math.nan, 0, True, _GRADIENTS),
        estimated=estimated,
        tried=np.full(estimated.size, np.nan),
        order=order,
        before=before,
        after=before + float(estimated[order].sum()),
        predicted=-1,
    )


def recorded_errors(
    snapshot: SnapshotReader, layer: str, errors: np.ndarray
) -> tuple[Estimate, np.ndarray, np.ndarray] | None:
    """What the neurons do to the mean margin of some wrong instances at zero, by recorded gradients; None without any.

    Returns:
        the estimate, the effects float64 [neurons], and the errors that they are of, int64 [errors].
    """
    gradients = _recorded(lambda: snapshot.gradient_effects(layer))
    if gradients is None:
        return None
    there = np.flatnonzero(np.isin(gradients.rows, errors))
    there = there[np.isfinite(gradients.product[there]).all(axis=1)]
    if there.size == 0:
        return None
    effect = -gradients.product[there].mean(axis=0, dtype=np.float64)
    return Estimate("gradients", math.nan, 0, True, _GRADIENTS), effect, gradients.rows[there].astype(np.int64)


def _recorded(read: Callable[[], Effects]) -> Effects | None:
    try:
        return read()
    except (NotFoundError, UnreadableError):
        return None


def unreadable(snapshot: SnapshotReader, layer: str) -> str:
    """That something was recorded and cannot be read, to be said behind how effects were obtained instead; empty if not."""
    try:
        snapshot.gradient_effects(layer)
    except NotFoundError:
        return ""
    except UnreadableError as error:
        return f"; the recorded effects cannot be read: {error}"
    return ""


def _place(rows: np.ndarray, index: int) -> int | None:
    at = int(np.searchsorted(rows, index))
    return at if at < rows.size and rows[at] == index else None


def _change(gradients: GradientEffects, at: int, values: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Of one error, float64 [neurons]."""
    one = slice(at, at + 1)
    alone = GradientEffects(
        gradients.rows[one], gradients.gradient[one], gradients.product[one], gradients.has_positions, gradients.wrong
    )
    return np.asarray(alone.change(values[None], means)[0], np.float64)


def _tried(tried: TriedEffects, at: int, estimated: np.ndarray, target: int) -> InstanceEffects:
    """In the order of what was tried, whether that raised the margin or not."""
    there = tried.neurons[at] >= 0
    neurons, before = tried.neurons[at][there].astype(np.int64), float(tried.before[at])
    changes = np.full(estimated.size, np.nan)
    changes[neurons] = tried.alone[at][there].astype(np.float64) - before
    after = float(tried.together[at])
    return InstanceEffects(
        estimate=Estimate("tried", math.nan, 0, True, _TRIED),
        estimated=estimated,
        tried=changes,
        order=neurons[np.argsort(-changes[neurons], kind="stable")],
        before=before,
        after=after,
        predicted=target if after > 0 else -1,
    )


def _margin(snapshot: SnapshotReader, index: int, target: int) -> float:
    """The margin of an instance as the logits have it; NaN where these are not known."""
    told = logits(snapshot)
    if isinstance(told, str) or target >= told.classes:
        return math.nan
    values = told.of(np.array([index]))
    return float(margins(values, np.array([target]))[0][0]) if np.isfinite(values).all() else math.nan
