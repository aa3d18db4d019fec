"""Records the graph of a Keras model: in a symbolic run, else from a TensorFlow trace, else as the tree of its layers.

A functional model always runs symbolically: its layers and operations are called again, in its own order, on KerasTensors. A
subclassed model does if its `call` uses only Keras layers and `keras.ops`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from tensorboard_activis.capture.graph.heads import mark_unseen
from tensorboard_activis.capture.isolation.interrupts import uninterrupted, within
from tensorboard_activis.capture.keras.attention.calls import UNSEEN
from tensorboard_activis.capture.keras.graph import trace as keras_trace
from tensorboard_activis.capture.keras.graph.builder import GraphBuilder
from tensorboard_activis.capture.keras.graph.nodes import DraftNode, attributes, count_parameters
from tensorboard_activis.capture.keras.graph.symbolic import run_symbolically
from tensorboard_activis.capture.keras.model import calls as keras_calls
from tensorboard_activis.capture.keras.model.states import model_state_restored
from tensorboard_activis.schema import Edge, Graph, Node


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded graph, and what capture needs to know of its nodes.

    Attributes:
        graph: the graph of the model.
        axes: by node, the neuron axis of its output, counted without the batch axis.
        observable: keys of the nodes whose output can be captured.
        replayed: those of them that only a replay can capture: operators in the code of layers.
    """

    graph: Graph
    axes: Mapping[str, int]
    observable: frozenset[str]
    replayed: frozenset[str] = frozenset()


def record_graph(model: Any, inputs: Any, batch: Any = None) -> Recording:
    """Records the graph of a built model.

    Arguments:
        model: a Keras model whose layers all have their weights.
        inputs: KerasTensors, [batch, ...] with None for the batch axis, in the structure that the model takes.
        batch: arrays to run the model on if it runs on data only; None: then only the tree of its layers is recorded.

    Returns:
        The graph; its `origin` is "functional", "symbolic" (a subclassed model), "recorded" (traced by TensorFlow, operators
        left out) or "tree" (no edges: the model only runs on data).

    Raises:
        Exception: whatever the model raises when it runs on `batch`.
    """
    operation_ids = frozenset(map(id, keras_calls.operations(model)))
    batch_size = keras.tree.flatten(inputs)[0].shape[0]
    for origin, run in _recording_methods(model):
        builder = GraphBuilder(operation_ids, batch=batch_size)
        try:
            # An interrupted trace can leave TensorFlow in graph mode.
            uninterrupted(partial(within, partial(run, builder, model, inputs), model_state_restored(model)))
        except Exception:  # whatever users' code raises on tensors without values
            continue
        return _finish(builder, model, origin)
    builder = GraphBuilder(operation_ids, batch=batch_size if batch is None else len(keras.tree.flatten(batch)[0]))
    if batch is None:
        builder.begin("", model, "", 0, "module", None)
    else:
        within(lambda: keras_trace.run_on_data(builder, model, batch), model_state_restored(model))
        builder.edges.clear()
    return _finish(builder, model, "tree")


def _recording_methods(model: Any) -> Iterator[tuple[str, Callable[[GraphBuilder, Any, Any], None]]]:
    yield "functional" if keras_calls.functional_graph(model) is not None else "symbolic", run_symbolically
    if keras.backend.backend() == "tensorflow":
        yield "recorded", keras_trace.run_traced


def _finish(builder: GraphBuilder, model: Any, origin: str) -> Recording:
    """Adds the layers that were not called, and makes the graph of the drafts; the first node is the model itself."""
    calls = builder.names.counts
    if builder.edges:
        _drop_unused_operators(builder)
    called: dict[int, DraftNode] = {}
    for draft in builder.drafts.values():
        called.setdefault(id(draft.operation), draft)
    _add_uncalled(builder, builder.drafts[""], called)
    drafts = sorted(builder.drafts.values(), key=lambda draft: draft.key != "")
    # Edges connect nodes without children only; outputs that are nodes themselves are none.
    containers = {draft.parent for draft in drafts if draft.kind != "output"}
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
        for (source, target), shape in builder.edges.items()
        if source not in containers and target not in containers
    )
    return Recording(
        mark_unseen(Graph("keras", type(model).__name__, nodes, edges, origin), UNSEEN),
        axes={draft.key: draft.axis for draft in drafts},
        observable=frozenset(draft.key for draft in drafts if draft.observable and draft.calls != 0),
        replayed=frozenset(draft.key for draft in drafts if draft.observable and draft.replayed),
    )


def _drop_unused_operators(builder: GraphBuilder) -> None:
    """Removes operators whose result is unused: those that compute masks, for which there are no edges."""
    uses = Counter(source for source, _ in builder.edges)
    sources: dict[str, list[str]] = defaultdict(list)
    for source, target in builder.edges:
        sources[target].append(source)
    pending = list(builder.drafts)
    while pending:
        key = pending.pop()
        draft = builder.drafts.get(key)
        if draft is None or draft.kind != "operator" or uses[key] or key in builder.queries:
            continue
        del builder.drafts[key]
        uses.subtract(sources[key])
        pending += sources[key]  # which may be unused now
    builder.edges = {ends: shape for ends, shape in builder.edges.items() if ends[1] in builder.drafts}


def _add_uncalled(builder: GraphBuilder, container: DraftNode, called: dict[int, DraftNode]) -> None:
    """Adds the layers inside `container` that the forward pass did not call; all of them if the model was not run.

    Arguments:
        called: by `id` of a layer, its first node; updated.
    """
    for layer in keras_calls.sublayers(container.operation):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        first = called.get(id(layer))
        if first is not None:
            child = first
        else:
            path = f"{container.path}.{layer.name}" if container.path else layer.name
            if path in builder.drafts:
                continue
            child = builder.begin(path, layer, path, 0, "module", container.key)
            child.calls = 0
            called[id(layer)] = child
        if keras_calls.is_container(layer) and not child.closed:
            _add_uncalled(builder, child, called)
