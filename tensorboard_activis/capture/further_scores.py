"""Columns of further outputs of a model that have labels of their own, besides its score."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tensorboard_activis.capture.score_output import ScoreOutput
from tensorboard_activis.capture.tasks.evaluator import TaskEvaluator
from tensorboard_activis.capture.tasks.labels import Labels
from tensorboard_activis.capture.tasks.predictions import UNKNOWN


class FurtherScores:
    """Makes columns of the outputs that have labels besides the score: `<name>_label`, `_prediction`, `_correct` and `_loss`.

    They mean what they mean for the task of that output, which its labels decide, and have one value per instance: numbers,
    class indices or booleans; None where it is unknown.

    Arguments:
        score: of the model.
        as_scores: makes a float array [instances] or [instances, width] of an output and the number of instances; None if it is
            something else.
    """

    def __init__(self, score: ScoreOutput, as_scores: Callable[[Any, int], np.ndarray | None]) -> None:
        self._score, self._as_scores = score, as_scores
        self._outputs: dict[str, _FurtherScore] = {}

    def columns(self, output: Any, instances: int, labels: Any) -> dict[str, list[Any]]:
        """The columns of a batch, [instances] each; the same in every batch.

        Arguments:
            output: of the model.
            labels: of all outputs, by name, as arrays; None without labels.
        """
        columns: dict[str, list[Any]] = {}
        for path, name in self._score.further:
            scores = self._as_scores(self._score.of(output, instances, path), instances)
            own = labels.get(name) if isinstance(labels, Mapping) else None
            own = None if own is None else own[:instances]
            if name not in self._outputs:
                if scores is None or own is None:
                    continue
                self._outputs[name] = _FurtherScore(scores, own)
            prefix = f"output{name}" if name.isdecimal() else name
            values = self._outputs[name].values(scores, own, instances)
            columns |= {f"{prefix}_{column}": each for column, each in values.items()}
        return columns


class _FurtherScore:
    """One output and its labels, whose kind and task the first batch decides."""

    def __init__(self, scores: np.ndarray, labels: Any) -> None:
        self._labels = Labels(None, labels, 1 if scores.ndim == 1 else scores.shape[1])
        self._evaluator = TaskEvaluator(None)
        self._names = list(self._known(scores, labels))

    def values(self, scores: np.ndarray | None, labels: Any, instances: int) -> dict[str, list[Any]]:
        """The values of a batch, by the last part of the column's name."""
        known = {} if scores is None else self._known(scores, labels)
        return {name: known.get(name, [None] * instances) for name in self._names}

    def _known(self, scores: np.ndarray, labels: Any) -> dict[str, list[Any]]:
        predictions = self._evaluator.evaluate(scores, self._labels.convert(labels))
        columns = {"label": predictions.label} | {
            name: predictions.columns.get(name) for name in ("prediction", "correct", "loss")
        }
        return {
            name: _with_none(name, values)
            for name, values in columns.items()
            if values is not None and values.ndim == 1 and values.dtype != object
        }


def _with_none(name: str, values: np.ndarray) -> list[Any]:
    """The values, with None for those that are unknown."""
    if name == "correct":
        return [None if value == UNKNOWN else bool(value) for value in values]
    known = np.isfinite(values) if values.dtype.kind == "f" else values >= 0
    return [value if is_known else None for value, is_known in zip(values.tolist(), known.tolist(), strict=True)]
