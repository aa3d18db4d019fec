"""The end of a model's graph says whether it gives probabilities, in the words of either framework."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tensorboard_activis.capture.graph.probabilities import ends_in_probabilities
from tensorboard_activis.schema import Edge, Graph, Node, Shape

Ending = tuple[str, dict[str, str]]


def chain(*ending: Ending) -> Graph:
    """A model of these types and attributes, one after the other."""
    nodes = [
        Node(f"n{index}", "", "operator", f"n{index}", kind, attributes=more)
        for index, (kind, more) in enumerate(ending)
    ]
    keys = [*(node.key for node in nodes), "/output"]
    edges = tuple(Edge(source, target, Shape((-1, 3), "float32")) for source, target in pairwise(keys))
    return Graph("torch", "Made", (*nodes, Node("/output", "", "output", "output", "output")), edges)


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ([("Linear", {}), ("Softmax", {})], True),
        ([("linear", {}), ("softmax", {}), ("squeeze", {}), ("to", {})], True),
        ([("Dense", {"activation": "softmax"})], True),
        ([("Dense", {"activation": "sigmoid"}), ("Reshape", {})], True),
        ([("Activation", {"activation": "Softmax"})], True),
        ([("Linear", {})], False),
        ([("Dense", {})], False),
        ([("Dense", {"activation": "linear"})], False),
        ([("Linear", {}), ("LogSoftmax", {}), ("Flatten", {})], False),
        ([("Softmax", {}), ("Linear", {})], False),
        ([("Dense", {"activation": "relu"})], None),
        ([("Linear", {}), ("add", {})], None),
        ([("view", {})] * 8, None),
    ],
)
def test_the_last_node_that_changes_values_decides(ending: list[Ending], expected: bool | None) -> None:
    assert ends_in_probabilities(chain(*ending)) is expected


def test_several_outputs_are_undecided() -> None:
    graph = chain(("Softmax", {}))
    other = Node("other", "", "module", "other", "Softmax")
    edge = Edge("other", "/output", Shape((-1, 3), "float32"))
    assert ends_in_probabilities(replace(graph, nodes=(*graph.nodes, other), edges=(*graph.edges, edge))) is None
    assert ends_in_probabilities(replace(graph, edges=())) is None
