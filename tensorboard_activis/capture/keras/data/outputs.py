"""Selects the output that is the prediction and the input that is the content of an instance; names of losses and errors."""

import re
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.instances.thumbnails import is_image


def output_arrays(outputs: Any) -> list[tuple[str, np.ndarray]]:
    """The arrays of a model's outputs, or the masks of these, with their key paths, such as "[1]" or "[logits]"."""
    return [
        ("".join(f"[{step}]" for step in path), array)
        for path, array in keras.tree.flatten_with_path(outputs)
        if array is not None
    ]


def content(inputs: Any) -> np.ndarray | None:
    """The input that is the content of instances, an array [instances, ...]: the first of images, else the first of numbers."""
    arrays = [array for array in keras.tree.flatten(inputs) if array.dtype.kind in "fiub"]
    return next((array for array in arrays if is_image(array, image_channels(array))), arrays[0] if arrays else None)


def image_channels(inputs: np.ndarray | None) -> str:
    """Whether a batch of images [instances, ...] has channels "first" or "last"."""
    if inputs is not None and inputs.ndim == 4:
        first, last = inputs.shape[1] in (1, 3, 4), inputs.shape[3] in (1, 3, 4)
        if first != last:
            return "first" if first else "last"
    return "first" if keras.config.image_data_format() == "channels_first" else "last"


def describe(inputs: Any) -> str:
    """Types and shapes of the arrays of a batch, for messages."""
    return ", ".join(f"{name}{array.dtype} {array.shape}" for name, array in _named(inputs))


def _named(inputs: Any) -> Iterable[tuple[str, np.ndarray]]:
    for path, array in keras.tree.flatten_with_path(inputs):
        yield "".join(f"{step}: " for step in path), array


def short_message(error: Exception) -> str:
    """The message of an error in at most 400 characters, without the colours and call arguments that Keras adds."""
    text = str(error)
    marked = re.findall("\x1b\\[1m(.+?)\x1b\\[0m", text, re.DOTALL)
    short = " ".join((marked[-1] if marked else text).split())
    return f"{type(error).__name__}: {short[:400]}"


def loss_names(model: Any) -> str:
    """The names of the losses that a model was compiled with, in snake case, separated by spaces; "" if there are none."""
    losses = getattr(model, "loss", None)
    if losses is None:
        return ""
    return " ".join(_names(losses.values() if isinstance(losses, dict) else keras.tree.flatten(losses)))


def _names(losses: Iterable[Any]) -> Iterable[str]:
    for loss in losses:
        if loss is not None:
            yield str(loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))).lower()
