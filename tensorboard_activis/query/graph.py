"""The model as docs/http_api.md describes it."""

from tensorboard_activis import schema


def describe_graph(graph: schema.Graph) -> dict[str, object]:
    """Nested nodes in the order in which they ran, and the data flow between them."""
    return {
        "framework": graph.framework,
        "model": graph.model,
        "origin": graph.origin,
        "nodes": [
            {
                "key": node.key,
                "parent": node.parent,
                "kind": node.kind,
                "name": node.name,
                "type": node.type,
                "outputs": [{"sizes": list(shape.sizes), "dtype": shape.dtype} for shape in node.outputs],
                "parameters": node.parameters,
                "attributes": dict(node.attributes),
                "call": node.call,
                "calls": node.calls,
                "branch": node.branch,
            }
            for node in graph.nodes
        ],
        "edges": [
            {"source": edge.source, "target": edge.target, "sizes": list(edge.shape.sizes), "branch": edge.branch}
            for edge in graph.edges
        ],
    }
