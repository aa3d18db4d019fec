"""Merges the graphs of several forward passes into one, and marks as branches what is not in all of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tensorboard_activis import schema


def union(graphs: Sequence[schema.Graph]) -> schema.Graph:
    """Merges graphs of one model, each recorded in its own forward pass.

    A module that did not run in all of them, or an operator or edge that is not in all of them, is a branch. Nodes come in the
    order in which they ran; a node of a later graph comes after the node that it follows there. A module may contain nodes on one
    path and only pass its input on in another; there, edges lead through it: edges connect only nodes that contain no others.
    """
    first = graphs[0]
    if len(graphs) == 1:
        return first
    ran: Counter[str] = Counter()
    nodes: dict[str, schema.Node] = {}
    order: list[str] = []
    for graph in graphs:
        for node in graph.nodes:
            ran[node.key] += node.calls > 0
            known = nodes.get(node.key)
            if known is None or (known.calls == 0 and node.calls > 0):
                nodes[node.key] = node
            if known is not None:
                nodes[node.key] = replace(nodes[node.key], calls=max(known.calls, node.calls))
        interleave(order, [node.key for node in graph.nodes if node.calls])
    order += [key for key in nodes if not ran[key]]
    merged = [replace(nodes[key], branch=0 < ran[key] < len(graphs)) for key in order]
    merged[0] = replace(merged[0], attributes={**merged[0].attributes, "paths": str(len(graphs))})
    return replace(first, nodes=tuple(merged), edges=_edges(graphs, merged))


def interleave(order: list[str], keys: Iterable[str]) -> None:
    """Inserts into `order` the keys that it lacks, each after the key that it follows in `keys`."""
    positions = {key: position for position, key in enumerate(order)}
    after: dict[int, list[str]] = {}
    position = -1
    for key in keys:
        if key in positions:
            position = positions[key]
        else:
            after.setdefault(position, []).append(key)
    order[:] = [*after.get(-1, []), *(key for at, old in enumerate(order) for key in (old, *after.get(at, [])))]


def _edges(graphs: Sequence[schema.Graph], nodes: Sequence[schema.Node]) -> tuple[schema.Edge, ...]:
    containers = {node.parent for node in nodes if node.kind != "output"}
    count: Counter[tuple[str, str]] = Counter()
    edges: dict[tuple[str, str], schema.Edge] = {}
    for graph in graphs:
        for edge in _through(graph.edges, containers):
            ends = edge.source, edge.target
            count[ends] += 1
            edges.setdefault(ends, edge)
    return tuple(replace(edge, branch=count[ends] < len(graphs)) for ends, edge in edges.items())


def _through(edges: Sequence[schema.Edge], containers: set[str | None]) -> list[schema.Edge]:
    """Edges without containers as ends: edges into a container are joined to those out of it. No edge twice."""
    joined: dict[tuple[str, str], schema.Edge] = {}
    into: dict[str, dict[str, None]] = defaultdict(dict)
    out: dict[str, dict[str, None]] = defaultdict(dict)

    def add(edge: schema.Edge) -> None:
        if joined.setdefault((edge.source, edge.target), edge) is edge:
            into[edge.target][edge.source] = out[edge.source][edge.target] = None

    for edge in edges:
        add(edge)
    for container in [end for end in dict.fromkeys(end for ends in joined for end in ends) if end in containers]:
        before = [joined.pop((source, container)) for source in into.pop(container, ())]
        after = [joined.pop((container, target)) for target in out.pop(container, ())]
        for edge in before:
            out[edge.source].pop(container)
        for edge in after:
            into[edge.target].pop(container)
        for first in before:
            for last in after:
                add(replace(last, source=first.source))
    return list(joined.values())
