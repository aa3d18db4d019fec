"""The graph of a Keras model: from a symbolic run where that works, else from a trace, else the tree of its layers.

A functional model runs symbolically for certain: its layers and operations are called again, in its own order, on KerasTensors.
A subclassed model does when its `call` keeps to Keras layers and `keras.ops`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from tensorboard_activis.capture.keras import calls as keras_calls
from tensorboard_activis.capture.keras import trace as keras_trace
from tensorboard_activis.capture.keras.nodes import (
    Draft,
    attributes,
    count_parameters,
    neuron_axis,
    shape_of,
)
from tensorboard_activis.capture.keras.symbolic import run_symbolically
from tensorboard_activis.schema import Edge, Graph, Node, Shape


@dataclass(frozen=True, slots=True)
class Recording:
    """A graph, and what of it the tap needs.

    Attributes:
        axes: by node, the axis of its output that holds the neurons, counted without the batch axis.
        observable: keys of the nodes that the tap can capture.
        replayed: those of them that show only in a replay: operators in the code of layers.
    """

    graph: Graph
    axes: Mapping[str, int]
    observable: frozenset[str]
    replayed: frozenset[str] = frozenset()


@dataclass(slots=True)
class Recorder:
    """Collects nodes and edges while a forward pass runs; tensors are told apart by identity, so it keeps them alive."""

    known: frozenset[int]
    names: keras_calls.CallNames = field(default_factory=keras_calls.CallNames)
    drafts: dict[str, Draft] = field(default_factory=dict)
    edges: dict[tuple[str, str], Any] = field(default_factory=dict)
    sources: dict[int, str] = field(default_factory=dict)
    axes: dict[int, int] = field(default_factory=dict)
    batch: int | None = None
    kept: list[Any] = field(default_factory=list)

    def result(self, operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What a call of a layer or operation gives for KerasTensors."""
        return operation.compute_output_spec(*args, **kwargs)

    def shape(self, tensor: Any) -> Shape:
        """Sizes with -1 for the instances: open, or the batch size of a model that takes only this one."""
        shape = shape_of(tensor)
        if self.batch is not None and shape.sizes[:1] == (self.batch,):
            return Shape((-1, *shape.sizes[1:]), shape.dtype)
        return shape

    def begin(self, key: str, operation: Any, path: str, number: int, kind: str, parent: str | None) -> Draft:
        draft = Draft(key, parent, kind, operation, path, number)
        self.drafts[key] = draft
        return draft

    def end(self, draft: Draft, inputs: list[Any], outputs: Any, *, leaf: bool) -> None:
        """Note what went into a call and what came out of it; only nodes that hold no others are ends of edges.

        Each part of a tuple or dict gets a node of its own, `lstm[0]`, inside the call's.
        """
        found = keras_calls.parts(draft.key, outputs)
        self.kept += [*inputs, *(tensor for _, tensor in found)]
        draft.outputs = tuple(self.shape(tensor) for _, tensor in found)
        for key, tensor in found:
            if leaf:
                axis = neuron_axis(draft.operation, tensor, inputs, self.axes)
            else:
                axis = self.axes.get(id(tensor), max(len(tensor.shape) - 2, 0))
            self.axes[id(tensor)] = axis
            draft.axis = axis if tensor is found[0][1] else draft.axis
            part = len(found) > 1 and bool(draft.key)
            if part:
                port = self.begin(key, None, "", 0, "output", draft.key)
                port.outputs, port.axis, port.observable = (self.shape(tensor),), axis, True
                port.replayed = draft.replayed
            if leaf:
                for got in inputs:
                    self.connect(got, key)
            elif part:
                self.connect(tensor, key)
            if leaf or part:
                self.sources[id(tensor)] = key
        draft.observable = draft.observable and len(found) == 1

    def connect(self, tensor: Any, target: str) -> None:
        source = self.sources.get(id(tensor))
        if source is not None and source != target:
            self.edges.setdefault((source, target), self.shape(tensor))

    def hide(self, draft: Draft) -> None:
        """The tap cannot have this call's outputs."""
        for found in self.drafts.values():
            if found is draft or (found.parent == draft.key and found.kind == "output"):
                found.observable = False

    def same(self, tensor: Any, copy: Any) -> None:
        """Treat `copy` as the tensor that it was made of."""
        self.kept += [tensor, copy]
        if id(tensor) in self.sources:
            self.sources[id(copy)] = self.sources[id(tensor)]
        if id(tensor) in self.axes:
            self.axes[id(copy)] = self.axes[id(tensor)]

    def ends(self, name: str, kind: str, tensors: Any) -> None:
        """Add the nodes of the model's inputs or outputs: `/input`, or `/input[left]` and `/input[right]`."""
        for key, tensor in keras_calls.parts(name, tensors):
            draft = self.begin(key, None, "", 0, kind, "")
            draft.outputs = (self.shape(tensor),)
            draft.axis = self.axes.get(id(tensor), max(len(tensor.shape) - 2, 0))
            if kind == "input":
                self.kept.append(tensor)
                self.sources[id(tensor)] = key
                self.axes[id(tensor)] = draft.axis
            else:
                self.connect(tensor, key)


def record_graph(model: Any, inputs: Any, batch: Any = None) -> Recording:
    """Find the graph of a built model.

    Arguments:
        model: a Keras model whose layers all have their weights.
        inputs: KerasTensors, [batch, ...] with None for the batch axis, in the structure that the model takes.
        batch: arrays to run the model on, should it run on nothing else.

    Returns:
        The graph; its `origin` is "functional", "symbolic" (a subclassed model), "recorded" (traced by TensorFlow, operators
        left out) or "tree" (no edges: the model only runs on data).

    Raises:
        Exception: whatever the model raises when it runs on `batch`.
    """
    known = frozenset(map(id, keras_calls.operations(model)))
    size = keras.tree.flatten(inputs)[0].shape[0]
    for origin, run in _ways(model):
        recorder = Recorder(known, batch=size)
        try:
            with keras_calls.untouched(model):
                run(recorder, model, inputs)
        except Exception:  # whatever users' code raises when it meets tensors without values
            continue
        return _finish(recorder, model, origin)
    recorder = Recorder(known, batch=size if batch is None else len(keras.tree.flatten(batch)[0]))
    if batch is None:
        recorder.begin("", model, "", 0, "module", None)
    else:
        with keras_calls.untouched(model):
            keras_trace.run_on_data(recorder, model, batch)
        recorder.edges.clear()
    return _finish(recorder, model, "tree")


def _ways(model: Any) -> Iterator[tuple[str, Callable[[Recorder, Any, Any], None]]]:
    yield "functional" if keras_calls.functional(model) is not None else "symbolic", run_symbolically
    if keras.backend.backend() == "tensorflow":
        yield "recorded", keras_trace.run_traced


def _finish(recorder: Recorder, model: Any, origin: str) -> Recording:
    """Add the layers that never ran, and turn drafts into nodes, the model itself first."""
    calls = recorder.names.counts
    if recorder.edges:
        _drop_masks(recorder)
    _add_idle(recorder, recorder.drafts[""])
    drafts = sorted(recorder.drafts.values(), key=lambda draft: draft.key != "")
    # A closed module can be an edge's end, an open one cannot.
    holders = {draft.parent for draft in drafts}
    nodes = tuple(
        Node(
            key=draft.key,
            parent=draft.parent,
            kind=draft.kind,
            name=draft.name,
            type=draft.type,
            outputs=draft.outputs,
            parameters=count_parameters(draft.operation),
            attributes=attributes(draft.operation),
            call=draft.number,
            calls=draft.calls if draft.calls is not None else max(calls[draft.path], 1),
        )
        for draft in drafts
    )
    edges = tuple(
        Edge(source, target, shape)
        for (source, target), shape in recorder.edges.items()
        if source not in holders and target not in holders
    )
    return Recording(
        Graph("keras", type(model).__name__, nodes, edges, origin),
        axes={draft.key: draft.axis for draft in drafts},
        observable=frozenset(draft.key for draft in drafts if draft.observable and draft.calls != 0),
        replayed=frozenset(draft.key for draft in drafts if draft.observable and draft.replayed),
    )


def _drop_masks(recorder: Recorder) -> None:
    """Drop operators whose result goes nowhere: Keras computes masks beside the data, and masks are no edges here."""
    while True:
        used = {source for source, _ in recorder.edges}
        idle = [key for key, draft in recorder.drafts.items() if draft.kind == "operator" and key not in used]
        if not idle:
            return
        for key in idle:
            del recorder.drafts[key]
        recorder.edges = {ends: shape for ends, shape in recorder.edges.items() if ends[1] not in idle}


def _add_idle(recorder: Recorder, holder: Draft) -> None:
    """Add the layers inside `holder` that the forward pass did not call, or all of them when nothing could be run."""
    for layer in keras_calls.sublayers(holder.operation):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        ran = [draft for draft in recorder.drafts.values() if draft.operation is layer]
        if ran:
            child = ran[0]
        else:
            path = f"{holder.path}.{layer.name}" if holder.path else layer.name
            if path in recorder.drafts:
                continue
            child = recorder.begin(path, layer, path, 0, "module", holder.key)
            child.calls = 0
        if keras_calls.is_container(layer) and not child.closed:
            _add_idle(recorder, child)
