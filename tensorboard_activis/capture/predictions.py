"""What a model made of a batch, in the one form that all tasks share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

#: In the column "correct", of an instance without a label.
UNKNOWN = 255


@dataclass(frozen=True)
class Predictions:
    """What the model made of a batch; every array has the first axis [instances]. docs/tasks.md says what it means.

    Attributes:
        label: what is kept of the labels: int64 class index, -1 where it is missing or out of range; float64 (NaN: missing),
            also [instances, outputs]; object, int arrays of the classes of an instance; None without labels.
        members: the classes that instances belong to: int64 [instances], -1 for none, or bool [instances, classes]; None
            without classes.
        columns: "prediction" (int32 class index, float32, or object of int arrays), "correct" (uint8: 0, 1, 255 without a
            label), "score", "loss", "label_score" (float32), "top_classes" (int32) and "top_scores" (float16) [instances, k],
            "accuracy" (float32), "tokens" (int32), "rank" (int32). Those without a meaning are absent; NaN where there is no
            label.
        totals: per metric the sum over the batch, and how many values are in it.
        stray: labels that are no class. unfinite: instances for which the model answered NaN or infinities.
    """

    label: np.ndarray | None = None
    members: np.ndarray | None = None
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    totals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    stray: int = 0
    unfinite: int = 0


def means(columns: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Totals of accuracy and loss, as far as the columns `correct` and `loss` are there and known."""
    found = {}
    for metric, name in (("accuracy", "correct"), ("loss", "loss")):
        if name in columns:
            values = columns[name].astype(np.float64)
            known = values[values <= 1] if name == "correct" else values[np.isfinite(values)]
            found[metric] = (float(known.sum()), float(known.size))
    return found


def sets(indices: list[np.ndarray]) -> np.ndarray:
    """Several classes per instance as one array: object [instances] of int32 arrays."""
    found = np.empty(len(indices), dtype=object)
    found[:] = indices
    return found
