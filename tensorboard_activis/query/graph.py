"""Describes the model's graph: nested nodes and the data flow between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from tensorboard_activis import schema
from tensorboard_activis.query.contract import Records

NodeKind: TypeAlias = Literal["module", "operator", "input", "output"]
_KINDS = get_args(NodeKind)


@dataclass(frozen=True, slots=True)
class TensorShape:
    """A tensor that flows through the model.

    Attributes:
        sizes: of its axes; -1 is the batch axis.
        dtype: name of the type of its values, such as "float32".
    """

    sizes: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A module call, an operator, an input or an output of the model.

    Attributes:
        key: unique in the graph, and the name of the layer that is recorded here; "" for the model itself.
        parent: key of the enclosing module; None for the model itself.
        kind: what it is.
        name: what to show, the last part of the key.
        type: class of the module, or name of the operator.
        outputs: what it gives.
        parameters: number of trainable and frozen parameters, those of modules inside included.
        attributes: what else is known of it, by name, such as "kernel_size".
        call: which call of the module this is, from 0.
        calls: how many calls one forward pass makes; 0 when it never ran.
        branch: whether it ran in some forward passes and not in others.
    """

    key: str
    parent: str | None
    kind: NodeKind
    name: str
    type: str
    outputs: Records[TensorShape]
    parameters: int
    attributes: Mapping[str, str]
    call: int
    calls: int
    branch: bool


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """Data that flows from one node to another; both hold no other nodes.

    Attributes:
        source: key of the node that gives it.
        target: key of the node that takes it.
        sizes: of the tensor's axes; -1 is the batch axis.
        branch: whether it flowed in some forward passes and not in others.
    """

    source: str
    target: str
    sizes: tuple[int, ...]
    branch: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """The model of a run.

    Attributes:
        framework: "torch" or "keras".
        model: class name of the model.
        origin: how the graph was found: "recorded", "exported", "functional", "symbolic" or "tree" (no edges).
        nodes: in the order in which they ran.
        edges: data flow between nodes.
    """

    framework: str
    model: str
    origin: str
    nodes: Records[GraphNode]
    edges: Records[GraphEdge]


def describe_graph(graph: schema.Graph) -> Graph:
    """The graph as it was logged; a kind of node that is not known is shown as an operator."""
    return Graph(
        framework=graph.framework,
        model=graph.model,
        origin=graph.origin,
        nodes=Records(GraphNode, map(_node, graph.nodes)),
        edges=Records(
            GraphEdge, (GraphEdge(one.source, one.target, tuple(one.shape.sizes), one.branch) for one in graph.edges)
        ),
    )


def _node(node: schema.Node) -> GraphNode:
    return GraphNode(
        key=node.key,
        parent=node.parent,
        kind=cast(NodeKind, node.kind) if node.kind in _KINDS else "operator",
        name=node.name,
        type=node.type,
        outputs=Records(TensorShape, (TensorShape(tuple(one.sizes), one.dtype) for one in node.outputs)),
        parameters=node.parameters,
        attributes=dict(node.attributes),
        call=node.call,
        calls=node.calls,
        branch=node.branch,
    )
