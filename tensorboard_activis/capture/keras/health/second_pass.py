"""Computes a batch of training a second time: forward pass, loss and gradients, of which nothing stays behind."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tensorboard_activis.capture.isolation.interrupts import uninterrupted, within
from tensorboard_activis.capture.isolation.random_states import random_states
from tensorboard_activis.capture.keras.graph.nodes import data_inputs, neuron_axis
from tensorboard_activis.capture.keras.health.figures import LayerFigures, first_tensor
from tensorboard_activis.capture.keras.health.layers import MeasuredLayer
from tensorboard_activis.capture.keras.model import calls as keras_calls
from tensorboard_activis.capture.keras.model.states import backend_variables_restored, model_state_restored


class Seen(NamedTuple):
    """What a batch gave.

    Attributes:
        loss: as it is minimized, without what scales it.
        sums: float32 [layers, figures]; see `LayerFigures`.
        gradients: float32 [layers], the sums of squares of gradients; NaN where there are none.
    """

    loss: Any
    sums: Any
    gradients: Any


class SecondPass:
    """The training step of a model without its update. It draws the random numbers that the step itself will draw.

    Arguments:
        model: compiled and built.
        layers: those that are measured.
        relus: names of layers whose output goes into a ReLU.

    Attributes:
        order: names of the layers that ran, in the order in which they did, in the last trace.
        reached: names of the layers that the loss depends on by a gradient.
        hidden: names of layers that ran where their output cannot be had: in a loop or a branch of a TensorFlow graph.
    """

    def __init__(self, model: keras.Model, layers: Sequence[MeasuredLayer], relus: set[str]) -> None:
        self._model, self._layers, self._relus = model, layers, relus
        self._by_id = {id(each.layer): each for each in layers}
        self._variables = [variable for each in layers for variable in each.variables]
        self.order: list[str] = []
        self.reached: set[str] = set()
        self.hidden: list[str] = []
        backend = keras.backend.backend()
        self._step: Callable[..., Seen]
        if backend == "tensorflow":
            import tensorflow as tf

            self._step = self._on_tensorflow
            if not model.run_eagerly:
                self._step = tf.function(self._on_tensorflow, reduce_retracing=True, autograph=False)
        elif backend == "jax":
            import jax

            compiles = model.jit_compile and not model.run_eagerly
            self._step = jax.jit(self._on_jax) if compiles else self._on_jax
        else:
            self._step = self._on_torch

    def __call__(self, data: Any, state: tuple[Any, ...] | None) -> Seen:
        """What the batch gives.

        Arguments:
            data: the batch, as the training step gets it.
            state: on JAX, the values of all variables, as the training step gets them; None elsewhere.
        """
        run = partial(self._step, data) if state is None else partial(self._step, data, *state)
        # A trace that Ctrl-C interrupts can leave TensorFlow in graph mode.
        return uninterrupted(lambda: within(run, random_states(), backend_variables_restored(self._model)))

    def _on_tensorflow(self, data: Any) -> Seen:
        import tensorflow as tf

        data = keras.tree.map_structure(lambda part: None if isinstance(part, tf.experimental.Optional) else part, data)
        values = [tf.convert_to_tensor(variable.value) for variable in self._variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            loss, sums = self._forward(values, data)
        found = tape.gradient(loss, values) if values else []
        return Seen(loss, sums, self._squares([None if one is None else tf.convert_to_tensor(one) for one in found]))

    def _on_torch(self, data: Any) -> Seen:
        import torch

        values = [variable.value for variable in self._variables]
        with torch.enable_grad():
            loss, sums = self._forward(values, data[0])
        found = (
            torch.autograd.grad(loss, values, allow_unused=True)
            if values and loss.requires_grad
            else [None] * len(values)
        )
        with torch.no_grad():
            return Seen(
                loss.detach(), sums.detach(), self._squares([None if one is None else one.to_dense() for one in found])
            )

    def _on_jax(self, data: Any, trainable: Any, others: Any, optimizer: Any, metrics: Any) -> Seen:
        import jax

        model = self._model
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)

        def loss_of(values: Any) -> tuple[Any, Any]:
            # Keras's own: it is not quite what a call of the model and its loss give where layers add losses.
            def compute() -> Any:
                _, (loss, *_) = model.compute_loss_and_updates(
                    values, others, metrics, x, y, weights, training=True, optimizer_variables=optimizer
                )
                return loss

            return self._watched(compute, None)

        (loss, sums), found = jax.value_and_grad(loss_of, has_aux=True)(trainable)
        gradients = {id(variable): one for variable, one in zip(model.trainable_variables, found, strict=True)}
        return Seen(loss, sums, self._squares([gradients[id(variable)] for variable in self._variables]))

    def _forward(self, values: Sequence[Any], data: Any) -> tuple[Any, Any]:
        """Loss and figures, for these values of the trained variables."""
        model = self._model
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)

        def compute() -> Any:
            y_pred = model(x, training=True) if model._call_has_training_arg else model(x)
            return model._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=True)

        mapping = list(zip(self._variables, values, strict=True))
        return self._watched(compute, keras.StatelessScope(state_mapping=mapping, collect_losses=True))

    def _watched(self, compute: Callable[[], Any], scope: Any) -> tuple[Any, Any]:
        """What is computed, which calls the model once, and the figures of its layers; `scope` as in `model_state_restored`."""
        figures = {each.name: LayerFigures(each, relu=each.name in self._relus) for each in self._layers}
        self.order, self.hidden = [], []

        def run() -> Any:
            axes: dict[int, int] = {}
            alive: list[Any] = []  # so that each `id` stays unique

            def on_end(operation: Any, call: Any, args: Any, kwargs: Mapping[str, Any], outputs: Any) -> None:
                tensor = first_tensor(outputs)
                if tensor is None:
                    return
                inputs = [each for each in data_inputs(args, kwargs) if hasattr(each, "shape")]
                alive.append((tensor, inputs))
                axes[id(tensor)] = axis = axes.get(id(tensor), neuron_axis(operation, tensor, inputs, axes))
                measured = self._by_id.get(id(operation))
                if measured is None:
                    return
                if not _is_reachable(tensor):
                    self.hidden.append(measured.name)
                    return
                if measured.name not in self.order:
                    self.order.append(measured.name)
                figures[measured.name].add(_detached(tensor), axis)

            with keras_calls.intercepted(self._model, on_end, once=True):
                return compute()

        loss = within(run, model_state_restored(self._model, scope))
        sums = [figures[each.name].sums() for each in self._layers]
        return loss, ops.stack(sums) if sums else ops.zeros((0, 0))

    def _squares(self, gradients: Sequence[Any]) -> Any:
        """By layer, the sum of squares of its gradients, float32; NaN where it has none."""
        found = iter(gradients)
        rows = []
        self.reached = set()
        for each in self._layers:
            own = [one for _ in each.variables if (one := next(found)) is not None]
            squares = [ops.sum(ops.square(ops.cast(one, "float32"))) for one in own]
            if squares:
                self.reached.add(each.name)
            rows.append(sum(squares[1:], squares[0]) if squares else ops.convert_to_tensor(np.float32(np.nan)))
        return ops.stack(rows) if rows else ops.zeros((0,))


def _is_reachable(tensor: Any) -> bool:
    """Not inside a loop or a branch of a TensorFlow graph, from where nothing can be taken."""
    if keras.backend.backend() != "tensorflow" or hasattr(tensor, "numpy"):
        return True
    import tensorflow as tf

    return getattr(tensor, "graph", None) is tf.compat.v1.get_default_graph()


def _detached(tensor: Any) -> Any:
    """The tensor without its gradients, which the figures do not need."""
    return ops.stop_gradient(tensor)
