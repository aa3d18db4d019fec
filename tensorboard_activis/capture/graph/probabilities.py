"""Whether a model's outputs are probabilities, as far as its graph shows it."""

from tensorboard_activis.schema import Graph

#: Types of the last node, or its activation, in lower case, whose outputs are probabilities, or are not; others may be either.
_PROBABILITIES = {"softmax", "sigmoid", "expit", "special_expit", "special_softmax"}
_SCORES = {"linear", "bilinear", "dense", "logsoftmax", "log_softmax"}
#: Types that change no value.
_VIEWS = {"squeeze", "view", "reshape", "flatten", "float", "to", "cast", "getitem", "contiguous", "identity"}
#: So many of these are looked through.
_MOST_VIEWS = 8


def ends_in_probabilities(graph: Graph, key: str = "/output") -> bool | None:
    """Whether an output of the model ends in a softmax or sigmoid; None if its graph does not show it.

    Arguments:
        key: of the output's node.
    """
    nodes = {node.key: node for node in graph.nodes}
    for _ in range(_MOST_VIEWS):
        sources = {edge.source for edge in graph.edges if edge.target == key}
        if len(sources) != 1:
            return None
        key = sources.pop()
        activation = nodes[key].attributes.get("activation", "linear").lower()
        kind = nodes[key].type.lower() if activation == "linear" else activation
        if kind not in _VIEWS:
            return True if kind in _PROBABILITIES else False if kind in _SCORES else None
    return None
