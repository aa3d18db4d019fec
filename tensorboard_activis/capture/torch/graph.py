"""The graph of a torch model, by one recorded eager forward pass.

Module hooks and a TorchFunctionMode see each module call and each operator with the tensors that go in and come out.
Unlike tracing and exporting this completes on every model that runs; its limit is that it sees one path through the
model.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from tensorboard_activis import schema
from tensorboard_activis.capture.interrupts import bracketed, within
from tensorboard_activis.capture.torch.axes import Axes, axes_after_module, axes_after_operator, axes_of_input
from tensorboard_activis.capture.torch.call_stack import CallCounts, CallStack, Frame
from tensorboard_activis.capture.torch.graph_builder import DraftNode, GraphBuilder
from tensorboard_activis.capture.torch.indexing import axes_after_indexing
from tensorboard_activis.capture.torch.layer_outputs import LayerOutput, Recording, TensorLocation
from tensorboard_activis.capture.torch.modules import TensorOrPacked, is_builtin, leaves, module_paths, parts, type_name
from tensorboard_activis.capture.torch.operators import is_counted, is_plumbing, operator_name
from tensorboard_activis.capture.torch.thread_state import seeing


def record(model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], instances: int) -> Recording:
    """Run the model once and record its graph; the caller has seen to evaluation mode and turned gradients off.

    Arguments:
        model: the user's own model, unwrapped.
        args, kwargs: its input.
        instances: how many instances the input holds.
    """
    return Tracer(model, instances).run(args, kwargs)


def record_graph(model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], instances: int) -> schema.Graph:
    """The graph alone; see `record`."""
    return record(model, args, kwargs, instances).graph


@dataclass(frozen=True)
class _Value:
    """A tensor that stems from the input. It is held, for ids are used again as soon as a tensor dies."""

    tensor: torch.Tensor
    producer: str
    axes: Axes


@dataclass
class _Running:
    frame: Frame
    got: list[_Value]
    shapes: str
    values: set[int] = field(default_factory=set)
    child_ran: bool = False


class Tracer(TorchFunctionMode):
    """Records one forward pass."""

    def __init__(self, model: nn.Module, instances: int) -> None:
        super().__init__()
        self._model = model
        self._instances = instances
        self._paths = module_paths(model)
        self._calls = CallStack()
        self._running: list[_Running] = []
        self._values: dict[int, _Value] = {}
        self._builder = GraphBuilder(self._paths)
        self._sources: dict[str, LayerOutput] = {}
        self._active = False  # a call that waited for the end of this pass may come to its hooks after it
        self._quiet = False  # while our own code runs in a hook
        self._operators: Counter[str] = Counter()

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Recording:
        """The forward pass."""
        handles: list[RemovableHandle] = []

        def attach() -> None:
            for path, module in self._paths.items():
                if not isinstance(module, torch.jit.ScriptModule):
                    handles.append(module.register_forward_pre_hook(self._before(path), with_kwargs=True))
                    handles.append(module.register_forward_hook(self._after(path)))

        def forward() -> Any:
            self._begin(args, kwargs)
            self._active = True
            output = within(lambda: self._model(*args, **kwargs), seeing(self))
            self._end(output)
            return output

        def detach(failed: bool) -> None:
            self._active = False
            for handle in handles:
                handle.remove()

        output = bracketed(attach, forward, detach)
        return Recording(self._builder.graph(self._calls.calls), self._sources, output, self.calls)

    @property
    def calls(self) -> CallCounts:
        """After a forward pass: what it called."""
        return CallCounts.from_counters(self._calls.calls, self._operators)

    @property
    def failed_in(self) -> str:
        """After a forward pass that raised: the module that ran, and the shapes that it got."""
        if not self._running:
            return "the model itself"
        last = self._running[-1]
        module = self._paths[last.frame.path]
        return f"{last.frame.key or 'the model itself'} ({type_name(module)}), which got {last.shapes}"

    def _begin(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        named = [(name, value) for name, value in kwargs.items()]
        if len(args) == 1 and not named:
            self._input("input", args[0])
        else:
            names = _argument_names(self._model, len(args))
            for name, value in [*zip(names, args, strict=True), *named]:
                self._input(name, value)

    def _input(self, name: str, value: Any) -> None:
        for part, leaf in parts(value):
            if isinstance(leaf, torch.Tensor):
                key = self._builder.unused_key(f"/{name}{part}")
                axes = axes_of_input(leaf.shape, self._instances)
                self._builder.add(DraftNode(key, "", "input", "input", outputs=(self._shape(leaf, axes),)))
                self._values[id(leaf)] = _Value(leaf, key, axes)

    def _end(self, output: Any) -> None:
        for part, leaf in parts(output):
            value = self._value(leaf)
            if value is not None:
                key = self._builder.unused_key(f"/output{part}")
                shape = self._shape(leaf, value.axes)
                self._builder.add(DraftNode(key, "", "output", "output", outputs=(shape,)))
                self._builder.add_edge(value.producer, key, shape)

    def _before(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            if not self._active:
                return
            self._quiet = True
            if self._running:
                self._running[-1].child_ran = True
            frame = self._calls.push(path)
            del self._running[len(self._calls.frames) - 1 :]
            got = [value for _, leaf in leaves([args, kwargs]) if (value := self._value(leaf)) is not None]
            shapes = ", ".join(_told(leaf) for _, leaf in leaves([args, kwargs])) or "no tensor"
            self._running.append(_Running(frame, got, shapes))
            for key, (outer, call, parent) in self._calls.containers.items():
                self._builder.add(DraftNode(key, parent, "module", type_name(self._paths[outer]), outer, call))
            self._builder.add(DraftNode(frame.key, frame.parent, "module", type_name(module), path, frame.call))
            self._quiet = False

        return hook

    def _after(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if not self._active:
                return
            self._quiet = True
            frame = self._calls.pop(path)
            running = None
            while self._running and running is None:
                last = self._running.pop()
                running = last if last.frame is frame else None
            if running is not None:
                self._left(module, running, output)
                if self._running:
                    self._running[-1].values |= running.values
            self._quiet = False

        return hook

    def _left(self, module: nn.Module, running: _Running, output: Any) -> None:
        """A module has run: its outputs, and its edges unless it holds other nodes."""
        frame = running.frame
        children = self._builder.children(frame.key)
        if children and frame.key and is_builtin(module) and not running.child_ran:
            self._close(frame.key, children, running)
            children = set()
        leaf = not children and bool(frame.key)
        if leaf:
            self._builder.mark_as_single_node(frame.path)
        shapes = []
        for part, tensor in parts(output):
            axes = self._axes_after(module, running, part, tensor) if leaf else self._known_axes(tensor)
            shape = self._shape(tensor, axes)
            shapes.append(shape)
            key = frame.key + part
            port = bool(part and frame.key)
            value = self._value(tensor)
            self._source(key, tensor, axes, TensorLocation(frame.path, frame.call, part))
            if port:
                self._builder.add(DraftNode(key, frame.key, "output", "output", outputs=(shape,)))
            if leaf:
                for got in running.got:
                    self._builder.add_edge(got.producer, key, self._shape(got.tensor, got.axes))
            elif port and value is not None:
                self._builder.add_edge(value.producer, key, shape)
            if leaf or port:
                self._keep(tensor, key, axes, running)
        self._builder.drafts[frame.key].outputs = tuple(shapes)

    def _axes_after(self, module: nn.Module, running: _Running, part: str, leaf: TensorOrPacked) -> Axes:
        if not isinstance(leaf, torch.Tensor):
            return Axes(0, 2)  # packed sequences, when they are padded
        value = self._value(leaf)
        if value is not None and id(leaf) in running.values and not is_builtin(module):
            return value.axes  # followed through what ran inside, which was too plain to be shown
        known = [(value.tensor.shape, value.axes) for value in running.got]
        return axes_after_module(module, part, torch.Size(_sizes(leaf)), known, self._instances)

    def _known_axes(self, leaf: TensorOrPacked) -> Axes:
        if not isinstance(leaf, torch.Tensor):
            return Axes(0, 2)
        value = self._value(leaf)
        return value.axes if value is not None else axes_of_input(torch.Size(_sizes(leaf)), self._instances)

    def _close(self, key: str, children: set[str], running: _Running) -> None:
        """A layer of torch is one node: what ran inside it is forgotten."""
        self._builder.remove(children)
        for inner in children:
            self._sources.pop(inner, None)
        for identity in running.values:
            value = self._values[identity]
            if value.producer in children:
                self._values[identity] = _Value(value.tensor, key, value.axes)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._quiet:
            return func(*args, **kwargs)
        got = [value for _, leaf in leaves([args, kwargs]) if (value := self._value(leaf)) is not None]
        output = func(*args, **kwargs)
        self._operator(func, args, kwargs, got, output)
        return output

    def _operator(self, func: Any, args: Any, kwargs: Any, got: list[_Value], output: Any) -> None:
        name = operator_name(func)
        if is_counted(name):
            self._operators[name] += 1
        changed = args[0] if name == "setitem" and args else output
        found = [(part, leaf) for part, leaf in parts(changed) if isinstance(leaf, torch.Tensor)]
        if not found:
            return
        plumbing = is_plumbing(name, [leaf for _, leaf in found])
        place = None if plumbing else self._calls.operator(name)
        if not got or not self._running:
            return
        running = self._running[-1]
        known = [(value.tensor.shape, value.axes) for value in got]

        def again(first: torch.Tensor) -> Any:
            return func(first, *args[1:], **kwargs)

        def axes_of(value: Any) -> Axes | None:
            stems = self._value(value) if isinstance(value, torch.Tensor) else None
            return None if stems is None else stems.axes

        all_axes = []
        for _, leaf in found:
            axes = axes_after_indexing(name, args, kwargs, leaf.shape, axes_of, self._instances)
            all_axes.append(axes or axes_after_operator(name, again, leaf.shape, known, self._instances))
        if place is None:
            for (_, leaf), axes in zip(found, all_axes, strict=True):
                self._keep(leaf, got[0].producer, axes, running)
            return
        frame, ordinal = place
        key = self._builder.unused_key(f"{frame.key}/{name}")
        shapes = [self._shape(leaf, axes) for (_, leaf), axes in zip(found, all_axes, strict=True)]
        self._builder.add(DraftNode(key, frame.key, "operator", name, outputs=tuple(shapes)))
        for value in got:
            self._builder.add_edge(value.producer, key, self._shape(value.tensor, value.axes))
        self._source(key, found[0][1], all_axes[0], TensorLocation(frame.path, frame.call, found[0][0], name, ordinal))
        for (_, leaf), axes in zip(found, all_axes, strict=True):
            self._keep(leaf, key, axes, running)

    def _keep(self, leaf: TensorOrPacked, producer: str, axes: Axes, running: _Running) -> None:
        tensor = leaf if isinstance(leaf, torch.Tensor) else leaf.data
        if not isinstance(leaf, torch.Tensor):
            # Packed in the order of their lengths, unless they came in it.
            axes = Axes(None, tensor.dim() - 1, gathered=leaf.sorted_indices is not None)
        self._values[id(tensor)] = _Value(tensor, producer, axes)
        running.values.add(id(tensor))

    def _value(self, leaf: TensorOrPacked) -> _Value | None:
        tensor = leaf if isinstance(leaf, torch.Tensor) else leaf.data
        return self._values.get(id(tensor))

    def _source(self, key: str, leaf: TensorOrPacked, axes: Axes, place: TensorLocation) -> None:
        if axes.batch is not None:
            shape, _ = axes.unflattened(_sizes(leaf), self._instances)
            self._sources[key] = LayerOutput(place, shape, axes, self._instances)

    def _shape(self, leaf: TensorOrPacked, axes: Axes) -> schema.Shape:
        unflattened, axes = axes.unflattened(_sizes(leaf), self._instances)
        sizes = list(unflattened)
        if axes.batch is not None and axes.batch < len(sizes):
            sizes[axes.batch] = -1
        tensor = leaf if isinstance(leaf, torch.Tensor) else leaf.data
        return schema.Shape(tuple(sizes), str(tensor.dtype).removeprefix("torch."))


def _sizes(leaf: TensorOrPacked) -> tuple[int, ...]:
    if not isinstance(leaf, torch.Tensor):  # packed sequences: as they are when padded
        return (int(leaf.batch_sizes[0]), len(leaf.batch_sizes), *leaf.data.shape[1:])
    if leaf.is_nested:
        return tuple(torch.nested.to_padded_tensor(leaf, 0.0).shape)
    return tuple(leaf.shape)


def _told(leaf: TensorOrPacked) -> str:
    return f"{tuple(_sizes(leaf))} {str(leaf.data.dtype).removeprefix('torch.')}"


def _argument_names(model: nn.Module, count: int) -> list[str]:
    code = getattr(model.forward, "__code__", None)
    names = list(code.co_varnames[1 : code.co_argcount]) if code is not None else []
    return names[:count] if len(names) >= count else ["input", *(f"input_{index}" for index in range(1, count))][:count]
