"""Converts labels, which may be class indices, one-hot vectors, class names or numbers to predict, to one form."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorboard_activis.capture.tasks.labels import (
    check_range,
    class_indices,
    is_multi_hot,
    is_one_hot,
    multi_hot,
    squeezed,
)


class Labels:
    """Converts labels of classes to class indices. Their form is detected once, not batch by batch.

    Arguments:
        examples: all labels, or those of the first batch: [instances] or [instances, 1], one-hot [instances, classes], class
            names, or numbers. None: there are no labels.
        class_names: one per class, in the order of the model's outputs.
        width: of the model's output [instances, width] or [instances, positions, width]; None if unknown.
        loss: names of the model's losses; with a cross entropy whole numbers are classes, with a binary one an instance may
            have several classes.
        task: as in every callback.
        positions: whether the model's output has positions, each with its own label.

    Raises:
        ConfigurationError: labels are texts without `class_names` or not among them; or there are more classes than names or
            outputs.
    """

    def __init__(
        self,
        examples: Any,
        class_names: Sequence[str] | None,
        *,
        width: int | None = None,
        loss: str = "",
        task: str | None = None,
        positions: bool = False,
    ) -> None:
        self._names = class_names
        self._one_hot = self._whole = False
        self._numeric = task in ("regression", "ranking")
        self._multilabel = task == "multilabel"
        self._positions = positions and task in (None, "tokens")
        if examples is None:
            return
        labels = squeezed(np.asarray(examples))
        if labels.ndim == 2 and not (self._numeric or self._multilabel or self._positions):
            exclusive = task == "classification" or not ("binary" in loss and "crossentropy" in loss)
            self._one_hot = exclusive and (is_one_hot(labels) or " categorical_crossentropy" in f" {loss}")
            self._multilabel = not self._one_hot and labels.shape[1] == width and is_multi_hot(labels)
        elif labels.ndim == 1 and labels.dtype.kind == "f" and not self._numeric:
            is_class = task == "classification" or "crossentropy" in loss or (width is not None and width > 1)
            whole = np.array_equal(labels, np.round(labels))
            self._whole = whole and (is_class or bool(np.isin(labels, (0, 1)).all()))
        self._check(self.convert(examples), width)

    def convert(self, labels: Any) -> np.ndarray | None:
        """Converts the labels of a batch; None if there are none.

        Returns:
            Of classes: int64 [instances] or [instances, positions]. Multi-label: float64 [instances, classes] of 0, 1 and NaN
            (unknown). Others: unchanged.

        Raises:
            ConfigurationError: a text is not among the class names.
        """
        if labels is None:
            return None
        return self._converted(np.asarray(labels) if self._positions else squeezed(np.asarray(labels)))

    def _converted(self, labels: np.ndarray) -> np.ndarray:
        if labels.dtype.kind in "OSU":
            return class_indices(labels, self._names)
        if self._numeric:
            return labels.astype(np.float64)
        if self._multilabel:
            return multi_hot(labels)
        if self._positions:
            labels = labels.argmax(axis=2) if labels.ndim == 3 and labels.shape[2] > 1 else labels
            return labels.reshape(labels.shape[:2]).astype(np.int64) if labels.ndim in (2, 3) else labels
        if self._one_hot:
            classes: np.ndarray = labels.argmax(axis=1)
            return classes
        return labels.astype(np.int64) if self._whole else labels

    def _check(self, labels: np.ndarray | None, width: int | None) -> None:
        if labels is None or labels.ndim > 2 or labels.dtype.kind not in "iu" or not labels.size:
            return
        if labels.ndim == 2 and not self._positions:
            return
        check_range(int(labels.max()), self._names, width)
