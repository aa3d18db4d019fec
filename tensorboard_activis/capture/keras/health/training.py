"""Measures the health of a Keras model in every n-th step of `fit`."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.health import HealthLog, measures_of
from tensorboard_activis.capture.keras.health.figures import FIGURES
from tensorboard_activis.capture.keras.health.layers import MeasuredLayer, measured_layers
from tensorboard_activis.capture.keras.health.peeked import peeked
from tensorboard_activis.capture.keras.health.second_pass import SecondPass, Seen
from tensorboard_activis.capture.keras.model.building import is_built
from tensorboard_activis.health_part import HealthLayer

#: Values of one variable whose movement is measured, evenly spaced.
_MOST_VALUES = 1 << 16
_BUT = "are not measured; updates of the weights are."
_OWN_STEP = f"The model has a train_step of its own, which only it can compute: activations and gradients {_BUT}"
_STRATEGY = f"Under a distribution strategy no process has the whole batch: activations and gradients {_BUT}"
_SEVERAL = "steps_per_execution is above 1: an update is that of so many steps, the rest is of the first of them."
_ACCUMULATED = (
    "Gradients are accumulated over {} batches: activations and gradients are those of the last one before an update, the update "
    "is that of all."
)


class KerasHealth:
    """Measures batches of `fit`: call `begin` and `end` around each.

    In a step that is measured, the training function of the model is replaced for one call: the batch is computed a second time,
    before it, with the same weights and random numbers. What the training function computes is the same as without.

    Arguments:
        model: compiled.
        log: takes what is measured.
        step: number of training steps so far.
        relus: gives the names of those layers whose output goes into a ReLU, as far as is known.
        is_running: whether the `fit` that this is for is the one that runs now.
    """

    def __init__(
        self,
        model: keras.Model,
        log: HealthLog,
        step: int,
        relus: Callable[[list[str]], set[str]],
        is_running: Callable[[], bool],
    ) -> None:
        self._model, self._log, self._relus, self._is_running = model, log, relus, is_running
        self._accumulated = int(getattr(model.optimizer, "gradient_accumulation_steps", None) or 1)
        self._due = step
        self._batches = step * self._accumulated
        self._pass: SecondPass | None = None
        self._passes_for: Any = None
        self._is_armed = False
        self._measured: tuple[list[MeasuredLayer], Seen | None, np.ndarray] | None = None
        self._batch = 0
        self._logs: tuple[int, Mapping[str, Any]] | None = None
        self._can_pass = self._may_pass()
        if self._accumulated > 1:
            log.note(_ACCUMULATED.format(self._accumulated))

    def begin(self, batch: int) -> None:
        """Before the batch of this index in its epoch."""
        self._batch = batch
        if batch == 0:
            self._logs = None
        original = self._model.train_function
        step, rest = divmod(self._batches, self._accumulated)
        if original is None or step < self._due or rest != self._accumulated - 1 or not is_built(self._model):
            return
        self._is_armed = True

        def measuring(*arguments: Any) -> Any:
            if self._model.train_function is measuring:
                self._model.train_function = original
            if not self._is_armed or not self._is_running():  # an error came between, and another training runs now
                return original(*arguments)
            self._is_armed = False
            return self._run(original, arguments)

        self._model.train_function = measuring

    def end(self, batch: int, logs: Mapping[str, Any] | None) -> None:
        """After it, or after the last of several that are one execution."""
        steps = batch - self._batch + 1
        if steps > 1:
            self._log.note(_SEVERAL)
        self._is_armed = False
        measured, self._measured = self._measured, None
        before, self._logs = self._logs, None if logs is None else (batch + 1, logs)
        if measured is not None:
            layers, seen, moved = measured
            self._add(layers, seen, moved, self._loss_of_logs(before, steps) if seen is None else _number(seen.loss))
            step = self._batches // self._accumulated
            self._due = (step // self._log.every + 1) * self._log.every
        self._batches += steps

    def _may_pass(self) -> bool:
        """Whether batches can be computed a second time; says why not."""
        if type(self._model).train_step is not keras.Model.train_step or "train_step" in vars(self._model):
            self._log.note(_OWN_STEP)
            return False
        if keras.distribution.distribution() is not None:
            self._log.note(_STRATEGY)
            return False
        return True

    def _run(self, original: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """The training function with what is measured around it."""
        layers = measured_layers(self._model)
        *state, source = arguments
        seen = None
        if self._can_pass:
            first, source = peeked(source, self._model.steps_per_execution)
            if first is not None:
                seen = self._seen(layers, first, state[0] if state else None)
            elif keras.backend.backend() == "tensorflow" and self._model.distribute_strategy.num_replicas_in_sync > 1:
                self._log.note(_STRATEGY)
                self._can_pass = False
        before = self._weights(layers, state[0] if state else None)
        result = original(*state, source)
        after = self._weights(layers, result[1] if state else None)
        moved = np.array([_movement(each, *pair) for each, *pair in zip(layers, before, after, strict=True)])
        self._measured = layers, seen, moved.reshape(-1, 2)
        return result

    def _seen(self, layers: list[MeasuredLayer], batch: Any, state: Any) -> Seen | None:
        """What a batch gives; None where it cannot be computed, which is said."""
        if self._pass is None or self._passes_for != layers:
            names = [each.name for each in layers]
            self._pass, self._passes_for = SecondPass(self._model, layers, self._relus(names)), layers
        try:
            seen = self._pass(batch, state)
        except Exception as error:  # whatever users' code raises
            first_line = (str(error).splitlines() or [""])[0][:200]
            self._log.note(
                f"A training step cannot be computed a second time ({type(error).__name__}: {first_line}): activations and "
                f"gradients {_BUT}"
            )
            self._can_pass = False
            return None
        if self._pass.hidden:
            self._log.note(f"Activations inside of a loop are not measured: {', '.join(self._pass.hidden)[:200]}.")
        return seen

    def _weights(self, layers: Sequence[MeasuredLayer], state: Any) -> list[list[np.ndarray]]:
        """By layer, copies of values of its variables; on JAX as they are in the state of the trainer."""
        held = {}
        if state is not None:
            held = {id(one): value for one, value in zip(self._model.trainable_variables, state[0], strict=True)}
        return [[_sample(one, held.get(id(one))) for one in each.variables] for each in layers]

    def _loss_of_logs(self, before: tuple[int, Mapping[str, Any]] | None, steps: int) -> float:
        """The loss of the last batches: Keras's logs have the mean over the epoch so far."""
        if self._logs is None:
            return math.nan
        count, mean = self._logs[0], _number(self._logs[1].get("loss"))
        earlier = 0.0 if before is None else before[0] * _number(before[1].get("loss"))
        return (count * mean - earlier) / steps

    def _add(self, layers: Sequence[MeasuredLayer], seen: Seen | None, moved: np.ndarray, loss: float) -> None:
        sums = np.full((len(layers), FIGURES), np.nan)
        gradients = np.full(len(layers), np.nan)
        if seen is not None:
            sums, gradients = _array(seen.sums).reshape(-1, FIGURES), _array(seen.gradients)
        reached = set() if seen is None or self._pass is None else self._pass.reached
        has_gradient = [each.name in reached for each in layers]
        has_moved = [bool(each.variables) for each in layers]
        counts = np.nan_to_num(np.stack([sums[:, 4], sums[:, 5], has_gradient, has_moved], axis=1))
        values = measures_of(np.column_stack([sums[:, :4], gradients, moved]), counts)
        ran = [] if self._pass is None else self._pass.order
        order = sorted(range(len(layers)), key=lambda index: _place(ran, layers[index].name))
        described = [
            HealthLayer(each.name, type(each.layer).__name__, each.experts, each.chosen)
            for each in (layers[index] for index in order)
        ]
        self._log.add(self._batches // self._accumulated, described, values[:, order], loss)


def _place(ran: list[str], name: str) -> int:
    return ran.index(name) if name in ran else len(ran)


def _movement(layer: MeasuredLayer, before: list[np.ndarray], after: list[np.ndarray]) -> tuple[float, float]:
    """Sums of the squares of what changed, and of what was before."""
    moved = weights = 0.0
    for variable, old, new in zip(layer.variables, before, after, strict=True):
        share = int(np.prod(variable.shape)) / old.size
        moved += share * float(np.square(new - old).sum())
        weights += share * float(np.square(old).sum())
    return moved, weights


def _sample(variable: Any, held: Any) -> np.ndarray:
    """A copy of evenly spaced values of a variable, float64 [values].

    Arguments:
        held: its value, where it is not in the variable.
    """
    flat = keras.ops.reshape(variable.value if held is None else held, (-1,))
    size = int(np.prod(variable.shape))
    # Without a step a slice is as many operators of JAX as one with it.
    return _array(flat if size <= _MOST_VALUES else flat[:: -(-size // _MOST_VALUES)])


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor)).astype(np.float64)


def _number(value: Any) -> float:
    try:
        return float(np.asarray(keras.ops.convert_to_numpy(value)))
    except (TypeError, ValueError, RuntimeError):
        return math.nan
