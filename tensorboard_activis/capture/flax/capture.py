"""Evaluates a Flax NNX model on the evaluation data and gives the activations of the chosen layers, batch by batch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from tensorboard_activis import schema
from tensorboard_activis.capture.adapter import Sink
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.data.array_batches import Batch, Batches
from tensorboard_activis.capture.data.array_instances import InstanceReader, PassReader
from tensorboard_activis.capture.flax.forward_pass import ForwardPass
from tensorboard_activis.capture.flax.graph import is_one_node, make_graph
from tensorboard_activis.capture.flax.marking import evaluation_copy, leaves, modules_by_path, place_of
from tensorboard_activis.capture.flax.reduce import reduce_activations
from tensorboard_activis.capture.graph.layers import choose, feed_relu
from tensorboard_activis.capture.graph.outputs import OutputFlow
from tensorboard_activis.capture.graph.probabilities import ends_in_probabilities
from tensorboard_activis.capture.isolation.random_states import RandomStream
from tensorboard_activis.capture.options import SharedOptions
from tensorboard_activis.capture.progress import with_bar
from tensorboard_activis.capture.recorded_layers import absent_layers, axes_of, check_shapes, layer_info, named_layer
from tensorboard_activis.capture.reducers import layer_reducers
from tensorboard_activis.errors import ConfigurationError, warn


class FlaxCapture:
    """A model and its evaluation data; `evaluate` runs one evaluation pass, compiled once for every size of batch.

    The graph, the layers and the kind of labels are decided once, from the first batch.

    Arguments:
        model, data, unpack, texts, options: as in `ActiVisLogger`; `options` are the others.

    Attributes:
        graph: the model's graph.
        layers, selection: whose activations are recorded, and what they were selected from.
        probabilities: whether the model's outputs are probabilities; None if its graph does not show it.
        first: what the first batch gives, for a check before training.

    Raises:
        ConfigurationError: the data are empty or cannot be used, the model does not run on them, or a layer does not exist.
    """

    def __init__(
        self, model: nnx.Module, data: Any, options: SharedOptions, *, unpack: Any = None, texts: Any = None
    ) -> None:
        if not isinstance(model, nnx.Module):
            raise ConfigurationError(f"model must be a flax.nnx.Module; got a {type(model).__name__}.")
        if not callable(model):
            raise ConfigurationError(
                f"model must have a __call__ method, its forward pass; {type(model).__name__} has none."
            )
        self._model = model
        self._data = Batches(data, model.__call__, unpack, texts)
        modules = modules_by_path(model)
        types = {path: type(module).__name__ for path, module in modules.items()}
        self._pass = partial(
            ForwardPass, types, [path for path, module in modules.items() if path and is_one_node(module)]
        )
        self._compiled = jax.jit(self._reduced, static_argnums=(0, 1))
        self.layers: tuple[schema.LayerInfo, ...] = ()
        first = RandomStream((self._data.source,)).run(self._data.first)
        if first is None:
            raise ConfigurationError("data is empty; there must be at least one instance to evaluate the model on.")
        self.graph = self._recorded(first)
        self.selection = choose(self.graph, options["layers"])
        names = self.selection.names
        self._reducers = layer_reducers(self.graph, names, options["reducer"])
        nodes, feeding = {node.key: node for node in self.graph.nodes}, feed_relu(self.graph, names)
        self.layers = tuple(layer_info(nodes[name], self._reducers[name], feeds_relu=name in feeding) for name in names)
        output = self._run(first, evaluation_copy(model))[0]
        flow = OutputFlow(self.graph)
        self._instances = InstanceReader(self._data, first, output, leaves, options, flow)
        node = self._instances.score.node
        self.probabilities = None if node is None else ends_in_probabilities(self.graph, node)
        self.first: BatchRecord | None = self._instances.first(first, output)
        if self._instances.problem:
            warn(f"ActiVis: {self._instances.problem}")
        pinned = options["pinned"]
        self._pinned = None if pinned is None else Batches(pinned, model.__call__, unpack, texts)
        if self._pinned is not None:
            RandomStream((self._pinned.source,)).run(self._pinned.check_pinned)

    def evaluate(self, sink: Sink, progress: bool | None = None) -> list[str]:
        """Runs one evaluation pass, on a copy of the model's state.

        Arguments:
            sink: called for each batch; the pinned instances come last.
            progress: whether to show a progress bar; None: on a terminal, if the pass takes more than a second.

        Returns:
            Notes for the snapshot: what was lost in this pass.

        Raises:
            ActiVisError: no layer ran in the pass, or the output of one has another shape than before.
        """
        random_stream = RandomStream(tuple(each.source for each in (self._data, self._pinned) if each is not None))
        copy = evaluation_copy(self._model)
        evaluated, absent = 0, Counter[str]()

        def add(batch: Batch, reader: PassReader, *, pinned: bool = False) -> None:
            nonlocal evaluated
            metadata = random_stream.run(lambda: reader.read(batch))
            output, activations = random_stream.run(lambda: self._run(batch, copy))
            missing = {each.name: np.full((batch.instances, each.neurons), np.nan, np.float32) for each in self.layers}
            if not pinned:
                absent.update({name: batch.instances for name in missing if name not in activations})
                evaluated += batch.instances
            sink(self._instances.record(batch, metadata, missing | activations, output, pinned=pinned))

        reader = self._instances.begin()
        for batch in random_stream.each(with_bar(self._data, progress)):
            add(batch, reader)
        reader.end()
        notes = [*self.selection.notes, *absent_layers(absent, len(self.layers), evaluated)]
        reader = self._instances.begin(pinned=True)
        for batch in random_stream.each(self._pinned or ()):
            add(batch, reader, pinned=True)
        return [*notes, *self._instances.score.notes]

    def _run(self, batch: Batch, copy: tuple[Any, Any]) -> tuple[Any, dict[str, np.ndarray]]:
        """The model's output for a batch, and by layer float32 [instances, neurons] of the layers that ran."""
        definition, state = copy
        inputs, form = _arrays(batch, self._data.parameters)
        output, activations = self._compiled(definition, form, state, inputs, batch.mask)
        arrays = {name: np.asarray(values) for name, values in activations.items()}
        check_shapes(self.layers, arrays, batch.instances)
        return output, arrays

    def _reduced(
        self, definition: Any, form: "_Form", state: Any, inputs: Any, mask: Any
    ) -> tuple[Any, dict[str, Any]]:
        run, output = self._followed(definition, form, state, inputs)
        activations = {}
        for layer in self.layers:
            array, axes = run.arrays.get(layer.name), axes_of(layer.shape.sizes)
            if array is not None and axes is not None:
                with named_layer(layer.name):
                    activations[layer.name] = reduce_activations(array, axes, self._reducers[layer.name], mask)
        return output, activations

    def _followed(self, definition: Any, form: "_Form", state: Any, inputs: Any) -> tuple[ForwardPass, Any]:
        """Runs a forward pass while JAX traces, and follows it."""

        def forward(state: Any, inputs: Any) -> Any:
            args, kwargs = form.merged(inputs)
            return nnx.merge(definition, state)(*args, **kwargs)

        closed, shapes = jax.make_jaxpr(forward, return_shape=True)(state, inputs)
        run = self._pass()
        results = run.run(closed, jax.tree.leaves(state), list(zip(form.names, inputs, strict=True)))
        return run, jax.tree.unflatten(jax.tree.structure(shapes), results)

    def _recorded(self, first: Batch) -> schema.Graph:
        """The graph, from forward passes on a batch and on one of twice as many instances, of which only the shapes are computed.

        Raises:
            ConfigurationError: the forward pass fails.
        """
        copy = evaluation_copy(self._model)
        try:
            run = self._shapes(first, copy, 1)
        except Exception as error:
            raise ConfigurationError(
                f"The model's forward pass failed on the first batch of data, in {place_of(error)}: "
                f"{type(error).__name__}: {error}. Check that data yields what the model takes; if a batch holds more, "
                "give unpack=, a function of the batch that returns (inputs, labels). The model is compiled, as by nnx.jit."
            ) from error
        try:
            twice = self._shapes(first, copy, 2)
        except Exception:  # a model for batches of one size
            twice = None
        return make_graph(self._model, modules_by_path(self._model), run, twice, first.instances)

    def _shapes(self, batch: Batch, copy: tuple[Any, Any], times: int) -> ForwardPass:
        """A forward pass of which only the shapes are computed, on so many times the instances of a batch."""
        inputs, form = _arrays(batch, self._data.parameters)
        runs: list[ForwardPass] = []

        def longer(array: np.ndarray) -> jax.ShapeDtypeStruct:
            axis = array.shape.index(batch.instances) if batch.instances in array.shape else None
            sizes = [size * times if each == axis else size for each, size in enumerate(array.shape)]
            return jax.ShapeDtypeStruct(sizes, jax.dtypes.canonicalize_dtype(array.dtype))  # type: ignore[no-untyped-call]

        jax.eval_shape(
            lambda state, arrays: runs.append(self._followed(copy[0], form, state, arrays)[0]),
            copy[1],
            [longer(each) if isinstance(each, np.ndarray) else each for each in inputs],
        )
        return runs[0]


@dataclass(frozen=True)
class _Form:
    """The form of a batch's inputs: what a compiled pass is made for.

    Attributes:
        structure: of args and kwargs.
        others: what in them is no array, with its place among the leaves.
        names: of the arrays, as the nodes of inputs are called.
    """

    structure: Any
    others: tuple[tuple[int, Any], ...]
    names: tuple[str, ...]

    def merged(self, arrays: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Args and kwargs of the model's call."""
        others, remaining = dict(self.others), iter(arrays)
        flat = [others[place] if place in others else next(remaining) for place in range(self.structure.num_leaves)]
        args, kwargs = jax.tree.unflatten(self.structure, flat)
        return args, kwargs


def _arrays(batch: Batch, parameters: Sequence[str]) -> tuple[list[Any], _Form]:
    """The arrays of a batch's inputs, and their form."""
    flat = jax.tree.leaves((batch.args, batch.kwargs))
    places = [place for place, leaf in enumerate(flat) if isinstance(leaf, np.ndarray | jax.Array)]
    others = tuple((place, leaf) for place, leaf in enumerate(flat) if place not in places)
    named = [
        *zip([*parameters, *("input" for _ in batch.args)], batch.args, strict=False),
        *sorted(batch.kwargs.items()),
    ]
    names = [name + key_path for name, value in named for key_path, _ in leaves(value)]
    names = names if len(names) == len(places) != 1 else [f"input_{n}" if n else "input" for n in range(len(places))]
    structure = jax.tree.structure((batch.args, batch.kwargs))
    return [flat[place] for place in places], _Form(structure, others, tuple(names))
