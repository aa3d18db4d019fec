"""Names and intercepts the calls of layers and operations in a forward pass of a Keras model.

Graph and capture both use these names, so a recorded layer and its graph node always have the same key.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a layer or operation: the path of the object, the index of the call (from 0), and the key of its node."""

    path: str
    number: int
    key: str


ROOT = Call("", 0, "")


@dataclass(slots=True)
class CallNames:
    """Assigns keys to calls while a forward pass runs: `enter` when a call begins, `leave` when it ends.

    Attributes:
        stack: the calls that run now, outermost first.
        counts: by path, the number of calls so far.
    """

    stack: list[Call] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _owners: dict[str, int] = field(default_factory=dict)

    @property
    def parent(self) -> Call:
        """The innermost call that runs now."""
        return self.stack[-1] if self.stack else ROOT

    def path(self, operation: Any) -> str:
        """Path of `operation` in the module that runs now, as in `block.dense`; different objects have different paths."""
        name = f"{self.parent.path}.{operation.name}" if self.parent.path else operation.name
        path, suffix = name, 0
        while self._owners.setdefault(path, id(operation)) != id(operation):
            suffix += 1
            path = f"{name}_{suffix}"
        return path

    def enter(self, operation: Any) -> Call:
        """Begins a call; the first is that of the model itself."""
        if not self.stack:
            call = ROOT
        else:
            path = self.path(operation)
            number = self.counts[path]
            self.counts[path] += 1
            call = Call(path, number, f"{path}@{number}" if number else path)
        self.stack.append(call)
        return call

    def leave(self) -> None:
        """Ends the innermost call."""
        self.stack.pop()

    def operator(self, kind: str) -> str:
        """Key of an operator without an object in the model: `block/add`, then `block/add_1`."""
        name = f"{self.parent.key}/{snake_case(kind)}"
        number = self.counts[name]
        self.counts[name] += 1
        return f"{name}_{number}" if number else name

    def copy(self) -> "CallNames":
        """A copy, to restore the names from."""
        return CallNames(list(self.stack), Counter(self.counts), dict(self._owners))


def snake_case(name: str) -> str:
    """Converts CamelCase to snake_case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def sublayers(layer: Any) -> list[Any]:
    """Layers directly inside `layer`; none for a plain operation."""
    if not isinstance(layer, keras.layers.Layer):
        return []
    return list(layer._flatten_layers(include_self=False, recursive=False))


def functional_graph(layer: Any) -> Any | None:
    """The functional graph that `layer` runs, if it is a functional model or a built Sequential, else None."""
    if isinstance(layer, keras.Sequential):
        return layer._functional
    runs_its_graph = isinstance(layer, keras.Model) and hasattr(layer, "_nodes_by_depth") and not _has_user_call(layer)
    return layer if runs_its_graph else None


def is_container(layer: Any) -> bool:
    """Whether the calls inside `layer` become nodes of the graph: in models, and in users' layers that have sublayers.

    Keras's own layers are leaves even if they have sublayers: a cell of an LSTM or of a TimeDistributed runs in a loop, where
    no single tensor is its output.
    """
    if isinstance(layer, keras.Model):
        return True
    return isinstance(layer, keras.layers.Layer) and _has_user_call(layer) and bool(sublayers(layer))


def has_operators(layer: Any) -> bool:
    """Whether the operators in the code of `layer` become nodes of the graph: in containers and in users' layers."""
    return is_container(layer) or (isinstance(layer, keras.layers.Layer) and _has_user_call(layer))


def _has_user_call(layer: Any) -> bool:
    """Whether `call` is the user's, not Keras's."""
    definition = next((cls for cls in type(layer).__mro__ if "call" in vars(cls)), type(layer))
    return not definition.__module__.startswith("keras.")


def operations(model: Any) -> Iterator[Any]:
    """All layers and operations of a model, those of its functional graphs included; the model first, each once."""
    visited: set[int] = set()
    pending = [model]
    while pending:
        operation = pending.pop(0)
        if id(operation) in visited:
            continue
        visited.add(id(operation))
        yield operation
        graph = functional_graph(operation)
        pending += [*sublayers(operation), *(graph.operations if graph is not None else ())]


#: Called with (operation, call) before a call.
OnBegin = Callable[[Any, Call], None]
#: Called with (operation, call, args, kwargs, outputs) after a call; gives what stands for the outputs, None: they themselves.
OnEnd = Callable[[Any, Call, tuple[Any, ...], Mapping[str, Any], Any], Any]


@contextmanager
def intercepted(
    model: Any,
    on_end: OnEnd,
    on_begin: OnBegin = lambda operation, call: None,
    *,
    once: bool = False,
    instead: Callable[[Call], tuple[Any] | None] = lambda call: None,
) -> Iterator[CallNames]:
    """Intercepts the calls of all layers and operations of a model: `on_begin` is called before each, `on_end` after each.

    Patches `call` of the objects, not of their classes, and always removes the patch. Calls in other threads are ignored.

    Arguments:
        once: intercept only the first call of the model itself, and the calls in it.
        instead: gives what a call gives without being made, as a tuple of one; None for calls that are made.
    """
    thread = threading.get_ident()
    names = CallNames()
    roots: list[Any] = []
    patched: list[tuple[Any, str, Any]] = []

    def patch(operation: Any, attribute: str) -> None:
        original = getattr(operation, attribute)

        def call(*args: Any, **kwargs: Any) -> Any:
            outside = once and not names.stack and (operation is not model or bool(roots))
            if outside or threading.get_ident() != thread:
                return original(*args, **kwargs)
            if not names.stack:
                roots.append(operation)
            call_name = names.enter(operation)
            try:
                on_begin(operation, call_name)
                given = instead(call_name)
                outputs = original(*args, **kwargs) if given is None else given[0]
            finally:
                names.leave()
            changed = on_end(operation, call_name, args, kwargs, outputs)
            return outputs if changed is None else changed

        patched.append((operation, attribute, vars(operation).get(attribute)))
        # Not by Keras's __setattr__, which would track the function as part of the layer's state.
        object.__setattr__(operation, attribute, call)

    try:
        for operation in operations(model):
            if not isinstance(operation, keras.layers.InputLayer):
                patch(operation, "quantized_call" if getattr(operation, "quantization_mode", None) else "call")
        yield names
    finally:
        for operation, attribute, before in patched:
            if before is None:
                object.__delattr__(operation, attribute)
            else:
                object.__setattr__(operation, attribute, before)


def output_tensors(key: str, outputs: Any) -> list[tuple[str, Any]]:
    """The output tensors of a call, each with its key: `key` if there is one, else with key path, `key[0]` or `key[name]`."""
    tensors = [(path, tensor) for path, tensor in keras.tree.flatten_with_path(outputs) if tensor is not None]
    if len(tensors) == 1:
        return [(key, tensors[0][1])]
    return [(key + "".join(f"[{step}]" for step in path), tensor) for path, tensor in tensors]
