"""Which layer gets which reducer, on a graph without a framework."""

import pytest

from tensorboard_activis.capture.reducers import REDUCERS, check_reducer, layer_reducers, reducer_name
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.schema import Graph, Node, Shape

PARTS = {"lstm": ("lstm[0]", "lstm[1]")}
NAMES = ["block.conv", "block.conv@1", "lstm[0]", "out"]


def node(key: str, parent: str | None, kind: str = "module") -> Node:
    shape = Shape((-1, 5, 3), "float32")
    return Node(key, parent, kind, key, "Dense", (shape,), 0, {}, 0, 1)


@pytest.fixture
def graph() -> Graph:
    tops = [node(key, "") for key in ("block", "block.conv", "block.conv@1", "lstm", "out", "unrecorded")]
    parts = [node(part, "lstm", "output") for part in PARTS["lstm"]]
    return Graph("keras", "Model", (node("", None), *tops, *parts), (), "functional")


@pytest.mark.parametrize(
    ("reducer", "chosen"),
    [
        (None, ["mean", "mean", "mean", "mean"]),
        ("last", ["last", "last", "last", "last"]),
        ({"block.*": "max", "out": "first"}, ["max", "max", "mean", "first"]),
        ({"*": "std", "block.conv": "max"}, ["max", "std", "std", "std"]),
        ({"b*": "max", "*": "last", "*conv@1": "first"}, ["max", "max", "last", "last"]),
        ({"lstm": "last", "*": "max"}, ["max", "max", "last", "max"]),  # a name, though a part of it is recorded
        ({"*": "max", "lstm[0]": "last"}, ["max", "max", "last", "max"]),
        ({"lstm[*]": "last"}, ["mean", "mean", "last", "mean"]),
        ({"out": None, "*": "max"}, ["max", "max", "max", "mean"]),
    ],
)
def test_an_exact_name_wins_then_the_first_pattern(graph: Graph, reducer, chosen):
    assert layer_reducers(graph, NAMES, reducer) == dict(zip(NAMES, chosen, strict=True))


@pytest.mark.parametrize("pattern", ["unrecorded", "lstm[1]", "outs", "Out", ""])
def test_a_pattern_of_no_recorded_layer_is_refused(graph: Graph, pattern: str):
    with pytest.raises(
        ConfigurationError, match="reducer: .* matches none of the recorded layers, which are block.conv"
    ):
        layer_reducers(graph, NAMES, {"*": "max", pattern: "last"})


@pytest.mark.parametrize("reducer", ["median", 3, ["max"], {"out": "median"}, {"out": ["max"]}])
def test_what_is_no_reducer_is_refused(reducer):
    with pytest.raises(ConfigurationError, match=f"reducer must be one of {', '.join(REDUCERS)}.*name or glob; got"):
        check_reducer(reducer)


def test_the_name_that_is_recorded():
    def spread(values, mask):
        return values

    assert [reducer_name(choice, 3) for choice in ("std", spread)] == ["std", "spread"]
    assert [reducer_name(choice, 2) for choice in ("std", spread)] == ["none", "none"]
