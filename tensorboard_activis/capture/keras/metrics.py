"""The model's own loss and compiled metrics on the evaluation data, of the same forward pass that captures layers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.interrupts import within
from tensorboard_activis.capture.keras.batches import Batch, spec
from tensorboard_activis.capture.keras.compiled import compiled
from tensorboard_activis.capture.keras.forward import Captured, Collector, Forward, as_arrays
from tensorboard_activis.capture.keras.intercept import step_intercepted
from tensorboard_activis.capture.keras.states import regularized, state_variables, untouched
from tensorboard_activis.capture.keras.targets import Target


class ScoredForward:
    """Runs the model's `test_step`, as `model.evaluate` does, and captures layers on the way.

    Arguments:
        model: a compiled Keras model.
        targets: what to capture.
        inputs: KerasTensors in the structure of the model's inputs, None where sizes vary.
        first: the first batch; others have labels of the same form.
        eager: for a model that only runs on data, not in a graph.

    Raises:
        Exception: whatever the model raises on one instance.
    """

    def __init__(self, model: Any, targets: Sequence[Target], inputs: Any, first: Batch, *, eager: bool) -> None:
        self._model = model
        self._targets = {target.info.name: target for target in targets}
        batch = _parts(first)
        # Metrics make their variables at their first call.
        row = keras.tree.map_structure(lambda array: keras.ops.convert_to_tensor(array[:1]), batch)
        within(
            lambda: self._test_step(row),
            untouched(model, keras.StatelessScope(state_mapping=regularized(model), collect_losses=True)),
        )
        self._states = [*state_variables(model), *model.metrics_variables]
        specs = keras.tree.map_structure(lambda array: spec((None, *array.shape[1:]), array.dtype), batch)
        eager = eager or bool(getattr(model, "run_eagerly", False))
        self._step = compiled(self._run, model, self._states, specs | {"x": inputs}, eager=eager)
        self._logs: dict[str, Any] = {}

    def start(self) -> list[Any]:
        """The states as training left them, and the metrics reset."""
        scope = keras.StatelessScope()
        within(self._model.reset_metrics, untouched(self._model, scope))
        updated = [scope.get_current_value(variable) for variable in self._states]
        return [variable.value if new is None else new for variable, new in zip(self._states, updated, strict=True)]

    def __call__(self, batch: Batch, states: list[Any]) -> Captured:
        """Run one batch; `states`, from `start`, are updated. Raises whatever the model raises."""
        (captured, self._logs), states[:] = self._step(_parts(batch), list(states))
        return as_arrays(captured, batch.instances)

    def results(self, states: list[Any]) -> dict[str, float]:
        """Loss and metrics by name, as `model.evaluate(return_dict=True)` returns them, after the last batch."""
        scope = keras.StatelessScope(state_mapping=list(zip(self._states, states, strict=True)))
        metrics = within(self._model.get_metrics_result, untouched(self._model, scope))
        # A test_step of the user's own may return others, of the last batch.
        logs = metrics if set(metrics) == set(self._logs) else self._logs
        return {name: float(np.asarray(keras.ops.convert_to_numpy(value))) for name, value in logs.items()}

    def _run(self, batch: dict[str, Any]) -> tuple[Captured, Any]:
        collector = Collector(self._targets)
        logs, outputs = step_intercepted(self._model, lambda: self._test_step(batch), collector.add)
        if not outputs or any(target.replayed for target in self._targets.values()):
            raise ValueError("test_step does not call the model, or layers names operators in its code")
        return collector.captured(outputs[0]), logs

    def _test_step(self, batch: dict[str, Any]) -> Any:
        data = keras.utils.pack_x_y_sample_weight(batch["x"], batch.get("y"), batch.get("sample_weight"))
        if keras.backend.backend() != "jax":
            return self._model.test_step(data)
        model = self._model
        groups = (model.trainable_variables, model.non_trainable_variables, model.metrics_variables)
        logs, after = model.test_step(tuple([variable.value for variable in group] for group in groups), data)
        for group, values in zip(groups[1:], after[1:], strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return logs


def _parts(batch: Batch) -> dict[str, Any]:
    parts = {"x": batch.inputs, "y": batch.labels, "sample_weight": batch.weights}
    return {name: part for name, part in parts.items() if part is not None}


class EvaluationPass:
    """Runs the batches of one pass, with the states carried from one to the next.

    Attributes:
        error: why there are no results; None where there are.
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

    def __call__(self, batch: Batch) -> Captured:
        if self._scored is not None:
            try:
                return self._scored(batch, self._scored_states)
            except Exception as error:
                self._give_up(error)
        return self._forward(batch.inputs, self._states)

    def results(self) -> dict[str, float]:
        """Loss and metrics by name; none where they could not be had, see `error`."""
        if self._scored is None:
            return {}
        try:
            return self._scored.results(self._scored_states)
        except Exception as error:
            self._give_up(error)
            return {}

    def _give_up(self, error: Exception) -> None:
        self._scored, self.error = None, error
