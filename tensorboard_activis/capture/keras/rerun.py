"""Runs instances of an evaluation of a Keras model again, with gradients of their margins, or with neurons changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from tensorboard_activis.capture.effects.margins import LEAST
from tensorboard_activis.capture.effects.measuring import EffectPlan
from tensorboard_activis.capture.effects.rerun import Gradients, Parts, Repeatable, Setting
from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.isolation.random_states import random_states
from tensorboard_activis.capture.keras.data.batches import as_array
from tensorboard_activis.capture.keras.graph.head_nodes import HEADS
from tensorboard_activis.capture.keras.masks import Masks
from tensorboard_activis.capture.keras.model import calls as keras_calls
from tensorboard_activis.capture.keras.model.states import (
    backend_variables_restored,
    model_state_restored,
    state_variables,
)
from tensorboard_activis.capture.keras.reduce import reduce_activations
from tensorboard_activis.capture.keras.targets import Target
from tensorboard_activis.errors import ActiVisError, warn

#: Instances that run together: with gradients all outputs of layers are in memory.
_MOST = 64

#: Factor and shift of a layer, tensors [instances, neurons].
Pair = tuple[Any, Any]


def effect_plan(options: Mapping[str, Any]) -> EffectPlan | None:
    """What is measured of errors; None: nothing, or it cannot be, which is said."""
    plan = EffectPlan.of(options)
    if plan is None or keras.backend.backend() != "jax":
        return plan
    warn(
        "ActiVis: no effects are measured with Keras on JAX, only on TensorFlow and torch. Everything else is logged. Leave "
        "effects= out, or set KERAS_BACKEND to tensorflow or torch."
    )
    return None


@dataclass(frozen=True)
class HeldInputs:
    """Instances as the model was called with them: arrays [instances, ...] in the structure of its inputs."""

    inputs: Any

    @property
    def nbytes(self) -> int:
        """Of the arrays."""
        return sum(each.nbytes for each in keras.tree.flatten(self.inputs))

    def take(self, rows: np.ndarray) -> "HeldInputs":
        """Some of the instances, int [rows], perhaps several times: copies."""
        return HeldInputs(keras.tree.map_structure(lambda array: array[rows], self.inputs))

    @property
    def count(self) -> int:
        """Number of instances."""
        return len(keras.tree.flatten(self.inputs)[0])


class KerasRerun:
    """The model of an evaluation, as it is when that is over.

    Arguments:
        model: a built Keras model.
        targets: the layers that are recorded.
        score: gives the score, with the instances first, of outputs of the model and a number of instances.
        loaders: that draw random numbers, whose state is restored.
    """

    def __init__(
        self, model: Any, targets: Sequence[Target], score: Callable[[Any, int], Any], loaders: Sequence[Any]
    ) -> None:
        self._model, self._score, self._loaders = model, score, tuple(loaders)
        self._targets = {target.info.name: target for target in targets}

    def repeatable(self, inputs: Any) -> Repeatable:
        """A batch of these inputs."""
        return Repeatable(self, lambda: HeldInputs(inputs))

    def gradients(self, parts: Parts, labels: np.ndarray, *, probabilities: bool) -> Gradients:
        """See `Rerun.gradients`."""
        margins = np.full(labels.size, np.nan)
        arrays: dict[str, tuple[np.ndarray, ...]] = {}
        failures: dict[str, str] = {}

        def run() -> None:
            for held, positions in _batches(parts):
                count = held.count
                pairs = {
                    name: _leaves(count, target.info.neurons)
                    for name, target in self._targets.items()
                    if not target.replayed and f"/{HEADS}" not in name
                }
                passed = _Pass(self._targets, pairs)
                forward = partial(self._margins, passed, held, labels[positions], probabilities)
                found, by_layer = _differentiated(forward, pairs)
                failures.update(passed.failures)
                margins[positions] = as_array(found)
                for name, pair in by_layer.items():
                    if pair is None or name not in passed.activations:
                        failures.setdefault(name, "the score does not depend on it by a gradient.")
                        continue
                    for place, values in enumerate((pair[1], pair[0], passed.activations[name])):
                        shape = (labels.size, self._targets[name].info.neurons)
                        empty = tuple(np.full(shape, np.nan, np.float32) for _ in range(3))
                        arrays.setdefault(name, empty)[place][positions] = as_array(values)

        self._isolated(run)
        for name, target in self._targets.items():
            if f"/{HEADS}" in name:
                failures[name] = "heads of attention are read inside of a layer, and cannot be changed there."
            elif target.replayed:
                failures[name] = "it is an operator in the code of the model, which is only seen beside it."
        layers = {name: (each[0], each[1], each[2]) for name, each in arrays.items() if name not in failures}
        return Gradients(margins, layers, failures)

    def margins(self, parts: Parts, labels: np.ndarray, setting: Setting, *, probabilities: bool) -> np.ndarray:
        """See `Rerun.margins`."""
        margins = np.full(labels.size, np.nan)

        def run() -> None:
            for held, positions in _batches(parts):
                own = setting.of(positions)
                pair = ops.convert_to_tensor(own.factor), ops.convert_to_tensor(own.shift)
                passed = _Pass(self._targets, {setting.layer: pair})
                margins[positions] = as_array(self._margins(passed, held, labels[positions], probabilities))
                if setting.layer in passed.failures:
                    raise ActiVisError(passed.failures[setting.layer])

        self._isolated(lambda: _without_gradients(run))
        return margins

    def _isolated(self, run: Callable[[], None]) -> None:
        """Runs a function, and restores the state of the model and all random numbers."""
        states = [(variable, variable.value) for variable in state_variables(self._model)]
        scope = keras.StatelessScope(state_mapping=states)
        within(
            run,
            random_states(self._loaders),
            backend_variables_restored(self._model),
            model_state_restored(self._model, scope),
        )

    def _margins(self, passed: "_Pass", held: HeldInputs, labels: np.ndarray, probabilities: bool) -> Any:
        inputs = keras.tree.map_structure(ops.convert_to_tensor, held.inputs)
        with ExitStack() as stack:
            stack.enter_context(keras_calls.intercepted(self._model, passed.on_end))
            outputs = self._model(inputs, training=False)
        score = self._score(outputs, held.count)
        if score is None or len(score.shape) not in (1, 2):
            raise ActiVisError("it gave no scores.")
        return _margins(ops.cast(score, "float32"), labels, probabilities)


class _Pass:
    """One forward pass with neurons changed.

    Arguments:
        targets: the recorded layers.
        pairs: by layer, factor and shift of its neurons.

    Attributes:
        activations: by layer, float32 [instances, neurons].
        failures: layers that could not be changed, with the reason.
    """

    def __init__(self, targets: Mapping[str, Target], pairs: Mapping[str, Pair]) -> None:
        self._targets, self._pairs, self._masks = targets, pairs, Masks()
        self.activations: dict[str, Any] = {}
        self.failures: dict[str, str] = {}

    def on_end(
        self, operation: Any, call: keras_calls.Call, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any
    ) -> Any:
        """Changes what a call gave; see `keras_calls.intercepted`."""
        flat = keras.tree.flatten(outputs)
        indices = [index for index, output in enumerate(flat) if output is not None]
        named = keras_calls.output_tensors(call.key, outputs)
        for index, (name, output) in zip(indices, named, strict=True):
            mask = self._masks.propagate(operation, args, kwargs, outputs, index)
            changed = self._changed(name, output, mask)
            if changed is not None:
                flat[index] = changed
                self._masks.hand_on(output, changed)
        return keras.tree.pack_sequence_as(outputs, flat)

    def _changed(self, name: str, output: Any, mask: Any) -> Any:
        pair = self._pairs.get(name)
        if pair is None or name in self.failures:
            return None
        kind = keras.backend.standardize_dtype(output.dtype)
        if not kind.startswith(("float", "bfloat")):
            self.failures[name] = f"its output is {kind}, which has no gradient here."
            return None
        target = self._targets[name]
        axis = target.info.axis
        mask = mask if mask is not None and len(mask.shape) == 2 else None
        try:
            self.activations[name] = reduce_activations(output, axis, target.reducer, mask)
            return _set(output, axis, mask, *pair)
        except Exception as error:
            self.failures[name] = (str(error).splitlines() or [type(error).__name__])[0][:200]
            return None


def _set(output: Any, axis: int, mask: Any, factor: Any, shift: Any) -> Any:
    """`factor * output + shift`, in padding as it was.

    Arguments:
        output: [instances, ...], of which `axis`, counted without the instances, has the neurons.
        mask: bool [instances, positions], False for padding; None without.
        factor, shift: float32 [instances, neurons].
    """
    rank = len(output.shape)
    if rank == 1:
        factor, shift = factor[:, 0], shift[:, 0]
    else:
        sizes = [-1, *[1] * (rank - 1)]
        sizes[axis + 1] = factor.shape[1]
        factor, shift = ops.reshape(factor, sizes), ops.reshape(shift, sizes)
    if mask is not None and rank > 2 and len(mask.shape) <= axis + 1:
        real = ops.cast(ops.reshape(mask, (*ops.shape(mask), *[1] * (rank - 2))), "float32")
        factor, shift = 1 + (factor - 1) * real, shift * real
    return ops.cast(ops.cast(output, "float32") * factor + shift, output.dtype)


def _margins(scores: Any, labels: np.ndarray, probabilities: bool) -> Any:
    """As `capture.effects.margins.margins`, with gradients."""
    if len(scores.shape) == 2 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if len(scores.shape) == 1:
        scores = ops.stack([1 - scores if probabilities else ops.zeros_like(scores), scores], axis=1)
    if probabilities:
        scores = ops.log(ops.maximum(scores, LEAST))
    is_label = np.arange(scores.shape[1]) == labels[:, None]
    own = ops.sum(ops.where(is_label, scores, 0.0), axis=1)
    return own - ops.max(ops.where(is_label, -np.inf, scores), axis=1)


def _leaves(count: int, neurons: int) -> Pair:
    """Factor 1 and shift 0, which take part in gradients."""
    ones, zeros = ops.ones((count, neurons), "float32"), ops.zeros((count, neurons), "float32")
    if keras.backend.backend() == "torch":
        return ones.detach().requires_grad_(), zeros.detach().requires_grad_()
    return ones, zeros


def _differentiated(
    forward: Callable[[], Any], pairs: Mapping[str, Pair]
) -> tuple[Any, dict[str, tuple[Any, Any] | None]]:
    """Margins, and by layer their gradients with respect to factor and shift; None where there are none."""
    leaves = [each for pair in pairs.values() for each in pair]
    if keras.backend.backend() == "torch":
        import torch

        with torch.enable_grad():
            margins = forward()
            none = [None] * len(leaves)
            found = torch.autograd.grad(margins.sum(), leaves, allow_unused=True) if margins.requires_grad else none
    else:
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(leaves)
            margins = forward()
            total = tf.reduce_sum(margins)
        found = tape.gradient(total, leaves)
    both = zip(found[::2], found[1::2], strict=True)
    by_layer = {
        name: None if factor is None or shift is None else (factor, shift)
        for name, (factor, shift) in zip(pairs, both, strict=True)
    }
    return margins, by_layer


def _without_gradients(run: Callable[[], None]) -> None:
    if keras.backend.backend() != "torch":
        run()
        return
    import torch

    within(run, torch.no_grad())


def _batches(parts: Parts) -> Iterator[tuple[HeldInputs, np.ndarray]]:
    """The instances of parts in batches, those with inputs of equal shapes together, and their positions in the whole."""
    groups: dict[Any, list[tuple[HeldInputs, np.ndarray]]] = {}
    for held, positions in parts:
        assert isinstance(held, HeldInputs)
        shapes = tuple((array.dtype.str, array.shape[1:]) for array in keras.tree.flatten(held.inputs))
        groups.setdefault(shapes, []).append((held, positions))
    for group in groups.values():
        whole = keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *(held.inputs for held, _ in group))
        positions = np.concatenate([each for _, each in group])
        for start in range(0, positions.size, _MOST):
            rows = np.arange(start, min(positions.size, start + _MOST))
            yield HeldInputs(whole).take(rows), positions[rows]
