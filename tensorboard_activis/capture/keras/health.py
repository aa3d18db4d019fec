"""Training health in Keras, as far as a callback sees it: updates of weights, gradients where they stay, and the loss."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.health import MEASURES, MOST_LAYERS, HealthLog
from tensorboard_activis.health_part import HealthLayer

#: Values of one variable whose movement is measured, evenly spaced.
_MOST_VALUES = 1 << 16
_NOT_HAD = (
    "A callback of Keras sees no activations while the model trains, so that norm, dead neurons and kurtosis are not measured; the "
    "snapshots have them over the evaluation data."
)
_NO_GRADIENTS = "Gradients are not measured on this backend: they exist only inside of the compiled training step."
_SEVERAL = "steps_per_execution is above 1: an update is that of so many steps."


class KerasHealth:
    """Measures batches of `fit`: call `begin` and `end` around each.

    Arguments:
        model: compiled.
        log: takes what is measured.
        step: number of training steps so far.
    """

    def __init__(self, model: keras.Model, log: HealthLog, step: int) -> None:
        self._model, self._log, self._step = model, log, step
        self._due = step
        self._before: dict[str, list[np.ndarray]] | None = None
        self._layers: dict[str, Any] = {}
        self._batch = 0
        self._mean = self._total = 0.0
        log.note(_NOT_HAD)
        if keras.backend.backend() != "torch":
            log.note(_NO_GRADIENTS)

    def begin(self, batch: int) -> None:
        """Before the batch of this index in its epoch."""
        self._batch = batch
        if batch == 0:
            self._total = 0.0
        self._before = None
        if self._step < self._due:
            return
        self._due = (self._step // self._log.every + 1) * self._log.every
        self._layers = _layers(self._model)
        self._before = {name: [_sample(one) for one in _variables(layer)] for name, layer in self._layers.items()}

    def end(self, batch: int, logs: Mapping[str, Any] | None) -> None:
        """After it, or after the last of several that are one execution."""
        steps = batch - self._batch + 1
        if steps > 1:
            self._log.note(_SEVERAL)
        # Keras gives the mean over the epoch so far.
        total = float((logs or {}).get("loss", math.nan)) * (batch + 1)
        loss, self._total = (total - self._total) / steps, total
        if self._before is not None:
            self._measure(self._before, loss)
        self._before = None
        self._step += steps

    def _measure(self, before: Mapping[str, list[np.ndarray]], loss: float) -> None:
        values = np.full((len(MEASURES), len(before)), np.nan, np.float32)
        for index, (name, old) in enumerate(before.items()):
            layer = self._layers[name]
            moved = weights = 0.0
            for variable, one in zip(_variables(layer), old, strict=True):
                share = int(np.prod(variable.shape)) / one.size
                moved += share * float(np.square(_sample(variable) - one).sum())
                weights += share * float(np.square(one).sum())
            if weights > 0:
                values[MEASURES.index("update_ratio"), index] = _finite(math.sqrt(moved / weights))
            values[MEASURES.index("gradient_norm"), index] = _gradient_norm(layer)
        layers = [HealthLayer(name, type(layer).__name__) for name, layer in self._layers.items()]
        self._log.add(self._step, layers, values, loss)


def _layers(model: keras.Model) -> dict[str, Any]:
    """The layers with trainable variables of their own, by name, or by path where names are not unique."""
    found = [layer for layer in model._flatten_layers(include_self=False) if _variables(layer)]
    names = [layer.name for layer in found]
    unique = len(set(names)) == len(names)
    return {layer.name if unique else layer.path: layer for layer in found[:MOST_LAYERS]}


def _variables(layer: Any) -> list[Any]:
    """A layer's own trainable variables, not those of layers inside of it."""
    inner = {id(one) for each in layer._flatten_layers(include_self=False) for one in each.variables}
    return [one for one in layer.trainable_variables if id(one) not in inner]


def _sample(variable: Any) -> np.ndarray:
    """A copy of evenly spaced values, float64 [values]."""
    flat = keras.ops.reshape(variable.value, (-1,))
    size = max(1, int(np.prod(variable.shape)))
    return np.asarray(keras.ops.convert_to_numpy(flat[:: -(-size // _MOST_VALUES)])).astype(np.float64)


def _gradient_norm(layer: Any) -> float:
    """Norm of the gradients that torch's parameters still have after a step; NaN on other backends."""
    gradients = [getattr(one.value, "grad", None) for one in _variables(layer)] if _on_torch() else []
    squares = [float(one.detach().float().square().sum()) for one in gradients if one is not None]
    return _finite(math.sqrt(sum(squares))) if squares else math.nan


def _on_torch() -> bool:
    return bool(keras.backend.backend() == "torch")


def _finite(value: float) -> float:
    """Infinite where it is not finite: NaN means that nothing was measured."""
    return value if math.isfinite(value) else math.inf
