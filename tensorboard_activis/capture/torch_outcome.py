"""What a model answered and what the labels say, as arrays for the recorder."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tensorboard_activis.capture.torch_modules import leaves
from tensorboard_activis.errors import ConfigurationError

#: The recorder's mark for an instance without a label.
MISSING = -1


def scores_of(output: Any, instances: int) -> torch.Tensor | None:
    """The tensor with one score per class, or one number, for each instance: `logits` if the output names them so.

    Returns:
        [instances, classes] or [instances]; None where the model's answer is something else (a map, a sequence).
    """
    found = [(part, leaf) for part, leaf in leaves(output) if isinstance(leaf, torch.Tensor)]
    named = [leaf for part, leaf in found if "logits" in part]
    for leaf in named or [leaf for _, leaf in found[:1]]:
        if leaf.dim() in (1, 2) and leaf.shape[0] == instances and not leaf.is_complex() and not leaf.is_nested:
            return leaf.dequantize() if leaf.is_quantized else leaf
    return None


class Labels:
    """Turns labels of any form into arrays; what they are is decided by the first batch and the model's width.

    Arguments:
        class_names: names that labels which are texts may have.
        first: labels of the first batch.
        width: number of scores that the model gives for an instance; None if it gives something else.

    Raises:
        ConfigurationError: they are no labels that are understood, or do not fit the model or the names.
    """

    def __init__(self, class_names: Sequence[str] | None, first: Any, width: int | None) -> None:
        self._names = None if class_names is None else list(class_names)
        self._width = width
        self._integers = True
        self.problem = ""
        array = self._array(first)
        if array is None:
            return
        array = _flat(array)
        if array.ndim == 1 and array.dtype.kind == "f":
            integral = bool(np.isfinite(array).all() and (array == np.round(array)).all())
            self._integers = integral and ((width or 1) > 1 or set(array.tolist()) <= {0.0, 1.0})
            if not self._integers and (width or 1) > 1:
                stray = array[array != np.round(array)]
                raise ConfigurationError(
                    f"Labels must be whole numbers, for the model tells {width} classes apart; got {stray[:1]}. Give class "
                    "indices, or a model with one output for regression."
                )
        converted = self._converted(array)
        if converted is None:
            self.problem = (
                f"labels of shape {array.shape} are not one per instance, so snapshots say nothing of right and wrong. "
                "Give unpack=, a function of a batch that returns (inputs, labels)."
            )
        elif converted.dtype.kind == "i" and converted.size:
            self._check_range(int(converted.max()))

    def of(self, labels: Any) -> np.ndarray | None:
        """Labels of a batch: int64 [instances], float64 for regression, None without."""
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
            labels = labels.detach().cpu()
            return (labels.float() if labels.dtype in (torch.bfloat16, torch.float16) else labels).numpy()
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

    def _converted(self, array: np.ndarray) -> np.ndarray | None:
        array = _flat(array)
        if array.ndim == 2 and array.shape[1] == self._width and _is_one_hot(array):
            return array.argmax(axis=1).astype(np.int64)
        if array.ndim != 1:
            return None
        if array.dtype.kind in "iub" and self._integers:
            return array.astype(np.int64)
        if not self._integers:
            return array.astype(np.float64)
        missing = ~np.isfinite(array)
        values = np.where(missing, MISSING, array)
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


def _flat(array: np.ndarray) -> np.ndarray:
    """One number per instance, if it is only the shape that says otherwise."""
    if array.ndim == 0:
        return array[None]
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _is_one_hot(array: np.ndarray) -> bool:
    return bool((((array == 0) | (array == 1)).all()) and (array.sum(axis=1) == 1).all())
