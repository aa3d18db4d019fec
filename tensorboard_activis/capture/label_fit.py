"""Which outputs of a model fit the labels of a batch, by their shapes."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorboard_activis.capture.options import SharedOptions
from tensorboard_activis.capture.tasks.labels import is_multi_hot, squeezed

#: Outputs of these names are no scores of classes, whatever their shape.
REPRESENTATION = re.compile(r"hidden|pooler|pooled|attention|key_values|embed|feature")


@dataclass(frozen=True)
class Candidate:
    """An output with a row per instance: its key path, its shape with the instances first, and their axis in the tensor."""

    path: str
    shape: tuple[int, ...]
    axis: int

    @property
    def name(self) -> str:
        """The last step of the key path."""
        return self.path.rpartition("[")[2].rstrip("]").lower()

    @property
    def is_named_score(self) -> bool:
        """Whether its key path says that it is a score."""
        return "logits" in self.path.lower() or "scores" in self.path.lower()

    @property
    def is_number(self) -> bool:
        """Whether it has one number per instance."""
        return len(self.shape) == 1 or self.shape[1:] == (1,)


@dataclass(frozen=True)
class Fit:
    """How well an output fits the labels.

    Attributes:
        rank: 1 for what such labels usually are of; 2 for what they may be of.
        exact: whether it has as many scores as there are classes, and not only enough.
    """

    rank: int
    exact: bool = False


class LabelFit:
    """Which shapes fit the labels of a batch.

    Attributes:
        described: the labels, in words.
        is_wanted: whether there are labels, or class names or a task that need scores.
        are_classes: whether the labels are one class index per instance, or may be.
    """

    def __init__(self, labels: Any, options: SharedOptions, highest: int) -> None:
        names, self._task = options["class_names"], options["task"]
        self._names = None if names is None else len(names)
        sets = isinstance(labels, list | tuple) and any(
            isinstance(one, Collection) and not isinstance(one, str | bytes) for one in labels
        )
        array: np.ndarray = np.empty(0) if labels is None or sets else np.asarray(labels)
        self._array = array
        self._labels = None if labels is None else squeezed(array)
        self._several = sets or self._task == "multilabel"
        self._is_text = array.dtype.kind not in "iubf"
        known = array[np.isfinite(array)] if array.dtype.kind == "f" else array
        self._whole = self._is_text or bool((known == np.round(known)).all())
        if sets:
            indices = [index for one in labels for index in one if isinstance(index, int | np.integer)]
            highest = max([highest, *map(int, indices)])
        elif known.size and not self._is_text:
            highest = max(highest, int(known.max()))
        self._highest = highest
        self.are_classes = self._whole and self._labels is not None and self._labels.ndim == 1
        self.is_wanted = labels is not None or names is not None or self._task is not None
        if labels is None:
            self.described = f"task={self._task!r}"
        elif sets or self._is_text:
            self.described = f"the {len(labels)} labels"
        else:
            self.described = f"labels [{', '.join(['instances', *map(str, array.shape[1:])])}] of {array.dtype}"
            if self._whole and known.size:
                self.described += f" up to {highest}"
        if self._names is not None:
            self.described = f"{self.described} and the {self._names} class_names"

    def of(self, output: Candidate) -> Fit | None:
        """How an output fits; None if it does not."""
        labels, array, shape = self._labels, self._array, output.shape
        if self._task == "ranking":
            return Fit(1) if output.is_number else None
        if self._task == "tokens":
            return self._as_positions(shape, 1) if labels is not None else Fit(1) if len(shape) == 3 else None
        if labels is None:
            return self._unlabelled(output)
        if self._several:
            width = labels.shape[1] if labels.ndim == 2 else self._names
            return Fit(1) if len(shape) == 2 and shape[1] > self._highest and width in (None, shape[1]) else None
        if len(shape) == 3 and array.ndim == 2:
            return self._as_positions(shape, 1 if array.dtype.kind in "iub" else 2)
        same = (output.is_number and labels.ndim == 1) or shape[1:] == labels.shape[1:]
        if self._task == "regression":
            return Fit(1) if same else None
        if labels.ndim == 1:
            return self._as_classes(output)
        if labels.ndim > 2:
            return Fit(1) if same or (len(shape) == 3 and labels.shape[1:] == (shape[1], 1)) else None
        whole = labels.dtype.kind in "iub"
        return Fit(1 if not whole or is_multi_hot(labels) else 2, exact=not whole) if same else None

    def _unlabelled(self, output: Candidate) -> Fit | None:
        if output.is_number:
            return Fit(1) if self._task == "regression" or self._names == 2 else None
        return Fit(1) if len(output.shape) == 2 and self._names in (None, output.shape[1]) else None

    def _as_classes(self, output: Candidate) -> Fit | None:
        """For one label per instance: a class, a number, or either."""
        assert self._labels is not None
        binary = self._whole and self._highest <= 1 and self._names in (None, 2)
        classes = self._is_text or self._labels.dtype.kind in "iub" or self._names or self._task == "classification"
        if output.is_number:
            if classes and not binary:
                return None if self._names or self._task == "classification" or self._is_text else Fit(2)
            return Fit(1, exact=True)
        shape = output.shape
        if not self._whole or len(shape) != 2 or REPRESENTATION.search(output.path.lower()):
            return None
        if shape[1] <= self._highest or self._names not in (None, shape[1]):
            return None
        return Fit(1 if classes else 2, exact=shape[1] == (self._names or max(2, self._highest + 1)))

    def _as_positions(self, shape: tuple[int, ...], rank: int) -> Fit | None:
        """For a label per position: scores [instances, positions, classes], or with the classes before the positions."""
        if len(shape) != 3 or not self._whole or self._array.ndim < 2:
            return None
        _, first, second = shape
        classes = [size for size, rest in ((second, first), (first, second)) if rest == self._array.shape[1]]
        enough = [each for each in classes if each > self._highest and self._names in (None, each)]
        return Fit(rank, exact=bool(enough) and enough[0] == (self._names or self._highest + 1)) if enough else None
