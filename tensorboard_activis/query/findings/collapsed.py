"""Layers whose instances lie along one direction: the share of the first principal component, and the effective rank.

Source: Roy, Vetterli, "The effective rank: a measure of effective dimensionality", 2007.
"""

from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import ActiVisError, ThinnedError
from tensorboard_activis.query.arithmetic.halffloat import not_finite, widen
from tensorboard_activis.query.findings.finding import Finding, counted
from tensorboard_activis.query.findings.remembered import remembered_variation
from tensorboard_activis.query.findings.steps import first_step
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Instances that are looked at, the first of the sample, which are a uniform sample.
MOST_INSTANCES = 512
LEAST_INSTANCES = 20
LEAST_NEURONS = 4
#: One direction's share of the variance from which a layer is collapsed.
SHARE = 0.99
#: With fewer classes one direction is all that a model needs.
_LEAST_CLASSES = 3


def collapsed(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
    """Layers of the last snapshot in which one direction holds at least 99 % of the variance, over up to 512 instances.

    Not of models for two classes or for numbers, of which one direction is all they need.

    Arguments:
        snapshots: steps ascending.
    """
    last = snapshots[-1]
    if not _needs_directions(last):
        return []
    found: list[Finding] = []
    for name, layer in last.layers.items():
        check_time()
        try:
            n, share, rank = variation(last, name)
        except ActiVisError:
            continue
        if n < LEAST_INSTANCES or layer.info.neurons < LEAST_NEURONS or not share >= SHARE:
            continue
        step = first_step(snapshots, lambda one, name=name: variation(one, name)[1] >= SHARE)  # type: ignore[misc]
        found.append(
            Finding(
                kind="collapsed",
                title=f"{name} has collapsed to one direction",
                sentence=f"{_percent(share)} % of the variance of the {counted(layer.info.neurons, 'neuron')} of {name} is in one "
                f"direction since step {step}, an effective rank of {rank:.1f}, over {n:,} instances.",
                strength=share,
                layer=name,
                step=step,
            )
        )
    return found


def _percent(share: float) -> str:
    """Rounded down: what is not all is not called 100 %."""
    return "100" if share >= 1 - 1e-9 else f"{np.floor(share * 1000) / 10:.1f}"


def _needs_directions(snapshot: SnapshotReader) -> bool:
    task, classes = snapshot.record.task, len(snapshot.record.class_names)
    return task == "none" or (task in ("classification", "tokens", "multilabel") and classes >= _LEAST_CLASSES)


def variation(snapshot: SnapshotReader, layer: str) -> tuple[int, float, float]:
    """Instances that were looked at, the first principal component's share of their variance, and the effective rank.

    The effective rank is the exponential of the entropy of the components' shares. Both are NaN where nothing varies.
    Raises NotFoundError, UnreadableError, and ThinnedError where it was not measured before the step was thinned.
    """
    try:
        activations = snapshot.activations(layer)
    except ThinnedError:
        return remembered_variation(snapshot, layer)
    half = activations[: min(MOST_INSTANCES, snapshot.record.sample_size)]
    half = half[~not_finite(half).any(axis=1)]
    if len(half) < 2 or not half.shape[1]:
        return len(half), float("nan"), float("nan")
    values = widen(np.ascontiguousarray(half)).astype(np.float64)
    scale = np.abs(values).max()
    values = (values - values.mean(axis=0)) / (scale or 1.0)
    products = values @ values.T if len(values) < values.shape[1] else values.T @ values
    if np.trace(products) <= 1e-12 * products.size:
        return len(half), float("nan"), float("nan")
    parts = np.maximum(np.linalg.eigvalsh(products), 0)
    shares = parts / parts.sum()
    some = shares[shares > 0]
    return len(half), float(shares[-1]), float(np.exp(-(some * np.log(some)).sum()))
