"""The nodes and edges that show while a Keras model runs, symbolically, traced or on data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorboard_activis.capture.keras import calls as keras_calls
from tensorboard_activis.capture.keras.nodes import Draft, neuron_axis, shape_of
from tensorboard_activis.schema import Shape


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
