"""Predictions of a batch (class, score, loss, whether correct), in one form for all tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

#: The value of the column "correct" for an instance without a label.
UNKNOWN = 255


@dataclass(frozen=True)
class Predictions:
    """Labels, predictions, scores and losses of a batch; the first axis of every array is [instances]. See docs/tasks.md.

    Attributes:
        label: labels as they are stored: int64 class index, -1 where it is missing or out of range; float64 (NaN: missing),
            also [instances, outputs]; object, int arrays of the classes of an instance; of a vocabulary texts, a `Repeated`; None
            without labels.
        members: the classes that instances belong to: int64 [instances], -1 for none, or bool [instances, classes]; None
            without classes.
        columns: "prediction" (int32 class index, float32, texts, or object of int arrays), "correct" (uint8: 0, 1, 255 without a
            label), "score", "loss", "label_score" (float32), "top_classes" (int32) and "top_scores" (float16) [instances, k],
            "accuracy" (float32), "tokens" (int32), "rank" (int32). Those without a meaning are absent; NaN where there is no
            label.
        totals: per metric its sum over the batch, and the number of values in that sum.
        invalid_labels: how many labels are no class.
        nonfinite: how many instances have outputs that are NaN or infinite.
    """

    label: Any = None
    members: np.ndarray | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    totals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    invalid_labels: int = 0
    nonfinite: int = 0

    def take(self, indices: np.ndarray) -> "Predictions":
        """The predictions of these instances, where they are of a vocabulary."""
        columns = {name: values[indices] for name, values in self.columns.items()}
        label = None if self.label is None else self.label[indices]
        return replace(self, label=label, columns=columns, totals=metric_totals(columns))


def metric_totals(columns: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Sums and counts of accuracy and loss, over instances where the columns `correct` and `loss` have a value."""
    totals = {}
    for metric, name in (("accuracy", "correct"), ("loss", "loss")):
        if name in columns:
            values = columns[name].astype(np.float64)
            known = values[values <= 1] if name == "correct" else values[np.isfinite(values)]
            totals[metric] = (float(known.sum()), float(known.size))
    return totals


def class_lists(indices: list[np.ndarray]) -> np.ndarray:
    """Several classes per instance as one ragged array: object [instances] of int32 arrays."""
    lists = np.empty(len(indices), dtype=object)
    lists[:] = indices
    return lists
