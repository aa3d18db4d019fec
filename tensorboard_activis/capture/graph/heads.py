"""The heads of attention in a graph: their nodes, the figures that are recorded of them, and modules whose heads cannot be seen."""

import re
from collections.abc import Iterable
from dataclasses import replace

from tensorboard_activis import schema

#: What is recorded of a head besides the norm of its output, in this order, each a layer such as `attn/heads[entropy]`.
FIGURES = ("entropy", "first", "previous", "self")

#: Of these, what a head has that looks at another sequence than its own.
CROSS_FIGURES = ("entropy", "first")

_ATTENTION = re.compile(r"(attention|attn)$", re.IGNORECASE)
_HEADS = re.compile(r"(cross-attention )?heads · \d+$")

_UNSEEN = "cannot be seen"
_OPERATOR = "scaled_dot_product_attention"
_OPERATOR_UNSEEN = f"{_UNSEEN}: its sequences are nested, or are not one of each instance"
UNSEEN = f"{_UNSEEN}: it calls neither scaled_dot_product_attention nor a softmax and a matrix product"


def heads_type(count: int, *, cross: bool) -> str:
    """Type of the node of so many heads."""
    return f"{'cross-attention heads' if cross else 'heads'} · {count}"


def is_heads(node: schema.Node) -> bool:
    """Whether this is the node of the heads of an attention."""
    return node.kind == "operator" and bool(_HEADS.match(node.type))


def is_attention(node: schema.Node) -> bool:
    """Whether this is a module that computes attention, by its type."""
    return node.kind == "module" and node.calls > 0 and bool(_ATTENTION.search(node.type))


def mark_unseen(graph: schema.Graph, said: str = UNSEEN) -> schema.Graph:
    """The graph, in which modules, or operators, that compute attention say so where their heads could not be seen.

    Arguments:
        said: why those of modules could not; it begins like `UNSEEN`.
    """
    operators = {node.key for node in graph.nodes if node.kind == "operator" and node.type == _OPERATOR}
    unseen = {node.key for node in graph.nodes if is_attention(node) and _gives_sequences(node)}
    if not unseen and not operators:
        return graph
    parents = {node.key: node.parent for node in graph.nodes}
    heads = {node.key for node in graph.nodes if is_heads(node)}
    operators -= {edge.source for edge in graph.edges if edge.target in heads}
    operators = {key for key in operators if not unseen & set(_above(key, parents))}
    for node in graph.nodes:
        if is_heads(node) or node.key in unseen:
            unseen.difference_update(_above(node.key, parents))
    return replace(
        graph,
        nodes=tuple(
            replace(node, attributes={**node.attributes, "attention": said if node.key in unseen else _OPERATOR_UNSEEN})
            if node.key in unseen | operators
            else node
            for node in graph.nodes
        ),
    )


def is_unseen(node: schema.Node) -> bool:
    """Whether `mark_unseen` marked this node."""
    return node.attributes.get("attention", "").startswith(_UNSEEN)


def _gives_sequences(node: schema.Node) -> bool:
    return bool(node.outputs) and len(node.outputs[0].sizes) == 3


def _above(key: str, parents: dict[str, str | None]) -> Iterable[str]:
    parent = parents[key]
    while parent is not None:
        yield parent
        parent = parents.get(parent)
