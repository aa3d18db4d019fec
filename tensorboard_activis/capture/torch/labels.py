"""What the labels of torch batches say, as arrays for the recorder."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch

from tensorboard_activis.errors import ConfigurationError

#: The recorder's mark for an instance without a label.
MISSING = -1


class Labels:
    """Turns labels of any form into arrays; what they are is decided by the first batch, the model's width and the task.

    Arguments:
        class_names: names that labels which are texts may have.
        first: labels of the first batch.
        width: number of scores that the model gives for an instance or position; None if it gives something else.
        task: as the user gave it.
        positions: how many positions of an instance have scores of their own; None if instances have them.

    Attributes:
        kind: "classes" (one of an instance), "several" (any number of classes), "positions" (one of each), "numbers"; None
            without labels that are understood.
        problem: why they are not understood, for the user; "" otherwise.

    Raises:
        ConfigurationError: they are no labels that are understood, or do not fit the model or the names.
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
        if task is None and _holds_sets(first) and all(isinstance(name, str) for own in first for name in own):
            self.kind = "several"
        array = self._array(first)
        if array is None:
            return
        if self.kind is None:
            self.kind = _kind(array, width, task, positions)
        if self.kind == "classes" and _flat(array).dtype.kind == "f" and (width or 1) > 1:
            stray = _flat(array)[_flat(array) % 1 != 0]
            if stray.size:
                raise ConfigurationError(
                    f"Labels must be whole numbers, for the model tells {width} classes apart; got {stray[:1]}. Give class "
                    "indices, or a model with one output for regression."
                )
        converted = self._converted(array)
        if converted is None:
            what = f"0 or 1 for each of {width} classes" if self.kind == "several" else "one per instance"
            self.kind = None
            self.problem = (
                f"labels of shape {array.shape} are not {what}, so snapshots say nothing of right and wrong. "
                "Give unpack=, a function of a batch that returns (inputs, labels)."
            )
        elif self.kind in ("classes", "positions") and converted.size:
            self._check_range(int(converted.max()))

    def of(self, labels: Any) -> np.ndarray | None:
        """Labels of a batch, None without.

        int64 [instances] or [instances, positions]; float64 [instances] or [instances, numbers], 0, 1 and NaN (unknown) where an
        instance may have several classes.
        """
        array = self._array(labels)
        return None if array is None else self._converted(array)

    def _check_range(self, largest: int) -> None:
        width = 2 if self._width == 1 else self._width
        if self._names is not None and largest >= len(self._names):
            raise ConfigurationError(
                f"There is a label {largest}, but class_names has {len(self._names)} names, for the labels 0 to "
                f"{len(self._names) - 1}. Name every class."
            )
        if self._width is not None and self._width > 1 and width is not None and largest >= width:
            raise ConfigurationError(
                f"There is a label {largest}, but the model tells {width} classes apart, 0 to {width - 1}. Check that data "
                "yields (inputs, labels) and that labels count from 0."
            )

    def _array(self, labels: Any) -> np.ndarray | None:
        if labels is None:
            return None
        if isinstance(labels, torch.Tensor):
            tensor = labels.detach().cpu()
            return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()
        if self.kind == "several" and _holds_sets(labels):
            return self._many_hot(labels)
        if isinstance(labels, (list, tuple)) and labels and all(isinstance(label, torch.Tensor) for label in labels):
            labels = [label.tolist() for label in labels]
        try:
            array = np.asarray(labels)
        except ValueError as error:  # of unequal lengths
            raise ConfigurationError(f"Labels must be one number per instance; got {labels!r:.80}.") from error
        if array.dtype.kind in "US" or (array.dtype == object and all(isinstance(label, str) for label in array.flat)):
            return self._indices(array.astype(str))
        if array.dtype.kind not in "iubf":
            raise ConfigurationError(
                f"Labels must be class indices (whole numbers), or names from class_names; got {array.dtype} in "
                f"{labels!r:.80}."
            )
        return array

    def _indices(self, texts: np.ndarray) -> np.ndarray:
        if self._names is None:
            raise ConfigurationError(
                f"Labels are texts ({texts.flat[0]!r}), so class_names is needed: the names in the order of the model's "
                "outputs."
            )
        index = {name: position for position, name in enumerate(self._names)}
        stray = next((text for text in texts.flat if text not in index), None)
        if stray is not None:
            raise ConfigurationError(
                f"There is a label {str(stray)!r}, which is none of class_names ({', '.join(self._names[:8])}…)."
            )
        return np.asarray([index[text] for text in texts.flat], dtype=np.int64).reshape(texts.shape)

    def _many_hot(self, labels: Collection[Any]) -> np.ndarray:
        """Sets of names or indices as 0 and 1 [instances, classes]."""
        width = self._width or len(self._names or ())
        found = np.zeros((len(labels), width), np.int64)
        for row, own in enumerate(labels):
            given = np.asarray(list(own))
            if not given.size:
                continue
            classes = self._indices(given) if given.dtype.kind in "US" else given
            if classes.dtype.kind not in "iu" or classes.min() < 0 or classes.max() >= width:
                raise ConfigurationError(
                    f"The labels of an instance must be names from class_names or class indices, 0 to {width - 1}; got {own!r:.80}."
                )
            found[row, classes] = 1
        return found

    def _converted(self, array: np.ndarray) -> np.ndarray | None:
        if self.kind == "several":
            array = array[:, None] if array.ndim == 1 and self._width == 1 else array
            if array.ndim != 2 or (self._width is not None and array.shape[1] != self._width):
                return None
            return np.where(np.isin(array, (0, 1)), array, np.nan).astype(np.float64)
        if self.kind == "positions":
            return array.astype(np.int64) if array.ndim == 2 else None
        array = _flat(array)
        if self.kind == "numbers" and array.ndim == 2 and array.shape[1] == self._width:
            return array.astype(np.float64)
        if array.ndim == 2 and array.shape[1] == self._width:
            if not _is_one_hot(array):
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


def check_width(class_names: Sequence[str] | None, width: int | None) -> None:
    """Compares the names with the model's output.

    Raises:
        ConfigurationError: there are more or fewer names than classes.
    """
    if class_names is None or width is None or len(class_names) == (2 if width == 1 else width):
        return
    raise ConfigurationError(
        f"class_names has {len(class_names)} names, but the model gives {width} scores per instance. Name every class, in "
        "the order of the model's outputs."
    )


def _kind(array: np.ndarray, width: int | None, task: str | None, positions: int | None) -> str:
    """What labels are, by those of the first batch."""
    if task in ("regression", "ranking"):
        return "numbers"
    if positions is not None and array.ndim == 2:
        return "positions"
    flat = _flat(array)
    if flat.ndim == 2 and flat.shape[1] == width:
        values = flat.astype(np.float64)
        if not np.isin(values[np.isfinite(values)], (0, 1, -1)).all():
            return "numbers" if flat.dtype.kind == "f" else "classes"
        return "classes" if task == "classification" or (task is None and _is_one_hot(flat)) else "several"
    if flat.ndim == 1 and flat.dtype.kind == "f" and task != "classification":
        known = flat[np.isfinite(flat)]
        integral = bool(known.size and (known == np.round(known)).all())
        if not (integral and ((width or 1) > 1 or set(known.tolist()) <= {0.0, 1.0})):
            return "classes" if (width or 1) > 1 else "numbers"  # the first of these is told
    return "classes"


def _holds_sets(labels: Any) -> bool:
    """Whether there is a collection of classes for each instance, as in [["ant", "bee"], []]."""
    sets = (list, tuple, set, frozenset)
    return isinstance(labels, (list, tuple)) and bool(labels) and all(isinstance(label, sets) for label in labels)


def _flat(array: np.ndarray) -> np.ndarray:
    """One number per instance, if it is only the shape that says otherwise."""
    if array.ndim == 0:
        return array[None]
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _is_one_hot(array: np.ndarray) -> bool:
    return bool((((array == 0) | (array == 1)).all()) and (array.sum(axis=1) == 1).all())
