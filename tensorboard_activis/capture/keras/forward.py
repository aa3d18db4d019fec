"""Runs a forward pass that also returns the activations of chosen layers: float32, one per neuron and instance.

The reduction runs on the device, inside the compiled function, so that little data is copied. The function is compiled once, for
batches of all sizes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tensorboard_activis.capture.graph.heads import FIGURES
from tensorboard_activis.capture.keras.attention.calls import AttentionCall
from tensorboard_activis.capture.keras.attention.figures import looks, norms, patterns
from tensorboard_activis.capture.keras.data.batches import as_array, spec
from tensorboard_activis.capture.keras.depth.tail import PLACES, BlockOutputs, Tail
from tensorboard_activis.capture.keras.graph.head_nodes import HEADS
from tensorboard_activis.capture.keras.intercept import run_intercepted
from tensorboard_activis.capture.keras.model.compiled import compiled
from tensorboard_activis.capture.keras.model.states import state_variables
from tensorboard_activis.capture.keras.position_recorder import WANTED, Wanted, wanted_of
from tensorboard_activis.capture.keras.positions import BY_INSTANCE, layer_positions
from tensorboard_activis.capture.keras.reduce import reduce_activations
from tensorboard_activis.capture.keras.replay import OnAttention, OnCall, replay
from tensorboard_activis.capture.keras.targets import Target
from tensorboard_activis.errors import ActiVisError, ConfigurationError


class Captured(NamedTuple):
    """Activations and outputs of one batch.

    Attributes:
        activations: by layer, float32 [instances, neurons].
        outputs: the model's outputs, float32 [instances, ...], in their own structure.
        masks: in the same structure, bool [instances, positions], False for padding; None for an output without padding.
        positions: by layer, what `layer_positions` gives; empty where none are wanted.
        patterns: by layer of heads, what `patterns` gives; empty where none are wanted.
        depth: by key path of an output, what the model says after each block: float32 [instances, blocks, classes].
    """

    activations: dict[str, np.ndarray]
    outputs: Any
    masks: Any
    positions: dict[str, dict[str, Any]]
    patterns: dict[str, dict[str, Any]]
    depth: dict[str, Any]


class Collector:
    """Collects the reduced outputs of the chosen layers, their positions, and the masks, of one forward pass.

    Arguments:
        wanted: of positions, tensors; see `layer_positions`. None: no positions.
        patterns: whether the patterns of attention are wanted.
        tail: what the model computes behind its last block; None if prediction by depth is not wanted.

    Attributes:
        attention: is told of the attention of a pass; None if no heads are wanted.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        wanted: dict[str, Any] | None = None,
        *,
        patterns: bool = False,
        tail: Tail | None = None,
    ) -> None:
        self._targets, self._wanted, self._wants_patterns = targets, wanted, patterns
        self._patterns: dict[str, dict[str, Any]] = {}
        heads = any(f"/{HEADS}" in name for name in targets)
        self.attention: OnAttention | None = self._attend if heads else None
        self._blocks = None if tail is None else BlockOutputs(tail)
        self.ended: OnCall | None = None if self._blocks is None else self._blocks.ended
        self._activations: dict[str, Any] = {}
        self._positions: dict[str, dict[str, Any]] = {}
        self._masks: dict[int, Any] = {}

    def add(self, name: str, output: Any, mask: Any) -> None:
        """Adds an output tensor: reduces it if `name` is a chosen layer; `mask` is bool [instances, positions] or None."""
        self._masks[id(output)] = mask if mask is not None and len(mask.shape) == 2 else None
        target = self._targets.get(name)
        if target is not None:
            values = self._activations[name] = reduce_activations(output, target.info.axis, target.reducer, mask)
            if self._wanted is not None:
                found = layer_positions(output, target.info.axis, mask, values, self._wanted)
                if found is not None:
                    self._positions[name] = found

    def _attend(self, key: str, call: AttentionCall, rows_mask: Any, columns_mask: Any) -> None:
        """Adds the heads of an attention, as far as they are chosen layers."""
        name = f"{key}/{HEADS}"
        figures = [figure for figure in FIGURES if f"{name}[{figure}]" in self._targets]
        if name in self._targets:
            self.add(name, norms(call), rows_mask)
            if self._wants_patterns:
                self._patterns[name] = patterns(call, rows_mask, columns_mask)
        for figure, values in looks(call, figures, columns_mask).items():
            self.add(f"{name}[{figure}]", values, rows_mask)

    def captured(self, outputs: Any, inputs: Any = None, places: Any = None) -> Captured:
        """The collected activations and masks, with the model's outputs.

        Arguments:
            inputs, places: as in `BlockOutputs.read`; for prediction by depth.

        Raises:
            ActiVisError: an output was computed inside a loop or a branch of a TensorFlow graph.
        """
        _check_reachable(self._activations)
        return Captured(
            self._activations,
            keras.tree.map_structure(lambda tensor: ops.cast(tensor, "float32"), outputs),
            keras.tree.map_structure(lambda tensor: self._masks.get(id(tensor)), outputs),
            self._positions,
            self._patterns,
            {} if self._blocks is None else self._blocks.read(inputs, places),
        )


class Forward:
    """Runs a model in evaluation mode and captures layers.

    Attributes:
        traces: how many times the forward pass was traced.
    """

    def __init__(
        self,
        model: Any,
        targets: Sequence[Target],
        inputs: Any,
        *,
        eager: bool = False,
        positions: int = 0,
        pinned: bool = False,
        tail: Tail | None = None,
    ) -> None:
        """
        Arguments:
            model: a built Keras model.
            targets: the layers to capture.
            inputs: KerasTensors in the structure of the model's inputs; None in shapes for sizes that vary.
            eager: whether the model runs on data only, so that it cannot be traced.
            positions: of how many instances per neuron, the strongest, maps are wanted; 0: no positions are read.
            tail: what the model computes behind its last block, for prediction by depth; None without it.
            pinned: whether it is for pinned instances, of which positions are read whole, and patterns of attention.
        """
        self._positions, self._pinned = positions, pinned
        self.traces = 0
        self._model = model
        self._targets = {target.info.name: target for target in targets}
        self._replays = any(target.replayed for target in targets)
        self._states = state_variables(model)
        # A replay has outputs of its own in place of those of blocks.
        self._tail = None if self._replays else tail
        wanted = wanted_specs() if positions and not pinned else {}
        wanted |= {} if self._tail is None else places_specs()
        self._step = compiled(self._run, model, self._states, {"x": inputs} | wanted, eager=eager)
        self._plain = (
            compiled(self._run_plainly, model, self._states, {"x": inputs}, eager=eager) if self._replays else None
        )
        self._batch_size = keras.tree.flatten(inputs)[0].shape[0]

    def start(self) -> list[Any]:
        """The current values of the state variables, with which a pass begins, as in `model.predict`; see `__call__`."""
        return [variable.value for variable in self._states]

    def size(self, instances: int) -> int:
        """Instances of a batch with what fills it up."""
        if keras.backend.backend() == "jax":  # compiles anew for every size
            self._batch_size = max(self._batch_size or 0, instances)
        return self._batch_size or instances

    def __call__(self, inputs: Any, states: list[Any] | None = None, wanted: Wanted | None = None) -> Captured:
        """Runs one batch.

        Arguments:
            inputs: arrays [instances, ...] in the structure of the model's inputs.
            wanted: which positions are asked for, of as many instances as `size` says, and which `places` are read by depth;
                None: those of any of them, and the first.
            states: from `start`; updated in place for the next batch. None: the current values of the variables.

        Raises:
            ConfigurationError: the replay that shows operators gives other outputs than the model.
        """
        states = self.start() if states is None else states
        count = len(keras.tree.flatten(inputs)[0])
        size = self.size(count)
        padded = {"x": _padded(inputs, size - count)}
        before = list(states)
        asked: Wanted = dict(wanted or {})
        if self._positions and not self._pinned and "order" not in asked:
            asked |= wanted_of(np.arange(size), count, min(self._positions, size))
        if self._tail is not None:
            asked.setdefault(PLACES, np.zeros(size, np.int32))
        else:
            asked.pop(PLACES, None)
        captured, states[:] = self._step(padded | asked, before)
        if self._plain is not None:
            _check_same(captured[1], self._plain(padded, before)[0][1])
            self._plain = None  # once is enough
        return as_arrays(captured, count)

    def _run_plainly(self, batch: dict[str, Any]) -> Captured:
        outputs = self._model(batch["x"], training=False)
        return Captured(
            {}, keras.tree.map_structure(lambda tensor: ops.cast(tensor, "float32"), outputs), None, {}, {}, {}
        )

    def _run(self, batch: dict[str, Any]) -> Captured:
        self.traces += 1
        wanted = {name: batch[name] for name in batch if name in WANTED} if self._positions else None
        collector = Collector(self._targets, wanted, patterns=self._pinned, tail=self._tail)
        run: Callable[..., Any] = replay if self._replays else run_intercepted
        outputs = run(self._model, batch["x"], collector.add, collector.attention, collector.ended)
        return collector.captured(outputs, batch["x"], batch.get(PLACES))


def as_arrays(captured: Captured, count: int) -> Captured:
    """The first `count` instances, as numpy arrays."""
    activations, outputs, masks = keras.tree.map_structure(
        lambda part: None if part is None else as_array(part)[:count], tuple(captured[:3])
    )
    positions = {
        name: {part: as_array(each)[:count] if part in BY_INSTANCE else as_array(each) for part, each in found.items()}
        for name, found in captured[3].items()
    }
    patterns = keras.tree.map_structure(lambda part: as_array(part)[:count], captured[4])
    depth = keras.tree.map_structure(lambda part: as_array(part)[:count], captured[5])
    return Captured(activations, outputs, masks, positions, patterns, depth)


def places_specs() -> dict[str, Any]:
    """A KerasTensor of the places that are read by depth."""
    return {PLACES: spec((None,), "int32")}


def wanted_specs() -> dict[str, Any]:
    """KerasTensors of what is asked of positions."""
    return {name: spec(shape, "int32") for name, shape in WANTED.items()}


def _padded(inputs: Any, missing: int) -> Any:
    """Pads a batch with `missing` copies of its last instance."""
    if missing <= 0:
        return inputs
    return keras.tree.map_structure(lambda x: np.concatenate([x, np.repeat(x[-1:], missing, axis=0)]), inputs)


def _check_same(replayed: Any, plain: Any) -> None:
    for one, other in zip(keras.tree.flatten(replayed), keras.tree.flatten(plain), strict=True):
        one, other = as_array(one), as_array(other)
        near = 1e-3 * max(float(np.abs(other).max(initial=0)), 1e-6)
        if one.shape != other.shape or not np.allclose(one, other, rtol=1e-3, atol=near, equal_nan=True):
            raise ConfigurationError(
                "layers names operators in the code of this model. To see them, the model is run on keras.KerasTensor in place of "
                "values, and this model then computes something else. Name the layers around the operators, or use layers in "
                "their place (keras.layers.Add, keras.layers.ReLU, ...)."
            )


def _check_reachable(captured: Mapping[str, Any]) -> None:
    """Raises ActiVisError for a tensor inside a loop or a branch of a TensorFlow graph, which cannot be its output."""
    if keras.backend.backend() != "tensorflow" or all(hasattr(tensor, "numpy") for tensor in captured.values()):
        return
    import tensorflow as tf

    here = tf.compat.v1.get_default_graph()
    for name, tensor in captured.items():
        if getattr(tensor, "graph", here) is not here:
            raise ActiVisError(
                f"The layer {name!r} runs inside a loop or a branch of the graph, from where its output cannot be taken. "
                "Leave it out with layers=[...] and record the layer around it."
            )
