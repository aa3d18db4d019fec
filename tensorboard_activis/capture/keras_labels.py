"""What labels mean: class indices, one-hot rows, names of classes, or numbers to predict."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorboard_activis.errors import ConfigurationError


class Labels:
    """Turns labels into class indices where they are classes. What they are is decided once, not batch by batch.

    Arguments:
        seen: all labels, or those of the first batch: [instances] or [instances, 1], one-hot rows [instances, classes],
            names of classes, or numbers. None: without.
        class_names: of the classes, in the order of the model's outputs.
        width: of the model's output [instances, width]; None where it is not known.
        loss: names of the model's losses; a cross entropy says that whole numbers are classes, a binary one that several
            classes may hold at once.

    Raises:
        ConfigurationError: texts without `class_names` or not among them; more classes than names or than outputs.
    """

    def __init__(
        self, seen: Any, class_names: Sequence[str] | None, *, width: int | None = None, loss: str = ""
    ) -> None:
        self._names = None if class_names is None else {name: number for number, name in enumerate(class_names)}
        self._one_hot = self._whole = False
        if seen is None:
            return
        labels = _flat(seen)
        if labels.ndim == 2:
            exclusive = not ("binary" in loss and "crossentropy" in loss)
            self._one_hot = exclusive and (_is_one_hot(labels) or " categorical_crossentropy" in f" {loss}")
        elif labels.dtype.kind == "f" and np.array_equal(labels, np.round(labels)):
            is_class = "crossentropy" in loss or (width is not None and width > 1)
            self._whole = is_class or bool(np.isin(labels, (0, 1)).all())
        self._check(self.of(seen), width)

    def of(self, labels: Any) -> np.ndarray | None:
        """Labels of a batch: integers [instances] for classes; as they came, where they are no classes; None without."""
        if labels is None:
            return None
        labels = _flat(labels)
        if labels.dtype.kind in "OSU":
            return self._indices(labels)
        if self._one_hot:
            return labels.argmax(axis=1)
        return labels.astype(np.int64) if self._whole else labels

    def _indices(self, labels: np.ndarray) -> np.ndarray:
        if self._names is None:
            raise ConfigurationError("y holds texts; pass class_names=[...], in the order of the model's outputs.")
        texts = [text.decode() if isinstance(text, bytes) else str(text) for text in labels.ravel()]
        unknown = next((text for text in texts if text not in self._names), None)
        if unknown is not None:
            raise ConfigurationError(
                f"y holds the label {unknown!r}, which is not among class_names {list(self._names)!r}."
            )
        return np.array([self._names[text] for text in texts], dtype=np.int64)

    def _check(self, labels: np.ndarray | None, width: int | None) -> None:
        if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu" or not labels.size:
            return
        highest = int(labels.max())
        if self._names is not None and highest >= len(self._names):
            raise ConfigurationError(
                f"class_names has {len(self._names)} names, but y holds the class {highest}. Name all {highest + 1} classes."
            )
        if width is not None and width > 1 and highest >= width:
            raise ConfigurationError(
                f"y holds the class {highest}, but the model tells {width} classes apart, 0 to {width - 1}. "
                "Check that labels count from 0."
            )


def check_width(class_names: Sequence[str] | None, width: int | None) -> None:
    """Raises ConfigurationError where a model of this output width tells more or fewer classes apart than there are names."""
    if class_names is None or width is None or len(class_names) == max(width, 2):
        return
    raise ConfigurationError(
        f"class_names has {len(class_names)} names, but the model tells {max(width, 2)} classes apart. Name each of them."
    )


def _flat(labels: Any) -> np.ndarray:
    labels = np.asarray(labels)
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def _is_one_hot(labels: np.ndarray) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())
