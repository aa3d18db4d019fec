"""The graph of a Keras model: from a symbolic run where that works, else from a trace, else the tree of its layers.

A functional model runs symbolically for certain: its layers and operations are called again, in its own order, on KerasTensors.
A subclassed model does when its `call` keeps to Keras layers and `keras.ops`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from tensorboard_activis.capture.interrupts import uninterrupted, within
from tensorboard_activis.capture.keras import calls as keras_calls
from tensorboard_activis.capture.keras import trace as keras_trace
from tensorboard_activis.capture.keras.graph_recorder import Recorder
from tensorboard_activis.capture.keras.nodes import Draft, attributes, count_parameters
from tensorboard_activis.capture.keras.states import untouched
from tensorboard_activis.capture.keras.symbolic import run_symbolically
from tensorboard_activis.schema import Edge, Graph, Node


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
            # An interrupted trace can leave TensorFlow in graph mode.
            uninterrupted(partial(within, partial(run, recorder, model, inputs), untouched(model)))
        except Exception:  # whatever users' code raises when it meets tensors without values
            continue
        return _finish(recorder, model, origin)
    recorder = Recorder(known, batch=size if batch is None else len(keras.tree.flatten(batch)[0]))
    if batch is None:
        recorder.begin("", model, "", 0, "module", None)
    else:
        within(lambda: keras_trace.run_on_data(recorder, model, batch), untouched(model))
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
    ran: dict[int, Draft] = {}
    for draft in recorder.drafts.values():
        ran.setdefault(id(draft.operation), draft)
    _add_idle(recorder, recorder.drafts[""], ran)
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
    uses = Counter(source for source, _ in recorder.edges)
    sources: dict[str, list[str]] = defaultdict(list)
    for source, target in recorder.edges:
        sources[target].append(source)
    pending = list(recorder.drafts)
    while pending:
        key = pending.pop()
        draft = recorder.drafts.get(key)
        if draft is None or draft.kind != "operator" or uses[key]:
            continue
        del recorder.drafts[key]
        uses.subtract(sources[key])
        pending += sources[key]  # which may be idle now
    recorder.edges = {ends: shape for ends, shape in recorder.edges.items() if ends[1] in recorder.drafts}


def _add_idle(recorder: Recorder, holder: Draft, ran: dict[int, Draft]) -> None:
    """Add the layers inside `holder` that the forward pass did not call, or all of them when nothing could be run.

    Arguments:
        ran: the first node of every layer that has one, by the layer's `id`; grows.
    """
    for layer in keras_calls.sublayers(holder.operation):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        first = ran.get(id(layer))
        if first is not None:
            child = first
        else:
            path = f"{holder.path}.{layer.name}" if holder.path else layer.name
            if path in recorder.drafts:
                continue
            child = recorder.begin(path, layer, path, 0, "module", holder.key)
            child.calls = 0
            ran[id(layer)] = child
        if keras_calls.is_container(layer) and not child.closed:
            _add_idle(recorder, child, ran)
