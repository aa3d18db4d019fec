"""Records the graph of a torch model in one eager forward pass.

Forward hooks and a TorchFunctionMode see each module call and each operator with its input and output tensors. Unlike
torch.jit.trace and torch.export this works for every model that runs; its limit is that it sees one path through the model.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.heads import mark_unseen
from tensorboard_activis.capture.isolation.interrupts import bracketed
from tensorboard_activis.capture.torch.attention.calls import AttentionCall, AttentionFinder
from tensorboard_activis.capture.torch.attention.opened import run_operator
from tensorboard_activis.capture.torch.graph.axes import Axes, axes_of_input
from tensorboard_activis.capture.torch.graph.builder import DraftNode, GraphBuilder
from tensorboard_activis.capture.torch.graph.call_stack import CallCounts, CallStack
from tensorboard_activis.capture.torch.graph.constants import Constants
from tensorboard_activis.capture.torch.graph.head_nodes import HeadNodes
from tensorboard_activis.capture.torch.graph.layer_outputs import LayerOutput, Recording, TensorLocation
from tensorboard_activis.capture.torch.graph.operators import (
    has_no_node,
    is_counted,
    operator_name,
    takes_shape_only,
)
from tensorboard_activis.capture.torch.graph.output_axes import axes_of_module_output, axes_of_operator_output
from tensorboard_activis.capture.torch.graph.tracked import (
    RunningModule,
    TrackedTensor,
    TrackedTensors,
    described,
    dtype_of,
    shape_of,
    sizes_of,
)
from tensorboard_activis.capture.torch.model.current_pass import current_pass, own_work
from tensorboard_activis.capture.torch.model.modules import (
    TensorOrPacked,
    argument_names,
    is_builtin,
    module_paths,
    nested_tensors,
    output_tensors,
    type_name,
)
from tensorboard_activis.capture.torch.model.thread_state import PassMode


def record(model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], instances: int) -> Recording:
    """Runs the model once and records its graph. The caller has put the model into evaluation mode and turned gradients off.

    Arguments:
        model: the user's own model, unwrapped.
        args, kwargs: its input.
        instances: in the input.
    """
    return Tracer(model, instances).run(args, kwargs)


def record_graph(model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], instances: int) -> schema.Graph:
    """As `record`, the graph alone."""
    return record(model, args, kwargs, instances).graph


class Tracer(PassMode):
    """Records one forward pass of a model.

    `run` runs it; `start` and `stop` bracket one that somebody else runs.

    Arguments:
        model: the user's own model, unwrapped.
        instances: in the input.
        on_output: called with the key, the tensor and the axes of each output that may be a layer, before it can be overwritten.
        mask: bool [instances, positions], False in padding; for `on_output` only.
    """

    def __init__(
        self,
        model: nn.Module,
        instances: int,
        on_output: Callable[[str, TensorOrPacked, Axes], None] | None = None,
        mask: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self._on_output = on_output
        self._model = model
        self._instances = instances
        self._modules_by_path = module_paths(model)
        self._stack = CallStack()
        self._running: list[RunningModule] = []
        self._tracked_tensors = TrackedTensors()
        self._constants = Constants(model)
        self._builder = GraphBuilder(self._modules_by_path)
        self._outputs: dict[str, LayerOutput] = {}
        # The pass that is recorded. Calls of other threads, and of other watches' own passes, may reach these hooks as well.
        self._pass: tuple[int, int] | None = None
        self._error: Exception | None = None
        self._paused_pass: tuple[int, int] | None = None
        self._paused = False  # while a hook runs our own code
        self._handles: list[RemovableHandle] = []
        self._operator_counts: Counter[str] = Counter()
        self._finder = AttentionFinder()
        self._heads = HeadNodes(
            self._builder, self._stack, self._tracked_tensors, self._outputs, instances, on_output, mask
        )

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Recording:
        """Runs the forward pass."""
        output = bracketed(
            lambda: self.start(args, kwargs), lambda: self._model(*args, **kwargs), lambda failed: self.stop()
        )
        return self.recording(output)

    def start(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """From here on everything that this thread computes with the model's modules is recorded."""
        for path, module in self._modules_by_path.items():
            if not isinstance(module, torch.jit.ScriptModule):
                self._handles.append(module.register_forward_pre_hook(self._pre_hook(path), with_kwargs=True))
                self._handles.append(module.register_forward_hook(self._forward_hook(path)))
        self._add_inputs(args, kwargs)
        self.enter()
        self._pass = current_pass()

    def pause(self) -> None:
        """What is computed from here on is not recorded, until `resume`."""
        self._paused_pass, self._pass, self._paused = self._pass, None, True

    def resume(self) -> None:
        """The recording goes on, unless it has ended meanwhile."""
        self._pass, self._paused_pass, self._paused = self._paused_pass, None, False

    def stop(self) -> None:
        """Ends the recording, and removes all hooks; safe to call twice."""
        if self._paused_pass is not None:
            self.resume()
        self.leave()
        self._pass = None
        self._finder.reset()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def enter_model(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Makes the model itself the module that is running, where its parts are called without it."""
        self._pre_hook("")(self._model, args, kwargs)

    def leave_model(self, output: Any) -> None:
        """The end of what `enter_model` began."""
        self._forward_hook("")(self._model, (), output)

    def recording(self, output: Any) -> Recording:
        """What was recorded, if the forward pass gave this output.

        Raises:
            Exception: what went wrong in the hooks, which raise nothing, for the pass may be the user's own.
        """
        if self._error is not None:
            raise self._error
        self._add_outputs(output)
        graph = mark_unseen(self._builder.graph(self._stack.calls))
        return Recording(graph, self._outputs, output, self.calls)

    @property
    def calls(self) -> CallCounts:
        """How often the last forward pass called each module and operator."""
        return CallCounts.from_counters(self._stack.calls, self._operator_counts)

    @property
    def failed_in(self) -> str:
        """After a forward pass that raised: the module that was running, and the shapes of its inputs; for messages."""
        if not self._running:
            return "the model itself"
        last = self._running[-1]
        module = self._modules_by_path[last.frame.path]
        return f"{last.frame.key or 'the model itself'} ({type_name(module)}), which got {last.shapes}"

    def _add_inputs(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        named = [(name, value) for name, value in kwargs.items()]
        if len(args) == 1 and not named:
            self._add_input("input", args[0])
        else:
            names = argument_names(self._model, len(args))
            for name, value in [*zip(names, args, strict=True), *named]:
                self._add_input(name, value)

    def _add_input(self, name: str, value: Any) -> None:
        for key_path, tensor in output_tensors(value):
            key = self._builder.unused_key(f"/{name}{key_path}")
            axes = axes_of_input(torch.Size(sizes_of(tensor)), self._instances)
            self._builder.add(DraftNode(key, "", "input", "input", outputs=(self._shape(tensor, axes),)))
            self._tracked_tensors.add(tensor if isinstance(tensor, torch.Tensor) else tensor.data, key, axes)

    def _add_outputs(self, output: Any) -> None:
        for key_path, tensor in output_tensors(output):
            value = self._tracked(tensor)
            if value is not None:
                key = self._builder.unused_key(f"/output{key_path}")
                shape = self._shape(tensor, value.axes)
                self._builder.add(DraftNode(key, "", "output", "output", outputs=(shape,)))
                self._builder.add_edge(value.producer, key, shape)

    def _pre_hook(self, path: str) -> Callable[..., None]:
        # Where a hook before this one ends the recording, torch still calls this one, but no longer with kwargs.
        def hook(module: nn.Module, args: Any, kwargs: Any = None) -> None:
            if self._pass == current_pass():
                self._unobserved(lambda: self._begin_module(module, path, args, kwargs))

        return hook

    def _forward_hook(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if self._pass == current_pass():
                self._unobserved(lambda: self._end_module(module, path, output))

        return hook

    def _unobserved(self, work: Callable[[], None]) -> None:
        """Runs our own code in a hook, whose operators are not recorded."""
        self._paused = True
        try:
            with own_work():
                work()
        except Exception as error:
            self._error = self._error or error
        self._paused = False

    def _begin_module(self, module: nn.Module, path: str, args: Any, kwargs: Any) -> None:
        """Pushes a module that begins to run, and adds its node."""
        if self._running:
            self._running[-1].child_ran = True
        frame = self._stack.push(path)
        del self._running[len(self._stack.frames) - 1 :]
        inputs = [value for _, tensor in nested_tensors([args, kwargs]) if (value := self._tracked(tensor)) is not None]
        shapes = ", ".join(described(tensor) for _, tensor in nested_tensors([args, kwargs])) or "no tensor"
        self._running.append(RunningModule(frame, inputs, shapes))
        for key, (outer, call, parent) in self._stack.containers.items():
            self._builder.add(DraftNode(key, parent, "module", type_name(self._modules_by_path[outer]), outer, call))
        self._builder.add(DraftNode(frame.key, frame.parent, "module", type_name(module), path, frame.call))

    def _end_module(self, module: nn.Module, path: str, output: Any) -> None:
        """Pops a module that has run, and adds its outputs."""
        frame = self._stack.pop(path)
        running = None
        while self._running and running is None:
            last = self._running.pop()
            running = last if last.frame is frame else None
        if running is not None:
            self._finish_module(module, running, output)
            if self._running:
                self._running[-1].made |= running.made

    def _finish_module(self, module: nn.Module, running: RunningModule, output: Any) -> None:
        """Adds the outputs of a module that has run, and its edges unless it has nodes inside."""
        frame = running.frame
        children = self._builder.children(frame.key)
        if children and frame.key and is_builtin(module) and not running.child_ran:
            self._merge_into_single_node(frame.key, children, running)
            children = set()
        is_single_node = not children and bool(frame.key)
        inner = frame.key
        if is_single_node:
            self._builder.mark_as_single_node(frame.path)
            if running.heads is not None:
                inner = self._heads.add(running.heads)
        shapes = []
        for key_path, tensor in output_tensors(output):
            value = self._tracked(tensor)
            axes = axes_of_module_output(
                module, key_path, tensor, running if is_single_node else None, value, self._instances
            )
            shape = self._shape(tensor, axes)
            shapes.append(shape)
            key = frame.key + key_path
            is_port = bool(key_path and frame.key)
            self._add_layer_output(key, tensor, axes, TensorLocation(frame.path, frame.call, key_path))
            if is_port:
                self._builder.add(DraftNode(key, frame.key, "output", "output", outputs=(shape,)))
            if is_single_node:
                entry = key if inner == frame.key else inner
                for source in running.inputs if value is not None or tensor not in self._constants else ():
                    self._builder.add_edge(source.producer, entry, source.shape(self._instances))
                if is_port and entry != key:
                    self._builder.add_edge(entry, key, shape)
            elif is_port and value is not None:
                self._builder.add_edge(value.producer, key, shape)
            if is_single_node or is_port:
                self._track(tensor, key if is_port else inner, axes, running)
        self._builder.drafts[frame.key].outputs = tuple(shapes)

    def _merge_into_single_node(self, key: str, children: set[str], running: RunningModule) -> None:
        """Makes a module one node: removes the nodes inside it."""
        self._builder.remove(children)
        for child in children:
            self._outputs.pop(child, None)
        for value in running.made:
            if value.producer in children:
                value.producer = key

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._paused or self._pass != current_pass():
            return func(*args, **kwargs)
        inputs = [value for _, tensor in nested_tensors([args, kwargs]) if (value := self._tracked(tensor)) is not None]
        output, attention = run_operator(func, args, kwargs, self._finder)
        if self._pass is not None:
            self._unobserved(lambda: self._add_operator(func, args, kwargs, inputs, output, attention))
        return output

    def _add_operator(
        self,
        func: Any,
        args: Any,
        kwargs: Any,
        inputs: list[TrackedTensor],
        output: Any,
        attention: AttentionCall | None,
    ) -> None:
        """Adds a node for an operator, for the heads of the attention that it completes, and edges from the nodes of its inputs.

        Without a node, it passes its inputs on.
        """
        name = operator_name(func)
        if is_counted(name):
            self._operator_counts[name] += 1
        changed = args[0] if name == "setitem" and args else output
        outputs = [
            (key_path, tensor) for key_path, tensor in output_tensors(changed) if isinstance(tensor, torch.Tensor)
        ]
        if not outputs:
            return
        no_node = has_no_node(name, [tensor for _, tensor in outputs])
        call_site = None if no_node else self._stack.operator(name)
        if not inputs:
            self._constants.add_result([args, kwargs], output)
        if not inputs or not self._running:
            return
        running = self._running[-1]
        all_axes = [
            axes_of_operator_output(func, name, args, kwargs, key_path, tensor, inputs, self._tracked, self._instances)
            for key_path, tensor in outputs
        ]
        if call_site is None:
            values = () if takes_shape_only(name) else inputs
            producer = next((value.producer for value in values if value.producer), "")
            for (_, tensor), axes in zip(outputs, all_axes, strict=True):
                self._track(tensor, producer, axes, running)
            return
        frame, ordinal = call_site
        key = self._builder.operator_key(frame.key, name, [value.producer for value in inputs])
        shapes = [self._shape(tensor, axes) for (_, tensor), axes in zip(outputs, all_axes, strict=True)]
        self._builder.add(DraftNode(key, frame.key, "operator", name, outputs=tuple(shapes)))
        for value in inputs:
            self._builder.add_edge(value.producer, key, value.shape(self._instances))
        self._add_layer_output(
            key, outputs[0][1], all_axes[0], TensorLocation(frame.path, frame.call, outputs[0][0], name, ordinal)
        )
        producer = key
        if attention is not None:
            heads = self._heads.seen(attention, frame, name, args)
            if heads is not None and is_builtin(self._modules_by_path[frame.path]):
                running.heads = heads  # the module becomes one node, perhaps, and then holds this one
            elif heads is not None:
                producer = self._heads.add(heads)
                self._builder.add_edge(key, producer, shapes[0])
        for (_, tensor), axes in zip(outputs, all_axes, strict=True):
            self._track(tensor, producer, axes, running)

    def _track(self, tensor: TensorOrPacked, producer: str, axes: Axes, running: RunningModule) -> None:
        """Registers a tensor as output of a node."""
        data = tensor if isinstance(tensor, torch.Tensor) else tensor.data
        if not isinstance(tensor, torch.Tensor):
            # Packed sequences are sorted by length, unless they came in that order.
            sorts = tensor.sorted_indices is not None
            axes = Axes(None, data.dim() - 1, gathered=sorts or axes.gathered, rows=axes.rows)
        running.made.add(self._tracked_tensors.add(data, producer, axes))

    def _tracked(self, tensor: TensorOrPacked) -> TrackedTensor | None:
        """What is known of a tensor; None if it does not depend on the input."""
        return self._tracked_tensors.get(tensor if isinstance(tensor, torch.Tensor) else tensor.data)

    def _add_layer_output(self, key: str, tensor: TensorOrPacked, axes: Axes, location: TensorLocation) -> None:
        self._outputs[key] = LayerOutput(location, sizes_of(tensor), axes, self._instances)
        if axes.batch is not None and self._on_output is not None:
            self._on_output(key, tensor, axes)

    def _shape(self, tensor: TensorOrPacked, axes: Axes) -> schema.Shape:
        return shape_of(sizes_of(tensor), dtype_of(tensor), axes, self._instances)
