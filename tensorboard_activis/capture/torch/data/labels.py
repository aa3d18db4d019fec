"""Converts labels of any form (class indices, names, one-hot, sets of classes, numbers) into arrays for the recorder."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch

from tensorboard_activis.capture.tasks.labels import (
    check_range,
    class_indices,
    is_multi_hot,
    is_one_hot,
    multi_hot,
    squeezed,
)
from tensorboard_activis.errors import ConfigurationError

#: The label of an instance without label.
MISSING = -1


class Labels:
    """Converts labels of any form into arrays. The first batch, the model's width and the task decide what kind of labels they are.

    Arguments:
        class_names: the names that text labels may be.
        first: labels of the first batch.
        width: number of scores that the model gives per instance or position; None if it gives none.
        task: as the user gave it.
        positions: not None if the model gives scores per position, as for tokens.

    Attributes:
        kind: "classes" (one class per instance), "several" (any number of classes), "positions" (one class per position), or
            "numbers"; None without labels, or if they cannot be used.
        problem: message that says why they cannot be used; "" if they can.

    Raises:
        ConfigurationError: the labels have an unsupported form, or do not fit the model or the class names.
    """

    def __init__(
        self,
        class_names: Sequence[str] | None,
        first: Any,
        width: int | None,
        task: str | None = None,
        positions: int | None = None,
    ) -> None:
        self._names = None if class_names is None else list(class_names)
        self._width = width
        self.problem = ""
        self.kind: str | None = "several" if task == "multilabel" else None
        if (
            task is None
            and _are_sets(first)
            and all(isinstance(name, str) for label_set in first for name in label_set)
        ):
            self.kind = "several"
        array = self._as_array(first)
        if array is None:
            return
        if self.kind is None:
            self.kind = _kind(array, width, task, positions)
        if self.kind == "classes" and squeezed(array).dtype.kind == "f" and (width or 1) > 1:
            invalid = squeezed(array)[squeezed(array) % 1 != 0]
            if invalid.size:
                raise ConfigurationError(
                    f"Labels must be whole numbers, for the model tells {width} classes apart; got {invalid[:1]}. Give class "
                    "indices, or a model with one output for regression."
                )
        converted = self._as_kind(array)
        if converted is None:
            what = f"0 or 1 for each of {width} classes" if self.kind == "several" else "one per instance"
            self.kind = None
            self.problem = (
                f"labels of shape {array.shape} are not {what}, so snapshots say nothing of right and wrong. "
                "Give unpack=, a function of a batch that returns (inputs, labels)."
            )
        elif self.kind in ("classes", "positions") and converted.size:
            check_range(int(converted.max()), self._names, self._width)

    def convert(self, labels: Any) -> np.ndarray | None:
        """Converts the labels of a batch.

        Returns:
            int64 [instances] or [instances, positions] of class indices, negative without label; float64 [instances] or
            [instances, numbers] of numbers; float64 [instances, classes] of 0, 1 and NaN (unknown) for kind "several". None
            without labels, or if their shape does not fit.

        Raises:
            ConfigurationError: they are of another kind than those of the first batch.
        """
        array = self._as_array(labels)
        return None if array is None else self._as_kind(array)

    def _as_array(self, labels: Any) -> np.ndarray | None:
        """Labels of any form as an array; None without labels."""
        if labels is None:
            return None
        if isinstance(labels, torch.Tensor):
            tensor = labels.detach().cpu()
            return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()
        if self.kind == "several" and _are_sets(labels):
            return self._multi_hot(labels)
        if isinstance(labels, (list, tuple)) and labels and all(isinstance(label, torch.Tensor) for label in labels):
            labels = [label.tolist() for label in labels]
        try:
            array = np.asarray(labels)
        except ValueError as error:  # of unequal lengths
            raise ConfigurationError(f"Labels must be one number per instance; got {labels!r:.80}.") from error
        if array.dtype.kind in "US" or (array.dtype == object and all(isinstance(label, str) for label in array.flat)):
            return class_indices(array.astype(str), self._names)
        if array.dtype.kind not in "iubf":
            raise ConfigurationError(
                f"Labels must be class indices (whole numbers), or names from class_names; got {array.dtype} in "
                f"{labels!r:.80}."
            )
        return array

    def _multi_hot(self, labels: Collection[Any]) -> np.ndarray:
        """Multi-hot encoding of sets of class names or indices, int64 [instances, classes]."""
        width = self._width or len(self._names or ())
        encoded = np.zeros((len(labels), width), np.int64)
        for index, label_set in enumerate(labels):
            values = np.asarray(list(label_set))
            if not values.size:
                continue
            classes = class_indices(values, self._names) if values.dtype.kind in "US" else values
            if classes.dtype.kind not in "iu" or classes.min() < 0 or classes.max() >= width:
                raise ConfigurationError(
                    f"The labels of an instance must be names from class_names or class indices, 0 to {width - 1}; "
                    f"got {label_set!r:.80}."
                )
            encoded[index, classes] = 1
        return encoded

    def _as_kind(self, array: np.ndarray) -> np.ndarray | None:
        """Converts an array of labels as `kind` asks; None if its shape does not fit."""
        if self.kind == "several":
            array = array[:, None] if array.ndim == 1 and self._width == 1 else array
            if array.ndim != 2 or (self._width is not None and array.shape[1] != self._width):
                return None
            return multi_hot(array)
        if self.kind == "positions":
            return array.astype(np.int64) if array.ndim == 2 else None
        array = squeezed(array)
        if self.kind == "numbers" and array.ndim == 2 and array.shape[1] == self._width:
            return array.astype(np.float64)
        if array.ndim == 2 and array.shape[1] == self._width:
            if not is_one_hot(array):
                raise ConfigurationError(
                    "Labels had one class per instance at first; now there is one with several or none. Give task='multilabel'."
                )
            classes: np.ndarray = array.argmax(axis=1).astype(np.int64)
            return classes
        if array.ndim != 1:
            return None
        if self.kind == "numbers":
            return array.astype(np.float64)
        if array.dtype.kind in "iub":
            return array.astype(np.int64)
        values = np.where(np.isfinite(array), array, MISSING)
        if (values != np.round(values)).any():
            raise ConfigurationError(f"Labels were whole numbers at first; now there is {values[values % 1 != 0][0]}.")
        return values.astype(np.int64)


def _kind(array: np.ndarray, width: int | None, task: str | None, positions: int | None) -> str:
    """The kind of the labels, judged by those of the first batch."""
    if task in ("regression", "ranking"):
        return "numbers"
    if positions is not None and array.ndim == 2:
        return "positions"
    flat = squeezed(array)
    if flat.ndim == 2 and flat.shape[1] == width:
        if not is_multi_hot(flat):
            return "numbers" if flat.dtype.kind == "f" else "classes"
        return "classes" if task == "classification" or (task is None and is_one_hot(flat)) else "several"
    if flat.ndim == 1 and flat.dtype.kind == "f" and task != "classification":
        finite = flat[np.isfinite(flat)]
        all_whole = bool(finite.size and (finite == np.round(finite)).all())
        if not (all_whole and ((width or 1) > 1 or set(finite.tolist()) <= {0.0, 1.0})):
            return "classes" if (width or 1) > 1 else "numbers"  # an error names the first that is no whole number
    return "classes"


def _are_sets(labels: Any) -> bool:
    """Whether the labels are a collection of classes per instance, as in [["ant", "bee"], []]."""
    sets = (list, tuple, set, frozenset)
    return isinstance(labels, (list, tuple)) and bool(labels) and all(isinstance(label, sets) for label in labels)
