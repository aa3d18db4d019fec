"""Makes the graph of a torch model from torch.export: the program that would be deployed, in ATen operators.

Nodes have the same keys as in a recorded forward pass: modules by path and call, operators by the module that contains them. What
the exported program lacks (modules that never ran, names of inputs and outputs) comes from the recording.
"""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.heads import is_heads
from tensorboard_activis.capture.graph.union import interleave
from tensorboard_activis.capture.graph.view import plain_names
from tensorboard_activis.capture.isolation.interrupts import uninterrupted, within
from tensorboard_activis.capture.torch.graph.layer_outputs import Recording
from tensorboard_activis.capture.torch.graph.operators import has_no_node, operator_name
from tensorboard_activis.capture.torch.model.modules import is_builtin, module_paths, plain_path


def exported_graph(
    model: nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    instances: int,
    recording: Recording,
    keep: Iterable[str],
) -> schema.Graph:
    """Exports a model and makes a graph of the program. The caller has set evaluation mode and turned gradients off.

    Arguments:
        model: the user's own model, unwrapped.
        args, kwargs: its input.
        instances: in the input.
        recording: of a forward pass with the same input.
        keep: keys of the layers whose activations are recorded; each is a node even if the program has none for it.

    Raises:
        Exception: of any type, if torch.export fails.
    """
    # An interrupted export can leave PyTorch tracing: its modes are entered in many places, and not all are left again.
    program = uninterrupted(
        lambda: within(
            lambda: torch.export.export(model, tuple(args), dict(kwargs), strict=False),
            warnings.catch_warnings(action="ignore"),  # about deployment
        )
    )
    return _Exported(model, program, instances, recording.graph).graph(set(keep))


@dataclass
class _Origin:
    """The node that a value of the exported program comes from.

    Attributes:
        key: of the node.
        outputs: keys of its output nodes, if it has several.
    """

    key: str
    outputs: tuple[str, ...] = ()


@dataclass
class _Exported:
    """Builds the graph of an exported program; variables `fx_node` are its torch.fx nodes."""

    model: nn.Module
    program: Any
    instances: int
    recorded: schema.Graph
    nodes: dict[str, schema.Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], schema.Edge] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._recorded_nodes = {node.key: node for node in self.recorded.nodes}
        self._followed = {plain: key for key, plain in plain_names(self.recorded.nodes).items()}
        self._modules_by_path = module_paths(self.model)
        self._origins: dict[Any, _Origin] = {}
        self._operators: dict[tuple[str, str], str] = {}
        self._called_modules: set[str] = set()
        self._operator_counts: Counter[tuple[str, str]] = Counter()

    def graph(self, keep: set[str]) -> schema.Graph:
        self._inputs()
        for fx_node in self.program.graph.nodes:
            if fx_node.op == "call_function":
                self._call(fx_node)
        self._outputs()
        heads = [node for node in self.recorded.nodes if is_heads(node) and node.parent in self.nodes]
        self._into_heads(heads)
        in_heads = {node.key for one in heads for node in self.recorded.nodes if one.key in (node.key, node.parent)}
        keep = keep | in_heads
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
            if extra[key].calls and key not in self._called_modules | in_heads:
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

    def _into_heads(self, heads: Sequence[schema.Node]) -> None:
        """Leads the data flow through the heads of attention, which the program has no operator for."""
        for node in heads:
            into = {edge.source: edge for edge in self.recorded.edges if edge.target == node.key}
            out = {edge.target: edge for edge in self.recorded.edges if edge.source == node.key}
            alone = all(other.kind == "output" for other in self.nodes.values() if other.parent == node.parent)
            for source, target in list(self.edges):
                passed = source in into and target in out
                if passed or (alone and node.parent in (source, target)):
                    del self.edges[source, target]

    def _inputs(self) -> None:
        names = list(self.program.graph_signature.user_inputs)
        nodes = [node for node in self.recorded.nodes if node.kind == "input"]
        placeholders = {fx_node.name: fx_node for fx_node in self.program.graph.nodes if fx_node.op == "placeholder"}
        tensors = [
            placeholders[name]
            for name in names
            if name in placeholders and isinstance(placeholders[name].meta.get("val"), torch.Tensor)
        ]
        for fx_node, node in zip(tensors, nodes, strict=False):
            self.nodes[node.key] = node
            self._origins[fx_node] = _Origin(node.key)

    def _outputs(self) -> None:
        outputs = [node for node in self.recorded.nodes if node.kind == "output" and node.parent == ""]
        fx_nodes = {fx_node.name: fx_node for fx_node in self.program.graph.nodes}
        names = list(self.program.graph_signature.user_outputs)
        for name, output in zip(names, outputs, strict=False):
            origin = self._origins.get(fx_nodes.get(name))
            if origin is not None and origin.key:
                self.nodes[output.key] = output
                self._edge(origin.key, output.key, output.outputs[0])

    def _call(self, fx_node: Any) -> None:
        """Adds the node of an operator of the program, or of the torch layer that it is part of, and its edges."""
        container, layer = self._location(fx_node)
        origins = [(self._origins[source], source) for source in fx_node.all_input_nodes if source in self._origins]
        inputs = [(origin, self._shape(source.meta.get("val"))) for origin, source in origins]
        if not inputs and layer is None:
            return  # does not depend on the input
        if str(fx_node.target) == "<built-in function getitem>" and inputs[0][0].outputs:
            output_keys = inputs[0][0].outputs
            self._origins[fx_node] = _Origin(output_keys[min(fx_node.args[1], len(output_keys) - 1)])
            return
        values = _tensors(fx_node.meta.get("val"))
        name = operator_name(str(fx_node.meta.get("torch_fn", ("", str(fx_node.target)))[1]).rpartition(".")[2])
        if layer is not None:
            self._add_module(layer)
            output_keys = tuple(
                node.key for node in self.recorded.nodes if node.kind == "output" and node.parent == layer
            )
            for target in output_keys or (layer,):
                self.nodes.setdefault(target, self._recorded_nodes[target])
                for source, shape in inputs:
                    if source.key != layer and source.key not in output_keys:
                        self._edge(source.key, target, shape)
            origin = _Origin(output_keys[0] if output_keys else layer, output_keys)
        elif not values or has_no_node(name, values):
            origin = inputs[0][0]
        else:
            origin = _Origin(self._operator(container, name, fx_node, inputs, values))
        self._origins[fx_node] = origin
        in_place = str(fx_node.target).partition(".")[2].split(".")[0].endswith("_")
        if in_place:
            self._origins[fx_node.all_input_nodes[0]] = origin

    def _location(self, fx_node: Any) -> tuple[str, str | None]:
        """Key of the module that contains an operator, and key of the torch layer that the operator is part of, if any."""
        container = ""
        for name, (path, _) in fx_node.meta.get("nn_module_stack", {}).items():
            path = plain_path(path)
            if path not in self._modules_by_path:
                break
            container = path + ("@" + name.rpartition("@")[2] if "@" in name else "")
            self._called_modules.add(container)
            if is_builtin(self._modules_by_path[path]):
                return container, container if container in self._recorded_nodes else None
        return container, None

    def _operator(
        self,
        container: str,
        name: str,
        fx_node: Any,
        inputs: Sequence[tuple[_Origin, schema.Shape]],
        values: Sequence[torch.Tensor],
    ) -> str:
        """Adds the node of an operator, with its edges, and gives its key."""
        # One torch function may be several ATen operators.
        function = str(fx_node.meta.get("torch_fn", (fx_node.name,))[0])
        key = self._operators.get((container, function))
        if key is None:
            self._add_module(container)
            ordinal = self._operator_counts[container, name]
            self._operator_counts[container, name] += 1
            key = f"{container}/{name}" + (f"_{ordinal}" if ordinal else "")
            key = self._followed.get(key, key)
            self._operators[container, function] = key
            self.nodes[key] = schema.Node(key, container, "operator", key.rpartition("/")[2], name)
        recorded_node = self._recorded_nodes.get(key)
        shapes = recorded_node.outputs if recorded_node is not None else tuple(self._shape(value) for value in values)
        self.nodes[key] = replace(self.nodes[key], outputs=shapes)
        for source, shape in inputs:
            if source.key != key:
                self._edge(source.key, key, shape)
        return key

    def _add_module(self, key: str | None) -> None:
        """Adds the node of a module, after those of the modules that contain it."""
        if key is None or key in self.nodes or key not in self._recorded_nodes:
            return
        self._add_module(self._recorded_nodes[key].parent)
        self.nodes[key] = self._recorded_nodes[key]

    def _edge(self, source: str, target: str, shape: schema.Shape) -> None:
        self.edges.setdefault((source, target), schema.Edge(source, target, shape))

    def _shape(self, value: Any) -> schema.Shape:
        if not isinstance(value, torch.Tensor):
            return schema.Shape(())
        sizes = [int(size) for size in value.shape]
        if self.instances in sizes:
            sizes[sizes.index(self.instances)] = -1
        return schema.Shape(tuple(sizes), str(value.dtype).removeprefix("torch."))


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for inner in value for tensor in _tensors(inner)] if isinstance(value, (list, tuple)) else []
