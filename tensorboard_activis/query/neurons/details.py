"""What single questions from Python find: numbers as numpy arrays, lists as pyarrow tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tensorboard_activis.query.neurons.subset import Differences, Outcome


@dataclass(frozen=True, slots=True)
class NeuronDetail:
    """One neuron over the sample.

    Attributes:
        edges: float64 [bins + 1]; counts: int64 [rows, bins].
        n: int64 [rows]; mean, std: float64 [rows], population deviations, NaN without finite values.
        top, bottom: row, id, label, prediction, value of the instances that drive it most and least.
        classes: class, auc, d (Hedges' g), n: how well it tells each class from the rest, the best first.
        steps: step, mean, std over all instances at every step of the run.
        complete: whether the whole sample was looked at.
    """

    edges: np.ndarray
    counts: np.ndarray
    n: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    top: pa.Table
    bottom: pa.Table
    classes: pa.Table
    steps: pa.Table
    complete: bool


@dataclass(frozen=True, slots=True)
class SubsetDetail:
    """A subset, how it was predicted, and how it differs from all other instances in a layer.

    Attributes:
        neurons: neuron, effect (Hedges' g), p, q, own_mean, own_std, rest_mean, rest_std; largest effect first, all that have one.
    """

    outcome: Outcome
    differences: Differences
    neurons: pa.Table


@dataclass(frozen=True, slots=True)
class InstanceDetail:
    """One instance in one layer.

    Attributes:
        scores: class, score, the highest first.
        neighbours: row, id, label, prediction, distance, the nearest first.
        far_from_own, sides_with_predicted: neuron, value, z_own, z_predicted and mean and deviation in either class; empty unless
            the prediction is wrong.
    """

    row: int
    id: int | str
    label: object
    prediction: object
    correct: bool | None
    scores: pa.Table
    neighbours: pa.Table
    far_from_own: pa.Table
    sides_with_predicted: pa.Table


def as_table(records: object, names: Sequence[str]) -> pa.Table:
    """Records with inner records, such as {"own": {"mean": 1.0}}, as columns such as `own_mean`."""
    assert isinstance(records, Iterable)
    flat: list[dict[str, object]] = []
    for record in records:
        line: dict[str, object] = {}
        for name, value in record.items():
            if isinstance(value, Mapping):
                line |= {f"{name}_{inner}": one for inner, one in value.items()}
            else:
                line[name] = value
        flat.append(line)
    return pa.table({name: pa.array([line[name] for line in flat]) for name in names})
