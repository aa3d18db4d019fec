"""Merging of graphs, written by hand, of forward passes that take different paths."""

import itertools

from tensorboard_activis.capture.graph.union import union
from tensorboard_activis.schema import Edge, Graph, Node, Shape

SHAPE = Shape((-1, 5))


def graph(*names: str, flow: str, never: str = "") -> Graph:
    """Modules of the model, one beside the other (or inside, by a dot); each neighbouring pair of `flow` is an edge."""
    keys = flow.split()
    nodes = [Node("", None, "module", "Net", "Net", (SHAPE,))]
    for name in names:
        nodes.append(Node(name, name.rpartition(".")[0], "module", name, "Linear", (SHAPE,), parameters=len(name)))
    nodes += [Node(name, "", "module", name, "Linear", calls=0) for name in never.split()]
    ends = list(itertools.pairwise(keys))
    return Graph("torch", "Net", tuple(nodes), tuple(Edge(*pair, SHAPE) for pair in ends))


def marks(found: Graph) -> dict[str, bool]:
    return {node.key: node.branch for node in found.nodes}


def test_one_path_is_that_path() -> None:
    one = graph("a", "b", flow="a b")
    assert union([one]) is one
    assert not any(node.branch for node in union([one, one]).nodes)


def test_what_is_not_on_every_path_is_marked() -> None:
    one = graph("a", "left", "z", flow="a left z", never="right dead")
    other = graph("a", "right", "z", flow="a right z", never="left dead")
    found = union([one, other])
    assert marks(found) == {"": False, "a": False, "left": True, "right": True, "z": False, "dead": False}
    # `right` stands where it ran; what never ran comes last.
    assert [node.key for node in found.nodes] == ["", "a", "right", "left", "z", "dead"]
    assert {node.key: node.calls for node in found.nodes}["right"] == 1
    assert {node.key: node.calls for node in found.nodes}["dead"] == 0
    assert {(edge.source, edge.target) for edge in found.edges if edge.branch} == {
        ("a", "left"),
        ("left", "z"),
        ("a", "right"),
        ("right", "z"),
    }
    assert found.nodes[0].attributes == {"paths": "2"}


def test_a_way_past_is_an_edge_of_its_own() -> None:
    found = union([graph("a", "b", "c", flow="a b c"), graph("a", "c", flow="a c", never="b")])
    assert {(edge.source, edge.target): edge.branch for edge in found.edges} == {
        ("a", "b"): True,
        ("b", "c"): True,
        ("a", "c"): True,
    }
    assert marks(found) == {"": False, "a": False, "b": True, "c": False}


def test_more_calls_on_one_path() -> None:
    once, twice = graph("a", flow=""), graph("a", "a@1", flow="a a@1")
    found = union([once, twice])
    assert marks(found) == {"": False, "a": False, "a@1": True}


def test_a_module_that_passes_its_input_on_has_no_edges_of_its_own() -> None:
    """Edges join nodes that hold no others, also where a block does nothing on one of the paths."""
    deep = graph("a", "block", "block.inner", "z", flow="a block.inner z")
    past = graph("a", "block", "z", flow="a block z", never="block.inner")
    for order in ([deep, past], [past, deep]):
        found = union(order)
        assert {(edge.source, edge.target) for edge in found.edges} == {
            ("a", "block.inner"),
            ("block.inner", "z"),
            ("a", "z"),
        }
        assert marks(found) == {"": False, "a": False, "block": False, "block.inner": True, "z": False}
