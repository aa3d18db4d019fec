"""One batch of evaluation data as numpy arrays, and what its inputs look like to a model."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True, slots=True)
class Batch:
    """Some instances of the evaluation data.

    Attributes:
        inputs: arrays [instances, ...] in the structure of the model's inputs.
        labels: as the user passes them, [instances, ...] in the structure of the model's outputs; None without.
        raw: the batch as it came, for users' functions of a batch; (inputs, labels) of arrays.
        weights: sample weights [instances], in the structure of the model's outputs or alone; None without.
    """

    inputs: Any
    labels: Any
    raw: Any
    weights: Any = None

    @property
    def instances(self) -> int:
        return len(keras.tree.flatten(self.inputs)[0])


def as_array(data: Any) -> np.ndarray:
    """A numpy array of what users pass: tensors of any framework, frames and series, lists of numbers."""
    if hasattr(data, "detach"):  # torch
        data = data.detach().cpu()
    if hasattr(data, "to_tensor"):  # ragged
        data = data.to_tensor()
    for convert in ("to_numpy", "numpy"):
        if hasattr(data, convert):
            return np.asarray(getattr(data, convert)())
    return np.asarray(data)


def spec(shape: tuple[int | None, ...], dtype: Any) -> Any:
    """A KerasTensor; None in the shape where a size varies."""
    name = dtype.name if hasattr(dtype, "name") else str(dtype)
    # With a name, for an automatic one would change the names of what users make later.
    return keras.KerasTensor(shape, "string" if name.startswith(("str", "bytes", "object")) else name, name="instances")
