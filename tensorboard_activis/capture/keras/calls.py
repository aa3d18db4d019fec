"""Names for the calls that one forward pass of a Keras model makes, and a way to see each of them.

The graph and the tap both ask here, so a recorded layer and its graph node cannot get different names.
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
    """One call of a layer or operation: the path of its object, which call of it this is (from 0), and its key."""

    path: str
    number: int
    key: str


ROOT = Call("", 0, "")


@dataclass(slots=True)
class CallNames:
    """Hands out keys while a forward pass runs: `enter` when a call begins, `leave` when it ends."""

    stack: list[Call] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _owners: dict[str, int] = field(default_factory=dict)

    @property
    def parent(self) -> Call:
        return self.stack[-1] if self.stack else ROOT

    def path(self, operation: Any) -> str:
        """Names from the model down to `operation`, in the module that runs now. Two objects never share a path."""
        name = f"{self.parent.path}.{operation.name}" if self.parent.path else operation.name
        path, suffix = name, 0
        while self._owners.setdefault(path, id(operation)) != id(operation):
            suffix += 1
            path = f"{name}_{suffix}"
        return path

    def enter(self, operation: Any) -> Call:
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
        self.stack.pop()

    def operator(self, kind: str) -> str:
        """Key of an operator that has no object of its own in the model: `block/add`, the second `block/add_1`."""
        name = f"{self.parent.key}/{snake_case(kind)}"
        number = self.counts[name]
        self.counts[name] += 1
        return f"{name}_{number}" if number else name

    def copy(self) -> "CallNames":
        return CallNames(list(self.stack), Counter(self.counts), dict(self._owners))


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def sublayers(layer: Any) -> list[Any]:
    """Layers directly inside `layer`; none for a plain operation."""
    if not isinstance(layer, keras.layers.Layer):
        return []
    return list(layer._flatten_layers(include_self=False, recursive=False))


def functional(layer: Any) -> Any | None:
    """The functional graph that `layer` runs, when it runs one: of a functional model or of a built Sequential."""
    if isinstance(layer, keras.Sequential):
        return layer._functional
    runs_its_graph = isinstance(layer, keras.Model) and hasattr(layer, "_nodes_by_depth") and not _own_call(layer)
    return layer if runs_its_graph else None


def is_container(layer: Any) -> bool:
    """Whether the calls inside `layer` are worth showing: models, and users' layers that hold layers.

    Keras's own layers stay closed, whatever they hold: what runs inside an LSTM or a TimeDistributed runs in a loop, where
    no single tensor is its output.
    """
    if isinstance(layer, keras.Model):
        return True
    return isinstance(layer, keras.layers.Layer) and _own_call(layer) and bool(sublayers(layer))


def has_operators(layer: Any) -> bool:
    """Whether the operators in the code of `layer` are worth showing, where they can be seen: in containers and users' layers."""
    return is_container(layer) or (isinstance(layer, keras.layers.Layer) and _own_call(layer))


def _own_call(layer: Any) -> bool:
    """Whether `call` comes from outside Keras."""
    definition = next((cls for cls in type(layer).__mro__ if "call" in vars(cls)), type(layer))
    return not definition.__module__.startswith("keras.")


def operations(model: Any) -> Iterator[Any]:
    """Every layer and every operation object of a functional graph in `model`, itself first, each once."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        operation = waiting.pop(0)
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        yield operation
        graph = functional(operation)
        waiting += [*sublayers(operation), *(graph.operations if graph is not None else ())]


Begun = Callable[[Any, Call], None]
Seen = Callable[[Any, Call, tuple[Any, ...], Mapping[str, Any], Any], None]


@contextmanager
def intercepted(
    model: Any, seen: Seen, begun: Begun = lambda operation, call: None, *, once: bool = False
) -> Iterator[CallNames]:
    """Within the block, `seen(operation, call, args, kwargs, outputs)` is told of every call as it ends, `begun` as it begins.

    Patches `call` on the objects, not on their classes, and takes the patch away whatever happens. Calls in other threads are
    not told of.

    Arguments:
        once: only the first call of the model itself, and what runs in it.
    """
    thread = threading.get_ident()
    names = CallNames()
    roots: list[Any] = []
    patched: list[tuple[Any, str, Any]] = []

    def watch(operation: Any, attribute: str) -> None:
        original = getattr(operation, attribute)

        def call(*args: Any, **kwargs: Any) -> Any:
            outside = once and not names.stack and (operation is not model or bool(roots))
            if outside or threading.get_ident() != thread:
                return original(*args, **kwargs)
            if not names.stack:
                roots.append(operation)
            entered = names.enter(operation)
            try:
                begun(operation, entered)
                outputs = original(*args, **kwargs)
            finally:
                names.leave()
            seen(operation, entered, args, kwargs, outputs)
            return outputs

        patched.append((operation, attribute, vars(operation).get(attribute)))
        # Past Keras's own __setattr__, which would track the function as part of the layer's state.
        object.__setattr__(operation, attribute, call)

    try:
        for operation in operations(model):
            if not isinstance(operation, keras.layers.InputLayer):
                watch(operation, "quantized_call" if getattr(operation, "quantization_mode", None) else "call")
        yield names
    finally:
        for operation, attribute, before in patched:
            if before is None:
                object.__delattr__(operation, attribute)
            else:
                object.__setattr__(operation, attribute, before)


def parts(key: str, outputs: Any) -> list[tuple[str, Any]]:
    """Names and tensors of what a call returned: `key[0]`, `key[name]` for the parts of a structure, `key` for a lone tensor."""
    found = [(path, tensor) for path, tensor in keras.tree.flatten_with_path(outputs) if tensor is not None]
    if len(found) == 1:
        return [(key, found[0][1])]
    return [(key + "".join(f"[{step}]" for step in path), tensor) for path, tensor in found]
