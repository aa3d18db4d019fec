"""Computes the model's loss and compiled metrics in the same forward pass that captures layers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.keras.data.batches import Batch, spec
from tensorboard_activis.capture.keras.depth.tail import PLACES, Tail
from tensorboard_activis.capture.keras.forward import (
    Captured,
    Collector,
    Forward,
    as_arrays,
    places_specs,
    wanted_specs,
)
from tensorboard_activis.capture.keras.intercept import step_intercepted
from tensorboard_activis.capture.keras.model.compiled import compiled
from tensorboard_activis.capture.keras.model.states import model_state_restored, regularized_variables, state_variables
from tensorboard_activis.capture.keras.position_recorder import WANTED, Wanted
from tensorboard_activis.capture.keras.targets import Target


class ScoredForward:
    """Runs the model's `test_step`, as `model.evaluate` does, and captures layers.

    Arguments:
        model: a compiled Keras model.
        targets: the layers to capture.
        inputs: KerasTensors in the structure of the model's inputs; None in shapes for sizes that vary.
        first: the first batch; all batches have labels of the same form.
        eager: whether the model runs on data only, so that it cannot be traced.
        positions: whether the layers' positions are read as well.
        tail: as in `Forward`.

    Raises:
        Exception: whatever the model raises on one instance.
    """

    def __init__(
        self,
        model: Any,
        targets: Sequence[Target],
        inputs: Any,
        first: Batch,
        *,
        eager: bool,
        positions: bool = False,
        tail: Tail | None = None,
    ) -> None:
        self._model, self._positions, self._tail = model, positions, tail
        self._targets = {target.info.name: target for target in targets}
        batch = _as_dict(first)
        # Metrics create their variables at their first call.
        instance = keras.tree.map_structure(lambda array: keras.ops.convert_to_tensor(array[:1]), batch)
        within(
            lambda: self._test_step(instance),
            model_state_restored(
                model, keras.StatelessScope(state_mapping=regularized_variables(model), collect_losses=True)
            ),
        )
        self._states = [*state_variables(model), *model.metrics_variables]
        specs = keras.tree.map_structure(lambda array: spec((None, *array.shape[1:]), array.dtype), batch)
        eager = eager or bool(getattr(model, "run_eagerly", False))
        specs |= {"x": inputs} | (wanted_specs() if positions else {}) | ({} if tail is None else places_specs())
        self._step = compiled(self._run, model, self._states, specs, eager=eager)
        self._logs: dict[str, Any] = {}

    def start(self) -> list[Any]:
        """The current values of the state variables, with the metrics reset."""
        scope = keras.StatelessScope()
        within(self._model.reset_metrics, model_state_restored(self._model, scope))
        updated = [scope.get_current_value(variable) for variable in self._states]
        return [variable.value if new is None else new for variable, new in zip(self._states, updated, strict=True)]

    def __call__(self, batch: Batch, states: list[Any], wanted: Wanted | None = None) -> Captured:
        """Runs one batch; `states`, from `start`, are updated in place. Raises whatever the model raises."""
        (captured, self._logs), states[:] = self._step(_as_dict(batch) | (wanted or {}), list(states))
        return as_arrays(captured, batch.instances)

    def results(self, states: list[Any]) -> dict[str, float]:
        """Loss and metrics by name, as `model.evaluate(return_dict=True)` returns them, after the last batch."""
        scope = keras.StatelessScope(state_mapping=list(zip(self._states, states, strict=True)))
        metrics = within(self._model.get_metrics_result, model_state_restored(self._model, scope))
        # A user's test_step may return other values, which are those of the last batch.
        logs = metrics if set(metrics) == set(self._logs) else self._logs
        return {name: float(np.asarray(keras.ops.convert_to_numpy(value))) for name, value in logs.items()}

    def _run(self, batch: dict[str, Any]) -> tuple[Captured, Any]:
        wanted = {name: batch[name] for name in WANTED} if self._positions else None
        collector = Collector(self._targets, wanted, tail=self._tail)
        logs, outputs = step_intercepted(
            self._model, lambda: self._test_step(batch), collector.add, collector.attention, collector.ended
        )
        if not outputs or any(target.replayed for target in self._targets.values()):
            raise ValueError("test_step does not call the model, or layers names operators in its code")
        return collector.captured(outputs[0], batch["x"], batch.get(PLACES)), logs

    def _test_step(self, batch: dict[str, Any]) -> Any:
        data = keras.utils.pack_x_y_sample_weight(batch["x"], batch.get("y"), batch.get("sample_weight"))
        if keras.backend.backend() != "jax":
            return self._model.test_step(data)
        model = self._model
        groups = (model.trainable_variables, model.non_trainable_variables, model.metrics_variables)
        logs, after = model.test_step(tuple([variable.value for variable in group] for group in groups), data)
        # Asked again, because metrics create their variables at their first call.
        changed = (model.non_trainable_variables, model.metrics_variables)
        for group, values in zip(changed, after[1:], strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return logs


def _as_dict(batch: Batch) -> dict[str, Any]:
    fields = {"x": batch.inputs, "y": batch.labels, "sample_weight": batch.weights}
    return {name: value for name, value in fields.items() if value is not None}


class EvaluationPass:
    """Runs the batches of one pass, with states carried from batch to batch; scored if `make_scored` is not None.

    Attributes:
        error: why there are no results; None if there was no error.
    """

    def __init__(self, forward: Forward, make_scored: Callable[[], ScoredForward] | None = None) -> None:
        self._forward, self._states = forward, forward.start()
        self._scored: ScoredForward | None = None
        self._scored_states: list[Any] = []
        self.error: Exception | None = None
        if make_scored is not None:
            try:
                self._scored = make_scored()
                self._scored_states = self._scored.start()
            except Exception as error:  # whatever the model, its losses and metrics raise
                self._give_up(error)

    def size(self, instances: int) -> int:
        """Instances of a batch with what fills it up."""
        return instances if self._scored is not None else self._forward.size(instances)

    def __call__(self, batch: Batch, wanted: Wanted | None = None) -> Captured:
        """Runs the next batch. Raises whatever the model raises; errors of losses and metrics are stored in `error`."""
        if self._scored is not None:
            try:
                return self._scored(batch, self._scored_states, wanted)
            except Exception as error:
                self._give_up(error)
        return self._forward(batch.inputs, self._states, wanted)

    def results(self) -> dict[str, float]:
        """Loss and metrics by name, after the last batch; empty if they could not be computed, see `error`."""
        if self._scored is None:
            return {}
        try:
            return self._scored.results(self._scored_states)
        except Exception as error:
            self._give_up(error)
            return {}

    def _give_up(self, error: Exception) -> None:
        self._scored, self.error = None, error
