"""A batch of evaluation data as numpy arrays, and the KerasTensors that describe its inputs to a model."""

from dataclasses import dataclass
from typing import Any

import keras

from tensorboard_activis.capture.tasks.arrays import as_array as as_array


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of instances of the evaluation data.

    Attributes:
        inputs: arrays [instances, ...] in the structure of the model's inputs.
        labels: as the user passes them, [instances, ...] in the structure of the model's outputs; None if there are none.
        raw: the batch as the data yield it, the argument of users' functions; for arrays, (inputs, labels).
        weights: sample weights [instances], in the structure of the model's outputs or a single array; None if there are none.
    """

    inputs: Any
    labels: Any
    raw: Any
    weights: Any = None

    @property
    def instances(self) -> int:
        return len(keras.tree.flatten(self.inputs)[0])


def spec(shape: tuple[int | None, ...], dtype: Any) -> Any:
    """A KerasTensor of this shape (None for a size that varies) and type, which is a type of numpy or of a framework."""
    name = dtype.name if hasattr(dtype, "name") else str(dtype)
    # Named, because an automatic name would increase Keras's counters and so change the names of layers made later.
    return keras.KerasTensor(shape, "string" if name.startswith(("str", "bytes", "object")) else name, name="instances")
