"""Converts labels of any form (class indices, names, one-hot, sets of classes, numbers) into arrays, in any framework."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from tensorboard_activis.errors import ConfigurationError

#: The label of an instance without label.
MISSING = -1

#: The label of a position that has none, by the convention of cross entropy.
IGNORED = -100


class Labels:
    """Converts labels of any form into arrays. The first batch, the model's width and the task decide what kind of labels they are.

    Arguments:
        class_names: the names that text labels may be.
        first: labels of the first batch, or all of them; without the framework's tensors.
        width: number of scores that the model gives per instance or position; None if it gives none, or that is not known yet.
        task: as the user gave it.
        positions: whether the model gives scores per position, as for tokens.
        loss: names of the model's losses, where they are known: with a cross entropy whole numbers are classes, with a categorical
            one labels [instances, classes] are of one class, with a binary one they may be of several.

    Attributes:
        kind: "classes" (one class per instance), "several" (any number of classes), "positions" (one class per position), or
            "numbers"; None without labels, or if they cannot be used.
        problem: message that says why they cannot be used; "" if they can.

    Raises:
        ConfigurationError: the labels have an unsupported form, or do not fit the task, the model or the class names.
    """

    def __init__(
        self,
        class_names: Sequence[str] | None,
        first: Any,
        width: int | None = None,
        task: str | None = None,
        *,
        positions: bool = False,
        loss: str = "",
    ) -> None:
        self._names = None if class_names is None else list(class_names)
        self._width, self._loss = width, loss
        self._smoothed = " categorical_crossentropy" in f" {loss}"
        self.problem, self._refused = "", False
        self.kind: str | None = "several" if task == "multilabel" else None
        if task is None and _are_sets(first) and all(isinstance(name, str) for names in first for name in names):
            self.kind = "several"
        if is_structured(first):
            self._refuse("labels that are several values per instance", "one per instance", task)
            return
        array = self._as_array(first)
        if array is None:
            return
        if self.kind is None:
            self.kind = self._decide(array, task, positions)
        if self.kind == "classes" and squeezed(array).dtype.kind == "f" and squeezed(array).ndim == 1:
            invalid = squeezed(array)[squeezed(array) % 1 != 0]
            invalid = invalid[np.isfinite(invalid)]
            if invalid.size:
                raise ConfigurationError(
                    f"Labels must be whole numbers, because they name classes; got {invalid[:1]}. Give class indices, or a model "
                    "with one output for regression."
                )
        converted = self._as_kind(array)
        if converted is None:
            what = f"0 or 1 for each of {width} classes" if self.kind == "several" else "one per instance"
            self._refuse(f"labels of shape {array.shape}", what, task)
        elif self.kind in ("classes", "positions") and converted.size and converted.dtype.kind == "i":
            check_range(int(converted.max()), self._names, None if task == "none" else self._width)

    def _refuse(self, labels: str, expected: str, task: str | None) -> None:
        """Leaves the labels out, in words unless the user said that there is nothing right or wrong."""
        self.kind, self._refused = None, True
        problem = (
            f"{labels} are not {expected}, so snapshots say nothing of right and wrong. Check that the data give (inputs, labels). "
            "Where labels are of places or boxes, let the data give one label per instance, such as the class of most places (in "
            "PyTorch and Flax by unpack=, a function of the batch that returns (inputs, labels)), or give task='none'."
        )
        if task not in (None, "none") and self._width is not None:
            raise ConfigurationError(f"task={task!r} does not fit the labels: {problem}")
        self.problem = "" if task == "none" else problem

    def convert(self, labels: Any) -> np.ndarray | None:
        """Converts the labels of a batch, without the framework's tensors.

        Returns:
            int64 [instances] or [instances, positions] of class indices, negative without label; float64 [instances] or
            [instances, numbers] of numbers; float64 [instances, classes] of 0, 1 and NaN (unknown) for kind "several", and of
            probabilities for kind "classes", where they are soft. None without labels, or if their shape does not fit.

        Raises:
            ConfigurationError: they are of another kind than those of the first batch.
        """
        array = None if self._refused else self._as_array(labels)
        return None if array is None else self._as_kind(array)

    def _decide(self, array: np.ndarray, task: str | None, positions: bool) -> str:
        """The kind of the labels, judged by those of the first batch."""
        if task in ("regression", "ranking"):
            return "numbers"
        if positions and array.ndim in (2, 3):
            return "positions"
        flat, width, several = squeezed(array), self._width, (self._width or 1) > 1
        if flat.ndim == 2:
            binary = "binary" in self._loss and "crossentropy" in self._loss
            soft = width == flat.shape[1] and not is_multi_hot(flat) and is_distribution(flat)
            if (task == "classification" or not binary) and (soft or is_one_hot(flat) or self._smoothed):
                return "classes"
            if width is not None and flat.shape[1] == width:
                if not is_multi_hot(flat):
                    return "numbers"
                return "classes" if task == "classification" else "several"
        if flat.ndim == 1 and flat.dtype.kind == "f" and task != "classification":
            finite = flat[np.isfinite(flat)]
            whole = bool(finite.size and (finite == np.round(finite)).all())
            classes = several or "crossentropy" in self._loss
            if not (whole and (classes or set(finite.tolist()) <= {0.0, 1.0})):
                return "classes" if several and task != "none" else "numbers"  # an error names what is no whole number
        return "classes"

    def _as_array(self, labels: Any) -> np.ndarray | None:
        """Labels of any form as an array; None without labels."""
        if labels is None:
            return None
        if self.kind == "several" and _are_sets(labels):
            return self._multi_hot(labels)
        try:
            array = np.asarray(labels)
        except ValueError as error:  # of unequal lengths
            raise ConfigurationError(f"Labels must be one number per instance; got {labels!r:.80}.") from error
        if array.dtype == object:
            return self._of_objects(array, labels)
        if array.dtype.kind in "US":
            return class_indices(array, self._names)
        if array.dtype.kind not in "iubf":
            raise ConfigurationError(
                f"Labels must be class indices (whole numbers), or names from class_names; got {array.dtype} in "
                f"{labels!r:.80}."
            )
        return array

    def _of_objects(self, array: np.ndarray, labels: Any) -> np.ndarray:
        """Names and numbers among which None and NaN stand for labels that are missing: -1 among names, NaN among numbers."""
        present = [each is not None and each == each for each in array.flat]  # NaN is unequal to itself
        known = np.array(present, bool).reshape(array.shape)
        if all(isinstance(each, str | bytes) for each in array[known]) and (known.any() or self._names is not None):
            indices = np.full(array.shape, -1, np.int64)
            indices[known] = class_indices(array[known], self._names)
            return indices
        if all(isinstance(each, int | float | np.number) for each in array[known]):
            return np.where(known, array, np.nan).astype(np.float64)
        raise ConfigurationError(
            "Labels must be class indices (whole numbers), names from class_names, or None where there is none; got "
            f"{labels!r:.80}."
        )

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
            fits = array.ndim == 2 and self._width in (None, array.shape[1])
            return multi_hot(array) if fits else None
        if self.kind == "positions":
            if array.ndim == 3:
                array = array[:, :, 0] if array.shape[2] == 1 else array.argmax(axis=2)
            return array.astype(np.int64) if array.ndim == 2 else None
        array = squeezed(array)
        if self.kind == "numbers":
            fits = array.ndim == 1 or (array.ndim == 2 and self._width in (None, array.shape[1]))
            return array.astype(np.float64) if fits else None
        if array.ndim == 2 and array.shape[1] == self._width and not is_one_hot(array) and is_distribution(array):
            return array.astype(np.float64)
        if array.ndim == 2 and (self._smoothed or is_one_hot(array)):
            classes: np.ndarray = array.argmax(axis=1).astype(np.int64)
            return classes
        if array.ndim == 2 and array.shape[1] == self._width:
            raise ConfigurationError(
                "Labels had one class per instance at first; now there is one with several or none. Give task='multilabel'."
            )
        if array.ndim != 1:
            return None
        if array.dtype.kind in "iub":
            return array.astype(np.int64)
        values = np.where(np.isfinite(array), array, MISSING)
        if (values != np.round(values)).any():
            raise ConfigurationError(f"Labels were whole numbers at first; now there is {values[values % 1 != 0][0]}.")
        return values.astype(np.int64)


def class_indices(texts: np.ndarray, class_names: Sequence[str] | None) -> np.ndarray:
    """Class indices, int64 in the shape of `texts`, of labels that are class names, as strings or UTF-8 bytes.

    Raises:
        ConfigurationError: there are no class names, or a label is none of them.
    """
    decoded = [text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text) for text in texts.flat]
    if class_names is None:
        raise ConfigurationError(
            f"Labels are texts ({decoded[0] if decoded else ''!r}), so class_names is needed: the names in the order of the "
            "model's outputs."
        )
    index = {name: position for position, name in enumerate(class_names)}
    unknown = next((text for text in decoded if text not in index), None)
    if unknown is not None:
        listed = ", ".join(class_names[:8]) + (", …" if len(class_names) > 8 else "")
        raise ConfigurationError(f"There is a label {unknown!r}, which is none of class_names ({listed}).")
    return np.array([index[text] for text in decoded], np.int64).reshape(texts.shape)


def check_range(highest: int, class_names: Sequence[str] | None, width: int | None) -> None:
    """Checks the highest class index among labels against the class names and the model.

    Arguments:
        width: number of scores that the model gives per instance or position; None if unknown.

    Raises:
        ConfigurationError: there are fewer names or outputs than classes.
    """
    if class_names is not None and highest >= len(class_names):
        raise ConfigurationError(
            f"There is a label {highest}, but class_names has {len(class_names)} names, for the labels 0 to "
            f"{len(class_names) - 1}. Name every class."
        )
    if width is not None and width > 1 and highest >= width:
        raise ConfigurationError(
            f"There is a label {highest}, but the model tells {width} classes apart, 0 to {width - 1}. Check that the data "
            "give (inputs, labels) and that labels count from 0."
        )


def check_width(class_names: Sequence[str] | None, width: int | None) -> None:
    """Checks that there is a class name for each of the model's outputs; one output is the score of the second of two classes.

    Raises:
        ConfigurationError: there are more or fewer names than classes.
    """
    if class_names is None or width is None or len(class_names) == max(width, 2):
        return
    scores = "one score per instance, which is for two classes" if width == 1 else f"{width} scores per instance"
    raise ConfigurationError(
        f"class_names has {len(class_names)} names, but the model gives {scores}. Name every class, in the order of the "
        "model's outputs."
    )


def squeezed(labels: np.ndarray) -> np.ndarray:
    """Labels as [instances] if they are a scalar or [instances, 1]; others unchanged."""
    if labels.ndim == 0:
        return labels[None]
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def is_one_hot(labels: np.ndarray) -> bool:
    """Whether every row of [instances, classes] has one 1, and 0 elsewhere."""
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def is_distribution(labels: np.ndarray) -> bool:
    """Whether the rows of [instances, classes] are probabilities that sum to 1; those that are not finite are no labels."""
    known = labels[np.isfinite(labels).all(axis=1)].astype(np.float64) if labels.dtype.kind == "f" else labels[:0]
    return bool(known.size) and bool((known >= 0).all()) and bool(np.allclose(known.sum(axis=1), 1, rtol=0, atol=5e-3))


def is_multi_hot(labels: np.ndarray) -> bool:
    """Whether all of [instances, classes] is 1 or 0, or unknown: -1, NaN or infinite."""
    known = labels[np.isfinite(labels)] if labels.dtype.kind == "f" else labels
    return bool(np.isin(known, (0, 1, -1)).all())


def multi_hot(labels: np.ndarray) -> np.ndarray:
    """Labels [instances, classes] as float64 of 0, 1 and NaN, which stands for all else."""
    return np.where(np.isin(labels, (0, 1)), labels, np.nan).astype(np.float64)


def is_structured(labels: Any) -> bool:
    """Whether labels are several values by name for each instance, as boxes and their classes are."""
    several = isinstance(labels, (list, tuple)) and bool(labels)
    return several and all(isinstance(label, Mapping) for label in labels)


def _are_sets(labels: Any) -> bool:
    """Whether the labels are a collection of classes per instance, as in [["ant", "bee"], []]."""
    sets = (list, tuple, set, frozenset)
    return isinstance(labels, (list, tuple)) and bool(labels) and all(isinstance(label, sets) for label in labels)
