"""The graphs of several forward passes in one, with what is not on every path marked."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tensorboard_activis import schema


def union(graphs: Sequence[schema.Graph]) -> schema.Graph:
    """All nodes and edges of graphs of one model, each recorded in a pass of its own.

    A module that ran in one of them and not in another, an operator or an edge that is not in all of them, is a branch. Nodes
    come in the order in which they ran; those of later graphs after the one that they followed there. A module that held
    nodes on one path and passed its input on as another is drawn through on that path: edges join nodes that hold no others.
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
    found = [replace(nodes[key], branch=0 < ran[key] < len(graphs)) for key in order]
    found[0] = replace(found[0], attributes={**found[0].attributes, "paths": str(len(graphs))})
    return replace(first, nodes=tuple(found), edges=_edges(graphs, found))


def interleave(order: list[str], keys: Iterable[str]) -> None:
    """Puts into `order` those keys that are not there, each after the one that it follows in `keys`."""
    places = {key: place for place, key in enumerate(order)}
    after: dict[int, list[str]] = {}
    place = -1
    for key in keys:
        if key in places:
            place = places[key]
        else:
            after.setdefault(place, []).append(key)
    order[:] = [*after.get(-1, []), *(key for at, old in enumerate(order) for key in (old, *after.get(at, [])))]


def _edges(graphs: Sequence[schema.Graph], nodes: Sequence[schema.Node]) -> tuple[schema.Edge, ...]:
    holders = {node.parent for node in nodes if node.kind != "output"}
    count: Counter[tuple[str, str]] = Counter()
    edges: dict[tuple[str, str], schema.Edge] = {}
    for graph in graphs:
        for edge in _through(graph.edges, holders):
            ends = edge.source, edge.target
            count[ends] += 1
            edges.setdefault(ends, edge)
    return tuple(replace(edge, branch=count[ends] < len(graphs)) for ends, edge in edges.items())


def _through(edges: Sequence[schema.Edge], holders: set[str | None]) -> list[schema.Edge]:
    """The edges with those that end at a holder joined to those that begin there; no edge twice."""
    found: dict[tuple[str, str], schema.Edge] = {}
    into: dict[str, dict[str, None]] = defaultdict(dict)
    out: dict[str, dict[str, None]] = defaultdict(dict)

    def add(edge: schema.Edge) -> None:
        if found.setdefault((edge.source, edge.target), edge) is edge:
            into[edge.target][edge.source] = out[edge.source][edge.target] = None

    for edge in edges:
        add(edge)
    for holder in [end for end in dict.fromkeys(end for ends in found for end in ends) if end in holders]:
        before = [found.pop((source, holder)) for source in into.pop(holder, ())]
        after = [found.pop((holder, target)) for target in out.pop(holder, ())]
        for edge in before:
            out[edge.source].pop(holder)
        for edge in after:
            into[edge.target].pop(holder)
        for first in before:
            for last in after:
                add(replace(last, source=first.source))
    return list(found.values())
