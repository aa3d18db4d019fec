"""What one layer gives in the forward pass of one training step, as a few sums, by operators of Keras: traced or on data."""

import math
from typing import Any

import keras
from keras import ops

from tensorboard_activis.capture.keras.health.layers import MeasuredLayer

#: Values of one output that the kurtosis is estimated from, evenly spaced.
MOST_VALUES = 1 << 16
#: Per layer: sum of squares, kurtosis, share of dead neurons, share of tokens of the busiest expert, values, instances.
FIGURES = 6


class LayerFigures:
    """Adds up the outputs of a layer over its calls in one forward pass.

    Arguments:
        relu: whether its output goes into a ReLU, so that what is not above 0 is silent.
    """

    def __init__(self, measured: MeasuredLayer, *, relu: bool) -> None:
        self._measured, self._relu = measured, relu
        self._squares: list[Any] = []
        self._kurtosis: list[Any] = []
        self._values: list[Any] = []
        self._instances: list[Any] = []
        self._alive: Any = None
        self._chosen: Any = None
        self._tokens: Any = 0.0

    def add(self, outputs: Any, axis: int) -> None:
        """Adds what one call gave.

        Arguments:
            axis: of the neurons in its first output, counted without the instances.
        """
        tensor = first_tensor(outputs)
        if tensor is None:
            return
        tensor = ops.cast(tensor, "float32")
        sizes = ops.shape(tensor)
        count: Any = 1.0
        for size in sizes:
            count = count * ops.cast(size, "float32")
        self._values.append(count)
        self._instances.append(ops.cast(sizes[0], "float32"))
        self._squares.append(ops.sum(ops.square(tensor)))
        self._kurtosis.append(_kurtosis(tensor) * count)
        if len(tensor.shape) > 1:
            others = tuple(each for each in range(len(tensor.shape)) if each != axis + 1)
            # A comparison with NaN is false, but what is not a number is not silent.
            alive = ops.any(ops.logical_not(tensor <= 0) if self._relu else tensor != 0, axis=others)
            fits = self._alive is not None and self._alive.shape == alive.shape
            self._alive = ops.logical_or(self._alive, alive) if fits else alive
            self._route(tensor)

    def _route(self, scores: Any) -> None:
        """Counts the tokens of each expert: those of the largest scores."""
        experts = self._measured.experts
        if not experts or scores.shape[-1] != experts:
            return
        rows = ops.reshape(scores, (-1, experts))
        _, chosen = ops.top_k(rows, self._measured.chosen)
        counts = ops.sum(ops.one_hot(chosen, experts, dtype="float32"), axis=(0, 1))
        self._chosen = counts if self._chosen is None else self._chosen + counts
        self._tokens = self._tokens + ops.cast(ops.shape(rows)[0], "float32")

    def sums(self) -> Any:
        """The figures, float32 [figures]; NaN for what is not known."""
        if not self._squares:
            return ops.convert_to_tensor([math.nan] * 4 + [0.0, 0.0], "float32")
        values = _total(self._values)
        dead = math.nan if self._alive is None else 1 - ops.mean(ops.cast(self._alive, "float32"))
        load = math.nan if self._chosen is None else ops.max(self._chosen) / self._tokens
        parts = [_total(self._squares), _total(self._kurtosis) / values, dead, load, values, _total(self._instances)]
        return ops.stack([ops.cast(ops.convert_to_tensor(part), "float32") for part in parts])


def first_tensor(outputs: Any) -> Any:
    """The first tensor of floating-point values in what a layer returns; None without one."""
    for tensor in keras.tree.flatten(outputs):
        if hasattr(tensor, "shape") and not keras.backend.is_keras_tensor(tensor) and hasattr(tensor, "dtype"):
            kind = str(keras.backend.standardize_dtype(tensor.dtype))
            if kind.startswith(("float", "bfloat")) and len(tensor.shape) > 0:
                return tensor
    return None


def _total(parts: list[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _kurtosis(tensor: Any) -> Any:
    """Fourth central moment ÷ squared variance, of at most `MOST_VALUES` values; NaN where all are equal."""
    flat = ops.reshape(tensor, (-1,))
    size = flat.shape[0] if flat.shape[0] is not None else ops.shape(flat)[0]
    flat = flat[:: -(-size // MOST_VALUES)] if not isinstance(size, int) or size > MOST_VALUES else flat
    squares = ops.square(flat - ops.mean(flat))
    variance = ops.mean(squares)
    return ops.mean(ops.square(squares)) / (variance * variance)
