"""The graph of a torch model as torch.export has it: the program that would be deployed, by operators of ATen.

Its nodes are called as those of a recorded forward pass: modules by their path and call, operators by the module around them.
What torch.export does not know (modules that never ran, names of inputs and outputs) comes from the recording.
"""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from tensorboard_activis import schema
from tensorboard_activis.capture.interrupts import within
from tensorboard_activis.capture.torch.layer_outputs import Recording
from tensorboard_activis.capture.torch.modules import is_builtin, module_paths, plain_path
from tensorboard_activis.capture.torch.operators import has_no_node, operator_name
from tensorboard_activis.capture.union import interleave


def exported_graph(
    model: nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    instances: int,
    recording: Recording,
    keep: Iterable[str],
) -> schema.Graph:
    """The graph that torch.export makes of a model; the caller has seen to evaluation mode and turned gradients off.

    Arguments:
        args, kwargs, instances: the input, of which a recording was made before, and how many instances it holds.
        keep: keys of the layers that are recorded; each of them is a node whatever torch.export made of it.

    Raises:
        Exception: torch.export cannot do it; which of many kinds is torch's business.
    """
    program = within(
        lambda: torch.export.export(model, tuple(args), dict(kwargs), strict=False),
        warnings.catch_warnings(action="ignore"),  # of what matters to those who deploy the program
    )
    return _Exported(model, program, instances, recording.graph).graph(set(keep))


@dataclass
class _Step:
    """What gives a value of the exported program: the key of a node of ours, and those of its parts if it has several."""

    key: str
    parts: tuple[str, ...] = ()


@dataclass
class _Exported:
    model: nn.Module
    program: Any
    instances: int
    recorded: schema.Graph
    nodes: dict[str, schema.Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], schema.Edge] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known = {node.key: node for node in self.recorded.nodes}
        self._modules_by_path = module_paths(self.model)
        self._steps: dict[Any, _Step] = {}
        self._operators: dict[tuple[str, str], str] = {}
        self._entered: set[str] = set()
        self._named: Counter[tuple[str, str]] = Counter()

    def graph(self, keep: set[str]) -> schema.Graph:
        self._inputs()
        for step in self.program.graph.nodes:
            if step.op == "call_function":
                self._called(step)
        self._outputs()
        extra = {
            node.key: node
            for node in self.recorded.nodes
            if node.key in keep or (node.kind == "module" and node.key not in self.nodes)
        }
        for edge in self.recorded.edges:
            ends = edge.source, edge.target
            if set(ends) & (keep - self.nodes.keys()) and all(end in extra or end in self.nodes for end in ends):
                self.edges.setdefault(ends, edge)
        for key in extra.keys() - self.nodes.keys():
            if extra[key].calls and key not in self._entered:
                extra[key] = replace(
                    extra[key], attributes={**extra[key].attributes, "exported": "nothing is left of it"}
                )
        nodes = {**extra, **self.nodes}
        order = list(self.nodes)
        interleave(order, [node.key for node in self.recorded.nodes if node.key in nodes and node.calls])
        placed = set(order)
        order += [key for key in nodes if key not in placed]
        order.sort(
            key=lambda key: (nodes[key].parent is not None, nodes[key].kind == "output" and nodes[key].parent == "")
        )
        return replace(
            self.recorded, nodes=tuple(nodes[key] for key in order), edges=tuple(self.edges.values()), origin="exported"
        )

    def _inputs(self) -> None:
        names = list(self.program.graph_signature.user_inputs)
        ends = [node for node in self.recorded.nodes if node.kind == "input"]
        found = {step.name: step for step in self.program.graph.nodes if step.op == "placeholder"}
        tensors = [
            found[name] for name in names if name in found and isinstance(found[name].meta.get("val"), torch.Tensor)
        ]
        for step, end in zip(tensors, ends, strict=False):
            self.nodes[end.key] = end
            self._steps[step] = _Step(end.key)

    def _outputs(self) -> None:
        ends = [node for node in self.recorded.nodes if node.kind == "output" and node.parent == ""]
        found = {step.name: step for step in self.program.graph.nodes}
        names = list(self.program.graph_signature.user_outputs)
        for name, end in zip(names, ends, strict=False):
            step = self._steps.get(found.get(name))
            if step is not None and step.key:
                self.nodes[end.key] = end
                self._edge(step.key, end.key, end.outputs[0])

    def _called(self, step: Any) -> None:
        holder, layer = self._place(step)
        known = [(self._steps[source], source) for source in step.all_input_nodes if source in self._steps]
        got = [(found, self._sized(source.meta.get("val"))) for found, source in known]
        if not got and layer is None:
            return  # no data in it
        if str(step.target) == "<built-in function getitem>" and got[0][0].parts:
            parts = got[0][0].parts
            self._steps[step] = _Step(parts[min(step.args[1], len(parts) - 1)])
            return
        values = _tensors(step.meta.get("val"))
        name = operator_name(str(step.meta.get("torch_fn", ("", str(step.target)))[1]).rpartition(".")[2])
        if layer is not None:
            self._enter(layer)
            parts = tuple(node.key for node in self.recorded.nodes if node.kind == "output" and node.parent == layer)
            for target in parts or (layer,):
                self.nodes.setdefault(target, self._known[target])
                for source, shape in got:
                    if source.key != layer and source.key not in parts:
                        self._edge(source.key, target, shape)
            found = _Step(parts[0] if parts else layer, parts)
        elif not values or has_no_node(name, values):
            found = got[0][0]
        else:
            found = _Step(self._operator(holder, name, step, got, values))
        self._steps[step] = found
        if (
            str(step.target).partition(".")[2].split(".")[0].endswith("_")
        ):  # in place: its first input is changed as well
            self._steps[step.all_input_nodes[0]] = found

    def _place(self, step: Any) -> tuple[str, str | None]:
        """The key of the module around an operator, and that of the layer of torch that it is the inside of, if it is."""
        holder = ""
        for name, (path, _) in step.meta.get("nn_module_stack", {}).items():
            path = plain_path(path)
            if path not in self._modules_by_path:
                break
            holder = path + ("@" + name.rpartition("@")[2] if "@" in name else "")
            self._entered.add(holder)
            if is_builtin(self._modules_by_path[path]):
                return holder, holder if holder in self._known else None
        return holder, None

    def _operator(
        self,
        holder: str,
        name: str,
        step: Any,
        got: Sequence[tuple[_Step, schema.Shape]],
        values: Sequence[torch.Tensor],
    ) -> str:
        # Several operators of ATen are one function of torch's.
        function = str(step.meta.get("torch_fn", (step.name,))[0])
        key = self._operators.get((holder, function))
        if key is None:
            self._enter(holder)
            ordinal = self._named[holder, name]
            self._named[holder, name] += 1
            key = f"{holder}/{name}" + (f"_{ordinal}" if ordinal else "")
            self._operators[holder, function] = key
            self.nodes[key] = schema.Node(key, holder, "operator", key[len(holder) + 1 :], name)
        known = self._known.get(key)
        shapes = known.outputs if known is not None else tuple(self._sized(value) for value in values)
        self.nodes[key] = replace(self.nodes[key], outputs=shapes)
        for source, shape in got:
            if source.key != key:
                self._edge(source.key, key, shape)
        return key

    def _enter(self, key: str | None) -> None:
        """The module and those around it are nodes, the outermost first."""
        if key is None or key in self.nodes or key not in self._known:
            return
        self._enter(self._known[key].parent)
        self.nodes[key] = self._known[key]

    def _edge(self, source: str, target: str, shape: schema.Shape) -> None:
        self.edges.setdefault((source, target), schema.Edge(source, target, shape))

    def _sized(self, value: Any) -> schema.Shape:
        if not isinstance(value, torch.Tensor):
            return schema.Shape(())
        sizes = [int(size) for size in value.shape]
        if self.instances in sizes:
            sizes[sizes.index(self.instances)] = -1
        return schema.Shape(tuple(sizes), str(value.dtype).removeprefix("torch."))


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    return [found for inner in value for found in _tensors(inner)] if isinstance(value, (list, tuple)) else []
