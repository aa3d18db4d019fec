"""Which of a model's outputs and inputs stand for an instance, and what its losses say of the labels."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.columns import is_image
from tensorboard_activis.errors import ConfigurationError


def watched(outputs: Any, labels: Any) -> tuple[np.ndarray, Any]:
    """The output that is the prediction, with its labels: the first that has labels, else the first.

    Arguments:
        outputs, labels: an array, or a list or dict of them in the model's own structure; labels None without.
    """
    if isinstance(outputs, dict):
        if isinstance(labels, dict):
            name = next((name for name in outputs if labels.get(name) is not None), next(iter(outputs)))
            return outputs[name], labels.get(name)
        return next(iter(outputs.values())), labels
    flat = keras.tree.flatten(outputs)
    if isinstance(labels, list | tuple):
        return next(
            ((output, label) for output, label in zip(flat, labels, strict=False) if label is not None), (flat[0], None)
        )
    return flat[0], next(iter(labels.values())) if isinstance(labels, dict) else labels


def check_classes(
    labels: np.ndarray | None, class_names: Sequence[str] | None, outputs: np.ndarray | None = None
) -> None:
    """Compare class names with the labels or with the model's outputs, as far as these are classes.

    Raises:
        ConfigurationError: there are more classes than names, or the model's output is wider or narrower.
    """
    if class_names is None:
        return
    if labels is not None and labels.ndim == 1 and labels.dtype.kind in "iu" and labels.size:
        highest = int(labels.max())
        if highest >= len(class_names):
            raise ConfigurationError(
                f"class_names has {len(class_names)} names, but y holds the class {highest}. Name all {highest + 1} classes."
            )
    if outputs is not None and outputs.ndim == 2:
        classes = max(outputs.shape[1], 2)
        if classes != len(class_names):
            raise ConfigurationError(
                f"class_names has {len(class_names)} names, but the model tells {classes} classes apart. Name each of them."
            )


def content(inputs: Any) -> np.ndarray | None:
    """The input to show for an instance: the first image, else the first array of numbers."""
    arrays = [array for array in keras.tree.flatten(inputs) if array.dtype.kind in "fiub"]
    return next((array for array in arrays if is_image(array, image_channels(array))), arrays[0] if arrays else None)


def image_channels(inputs: np.ndarray | None) -> str:
    """Where an image batch [instances, ...] has its channels, "first" or "last"."""
    if inputs is not None and inputs.ndim == 4:
        first, last = inputs.shape[1] in (1, 3, 4), inputs.shape[3] in (1, 3, 4)
        if first != last:
            return "first" if first else "last"
    return "first" if keras.config.image_data_format() == "channels_first" else "last"


def loss_names(model: Any) -> str:
    """The names of the losses that a model was compiled with, in snake case, one after the other; "" without."""
    losses = getattr(model, "loss", None)
    if losses is None:
        return ""
    return " ".join(_names(losses.values() if isinstance(losses, dict) else keras.tree.flatten(losses)))


def _names(losses: Iterable[Any]) -> Iterable[str]:
    for loss in losses:
        if loss is not None:
            yield str(loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))).lower()
