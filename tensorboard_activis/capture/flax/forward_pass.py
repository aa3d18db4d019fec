"""Follows a forward pass equation by equation: which modules and operators run, and what they give."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from tensorboard_activis.capture.flax.marking import Mark, mark_of

#: Equations that run a jaxpr of their own in place; it is followed where modules run in it.
_INLINED = {"jit", "pjit", "closed_call", "checkpoint", "remat2", "custom_jvp_call", "custom_vjp_call"}
#: Operators that move data and compute nothing: they are no nodes.
_TRANSPARENT = {
    "broadcast_in_dim", "convert_element_type", "copy", "copy_p", "device_put", "expand_dims", "name", "optimization_barrier",
    "reduce_precision", "reshape", "sharding_constraint", "slice", "squeeze", "stop_gradient", "transpose",
}  # fmt: skip
_NAMES = {
    "add_any": "add", "conv_general_dilated": "conv", "dot_general": "matmul", "integer_pow": "pow", "logistic": "sigmoid",
    "reduce_max": "max", "reduce_min": "min", "reduce_sum": "sum", "select_n": "where",
}  # fmt: skip
#: Files of JAX whose functions are one operator each, whatever they are made of.
_FUNCTIONS = ("jax/_src/nn/functions.py", "jax/_src/numpy/reductions.py")


@dataclass(frozen=True)
class Value:
    """An array of a pass, and the keys of the nodes that it comes from; none if it does not depend on the input."""

    array: Any
    sources: tuple[str, ...] = ()


@dataclass
class DraftNode:
    """A node of the graph while a pass is followed. `outputs` are its arrays; `path` and `call` are of a module's node."""

    key: str
    parent: str | None
    kind: str
    type: str
    path: str = ""
    call: int = 0
    outputs: list[Any] = field(default_factory=list)


@dataclass
class _Frame:
    """A module call that is running. `hidden`: inside a module that is one node, where nothing gets a node."""

    key: str
    path: str
    call: int
    atomic: bool
    hidden: bool
    operators: Counter[str] = field(default_factory=Counter)
    #: The library function that the last operator is a part of: its call, its node, and what that got.
    function: tuple[Any, str, tuple[str, ...]] | None = None


class ForwardPass:
    """Evaluates the jaxpr of a marked model, and notes its nodes, their outputs, and the data flow between them.

    Arguments:
        types: by path, the name of each module's type.
        atomic: paths of the modules that are one node.

    Attributes:
        nodes: by key, in the order in which they ran.
        edges: (source, target) -> the array that flows.
        calls: by path, how often each module ran.
        arrays: by key of the node, its output; no node with several outputs, each of which is a node itself.
    """

    def __init__(self, types: Mapping[str, str], atomic: Iterable[str]) -> None:
        self._types, self._atomic = types, frozenset(atomic)
        self._frames: list[_Frame] = []
        self.nodes: dict[str, DraftNode] = {"": DraftNode("", None, "module", types[""])}
        self.edges: dict[tuple[str, str], Any] = {}
        self.calls: Counter[str] = Counter()
        self.arrays: dict[str, Any] = {}

    def run(self, closed: ClosedJaxpr, parameters: Sequence[Any], inputs: Sequence[tuple[str, Any]]) -> list[Any]:
        """Evaluates the jaxpr on the parameters and then the inputs, each with its name; returns the outputs."""
        values = [Value(parameter) for parameter in parameters]
        for name, array in inputs:
            self._add(DraftNode(f"/{name}", "", "input", "input", outputs=[array]))
            self.arrays[f"/{name}"] = array
            values.append(Value(array, (f"/{name}",)))
        results = self._evaluate(closed.jaxpr, [*map(Value, closed.consts), *values])
        return [result.array for result in results]

    def _evaluate(self, jaxpr: Jaxpr, inputs: Iterable[Value]) -> list[Value]:
        values = dict(zip([*jaxpr.constvars, *jaxpr.invars], inputs, strict=True))

        def read(atom: Any) -> Value:
            return Value(atom.val) if isinstance(atom, Literal) else values[atom]

        for equation in jaxpr.eqns:
            operands = [read(atom) for atom in equation.invars]
            mark, inner = mark_of(equation), _marked_jaxpr(equation)
            if mark is not None:
                results = [self._at_mark(mark, operands[0])]
            elif inner is not None:
                constants = inner.consts if isinstance(inner, ClosedJaxpr) else ()
                jaxpr_inside = inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner
                results = self._evaluate(jaxpr_inside, [*map(Value, constants), *operands])
            else:
                results = self._operator(equation, operands)
            values.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _at_mark(self, mark: Mark, value: Value) -> Value:
        if mark.kind == "begin":
            self._begin(mark.path)
            return value
        while self._frames and self._frames[-1].path != mark.path:
            self._frames.pop()  # left by an exception that the model caught
        if mark.kind == "output":
            return self._output(self._frames[-1], mark.key_path, value)
        self._frames.pop()
        return value

    def _begin(self, path: str) -> None:
        outer = self._frames[-1] if self._frames else None
        call = self.calls[path]
        self.calls[path] += 1
        key = f"{path}@{call}" if call else path
        hidden = outer is not None and (outer.hidden or outer.atomic)
        frame = _Frame(key, path, call, path in self._atomic, hidden)
        if outer is not None:
            outer.function = None
        if outer is not None and not hidden:
            self._add(DraftNode(key, self._enclosing(path), "module", self._types[path], path, call))
        self._frames.append(frame)

    def _enclosing(self, path: str) -> str:
        """The key of the node that contains a module: the call of its module that is running, or a list of modules."""
        outer = path.rpartition(".")[0]
        running = next((frame for frame in reversed(self._frames) if frame.path == outer), None)
        if running is not None or not outer:
            return running.key if running is not None else ""
        if outer not in self._types:  # in a dict or list of Python
            return self._enclosing(outer)
        above = next((frame.call for frame in reversed(self._frames) if outer.startswith(f"{frame.path}.")), 0)
        key = f"{outer}@{above}" if above else outer
        self._add(DraftNode(key, self._enclosing(outer), "module", self._types[outer], outer, above))
        return key

    def _output(self, frame: _Frame, key_path: str, value: Value) -> Value:
        """An output of a module: with its own node if there are several."""
        if frame.hidden:
            return value
        inside = [
            node for node in self.nodes.values() if node.parent == frame.key and node.kind not in ("output", "input")
        ]
        if len(inside) == 1 and inside[0].kind == "operator" and frame.key:
            value = self._merge(inside[0].key, frame.key, value)
            inside = []
        node, key = self.nodes[frame.key], frame.key + key_path
        node.outputs.append(value.array)
        if not frame.key:
            key = f"/output{key_path}"
            if value.sources:
                self._add(DraftNode(key, "", "output", "output", outputs=[value.array]))
                self._connect(value, key)
            if not key_path:
                self.arrays[""] = value.array
            return value
        self.arrays[key] = value.array
        if key_path:
            self._add(DraftNode(key, frame.key, "output", "output", outputs=[value.array]))
        if inside and not key_path:
            return value
        self._connect(value, key)
        return Value(value.array, (key,)) if value.sources else value

    def _merge(self, inner: str, outer: str, value: Value) -> Value:
        """Makes a module around one operator a single node."""
        del self.nodes[inner], self.arrays[inner]
        sources = {source: array for (source, target), array in self.edges.items() if target == inner}
        self.edges = {ends: array for ends, array in self.edges.items() if inner not in ends}
        return Value(value.array, tuple(dict.fromkeys([*(each for each in value.sources if each != inner), *sources])))

    def _operator(self, equation: Any, operands: Sequence[Value]) -> list[Value]:
        parameters = equation.primitive.get_bind_params(equation.params)
        with equation.ctx.manager:
            results = equation.primitive.bind(*(operand.array for operand in operands), **parameters)
        results = list(results) if equation.primitive.multiple_results else [results]
        sources = tuple(dict.fromkeys(source for operand in operands for source in operand.sources))
        frame = self._frames[-1] if self._frames else None
        if frame is None or frame.hidden or frame.atomic or not sources:
            return [Value(result, sources) for result in results]
        function, name = _library_function(equation), _name(equation)
        last = frame.function
        if function is not None and last is not None and last[0] == function and {*sources} <= {last[1], *last[2]}:
            key = last[1]
        elif function is None and name in _TRANSPARENT:
            return [Value(result, sources) for result in results]
        else:
            name = name if function is None else function[0]
            count = frame.operators[name]
            frame.operators[name] += 1
            key = f"{frame.key}/{name}_{count}" if count else f"{frame.key}/{name}"
            self._add(DraftNode(key, frame.key, "operator", name))
            frame.function = None if function is None else (function, key, sources)
        self.nodes[key].outputs = results
        self.arrays[key] = results[0]
        for operand in operands:
            self._connect(operand, key)
        return [Value(result, (key,)) for result in results]

    def _add(self, node: DraftNode) -> None:
        self.nodes.setdefault(node.key, node)

    def _connect(self, value: Value, target: str) -> None:
        for source in value.sources:
            if source != target:
                self.edges.setdefault((source, target), self.arrays.get(source, value.array))


def _name(equation: Any) -> str:
    """The name of an operator: of the function where JAX compiles it as one, as in "relu", else of the primitive."""
    name = equation.primitive.name
    if name in _INLINED:
        inner = equation.params.get("call_jaxpr")  # of a function with its own derivative
        source = getattr(getattr(inner, "jaxpr", None), "debug_info", None)
        name = equation.params.get("name") or str(getattr(source, "func_src_info", None) or name).partition(" ")[0]
    name = str(name).strip("_<>").rpartition(".")[2]
    return _NAMES.get(name, name)


def _library_function(equation: Any) -> tuple[str, str, int] | None:
    """The function of JAX, such as softmax or mean, that an equation is a part of: its name, and where it is called."""
    traceback = equation.source_info.traceback
    inner: tuple[str, str, int] | None = None
    for caller, frame in _calls(traceback):
        if frame.file_name.endswith("flax/marking.py"):
            break
        if frame.file_name.endswith(_FUNCTIONS) and not caller.file_name.endswith(_FUNCTIONS):
            inner = (frame.function_name.rpartition(".")[2].strip("_"), caller.file_name, caller.line_num)
    return inner


def _calls(traceback: Any) -> Iterator[tuple[Any, Any]]:
    """Caller and called frame, innermost first."""
    frames = [] if traceback is None else [each for each in traceback.frames if "traceback_util" not in each.file_name]
    return zip(frames[1:], frames, strict=False)


def _marked_jaxpr(equation: Any) -> Any:
    """The jaxpr inside of an equation in which modules run; None if there is none."""
    if equation.primitive.name not in _INLINED:
        return None
    inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
    return inner if inner is not None and _has_marks(inner) else None


def _has_marks(jaxpr: Any) -> bool:
    return any(mark_of(equation) is not None or _marked_jaxpr(equation) is not None for equation in jaxpr.eqns)
