"""Builds the graph, node by node and edge by edge, while a Keras model runs: symbolically, traced or on data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorboard_activis.capture.keras.graph.head_nodes import SeenHeads, add_heads
from tensorboard_activis.capture.keras.graph.nodes import DraftNode, neuron_axis, tensor_shape
from tensorboard_activis.capture.keras.model import calls as keras_calls
from tensorboard_activis.schema import Shape


@dataclass(slots=True)
class GraphBuilder:
    """Collects nodes and edges while a forward pass runs.

    Attributes:
        operation_ids: `id` of the layers and operations of the model; others are made by operators while it runs.
        names: keys of the calls.
        drafts: by key, the nodes.
        edges: (source, target) -> shape.
        sources: by `id` of a tensor, the key of the node that it comes from.
        axes: by `id` of a tensor, its neuron axis, counted without the batch axis.
        queries: by key of the heads of an attention, the nodes that what looks comes from.
        batch: the batch size, for shapes without an open axis.
        alive: the tensors, so that each `id` stays unique.
    """

    operation_ids: frozenset[int]
    names: keras_calls.CallNames = field(default_factory=keras_calls.CallNames)
    drafts: dict[str, DraftNode] = field(default_factory=dict)
    edges: dict[tuple[str, str], Any] = field(default_factory=dict)
    sources: dict[int, str] = field(default_factory=dict)
    axes: dict[int, int] = field(default_factory=dict)
    queries: dict[str, list[str]] = field(default_factory=dict)
    batch: int | None = None
    alive: list[Any] = field(default_factory=list)

    def compute_outputs(self, operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """The outputs of a call of a layer or operation for KerasTensors."""
        return operation.compute_output_spec(*args, **kwargs)

    def shape(self, tensor: Any) -> Shape:
        """Shape of a tensor, with -1 for the batch axis, also if the model has a fixed batch size."""
        shape = tensor_shape(tensor)
        if self.batch is not None and shape.sizes[:1] == (self.batch,):
            return Shape((-1, *shape.sizes[1:]), shape.dtype)
        return shape

    def begin(self, key: str, operation: Any, path: str, number: int, kind: str, parent: str | None) -> DraftNode:
        """Adds a node for a call that begins, or for an input or output of the model."""
        draft = DraftNode(key, parent, kind, operation, path, number)
        self.drafts[key] = draft
        return draft

    def end(
        self, draft: DraftNode, inputs: list[Any], outputs: Any, *, leaf: bool, heads: SeenHeads | None = None
    ) -> None:
        """Records inputs and outputs of a call; edges connect leaves only.

        Each tensor of a nested output gets its own node, `lstm[0]`, inside the node of the call.

        Arguments:
            leaf: whether the node has no children.
            heads: of the attention that it computes, a node inside of it that its data flow through.
        """
        inner = "" if heads is None else add_heads(self, draft.key, heads)
        for input_tensor in inputs if inner else ():
            self.connect(input_tensor, inner)
        tensors = keras_calls.output_tensors(draft.key, outputs)
        self.alive += [*inputs, *(tensor for _, tensor in tensors)]
        draft.outputs = tuple(self.shape(tensor) for _, tensor in tensors)
        for key, tensor in tensors:
            if leaf:
                axis = neuron_axis(draft.operation, tensor, inputs, self.axes)
            else:
                axis = self.axes.get(id(tensor), max(len(tensor.shape) - 2, 0))
            self.axes[id(tensor)] = axis
            draft.axis = axis if tensor is tensors[0][1] else draft.axis
            nested = len(tensors) > 1 and bool(draft.key)
            if nested:
                port = self.begin(key, None, "", 0, "output", draft.key)
                port.outputs, port.axis, port.observable = (self.shape(tensor),), axis, True
                port.replayed = draft.replayed
            if leaf and inner and nested:
                self.edges.setdefault((inner, key), self.shape(tensor))
            elif leaf and not inner:
                for input_tensor in inputs:
                    self.connect(input_tensor, key)
            elif nested:
                self.connect(tensor, key)
            if leaf or nested:
                self.sources[id(tensor)] = inner if leaf and inner and not nested else key
        draft.observable = draft.observable and len(tensors) == 1

    def connect(self, tensor: Any, target: str) -> None:
        """Adds an edge from the node that `tensor` comes from."""
        source = self.sources.get(id(tensor))
        if source is not None and source != target:
            self.edges.setdefault((source, target), self.shape(tensor))

    def mark_unobservable(self, draft: DraftNode) -> None:
        """Marks the outputs of this call as ones that cannot be captured."""
        for other in self.drafts.values():
            if other is draft or (other.parent == draft.key and other.kind == "output"):
                other.observable = False

    def alias(self, tensor: Any, copy: Any) -> None:
        """Treats `copy` as the same tensor as `tensor`."""
        self.alive += [tensor, copy]
        if id(tensor) in self.sources:
            self.sources[id(copy)] = self.sources[id(tensor)]
        if id(tensor) in self.axes:
            self.axes[id(copy)] = self.axes[id(tensor)]

    def add_model_tensors(self, name: str, kind: str, tensors: Any) -> None:
        """Adds the nodes of the model's inputs or outputs: `/input`, or `/input[left]` and `/input[right]`."""
        for key, tensor in keras_calls.output_tensors(name, tensors):
            draft = self.begin(key, None, "", 0, kind, "")
            draft.outputs = (self.shape(tensor),)
            draft.axis = self.axes.get(id(tensor), max(len(tensor.shape) - 2, 0))
            if kind == "input":
                self.alive.append(tensor)
                self.sources[id(tensor)] = key
                self.axes[id(tensor)] = draft.axis
            else:
                self.connect(tensor, key)
