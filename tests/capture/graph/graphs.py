"""Graphs written by hand, in few words."""

import itertools
from collections.abc import Sequence

from tensorboard_activis.capture.graph.layers import choose
from tensorboard_activis.schema import Edge, Graph, Node, Shape

SHAPE = Shape((-1, 5))


def node(key: str, kind: str, calls: int = 1, outputs: tuple[Shape, ...] = (SHAPE,), **attributes: str) -> Node:
    """A node whose parent follows from its key."""
    if not key:
        return Node("", None, "module", kind, kind, outputs)
    what = {"input": "input", "output": "output"}.get(kind, "operator" if "/" in key else "module")
    if key.endswith("]"):
        return Node(key, key.partition("[")[0], "output", key, "output", outputs)
    parent = key.rpartition("/")[0] if "/" in key else key.rpartition(".")[0]
    return Node(key, parent, what, key, kind, outputs, attributes=attributes, calls=calls)


def graph(*nodes: Node, flow: str = "") -> Graph:
    """`flow` lists keys; each neighbouring pair is an edge."""
    keys = flow.split()
    edges = tuple(Edge(source, target, SHAPE) for source, target in itertools.pairwise(keys))
    return Graph("torch", "Net", (node("", "Net"), node("/input", "input"), *nodes, node("/output", "output")), edges)


def names(graph: Graph, layers: Sequence[str] | None) -> list[str]:
    return choose(graph, layers).names
