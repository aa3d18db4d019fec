"""The selection of layers, on graphs written by hand: no framework is needed."""

import itertools

import pytest

from tensorboard_activis.capture.graph.layers import MOST_LAYERS, choose, feed_relu
from tensorboard_activis.errors import ConfigurationError
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


LENET = graph(
    node("conv1", "Conv2d"),
    node("/relu", "relu"),
    node("drop", "Dropout"),
    node("fc1", "Linear"),
    node("/relu_1", "relu"),
    node("fc2", "Linear"),
    node("/log_softmax", "log_softmax"),
    node("aux", "Linear", calls=0),
    flow="/input conv1 /relu drop fc1 /relu_1 fc2 /log_softmax /output",
)

RESNET = graph(
    node("conv1", "Conv2d"),
    node("bn1", "BatchNorm2d"),
    node("relu", "ReLU"),
    node("layer1", "Sequential"),
    *[
        inner
        for index in (0, 1)
        for inner in (
            node(f"layer1.{index}", "Block"),
            node(f"layer1.{index}.conv", "Conv2d"),
            node(f"layer1.{index}.relu", "ReLU"),
            node(f"layer1.{index}/add", "add"),
        )
    ],
    node("fc", "Linear"),
    flow="/input conv1 bn1 relu layer1.0.conv layer1.0.relu layer1.0/add layer1.1.conv layer1.1.relu layer1.1/add fc /output",
)


def test_functional_activations_leave_the_weighted_layers_and_the_logits() -> None:
    assert choose(LENET, None) == ["conv1", "fc1", "fc2"]


def test_blocks_stand_for_their_inside() -> None:
    assert choose(RESNET, None) == ["relu", "layer1.0", "layer1.1", "fc"]


def test_blocks_of_sequentials() -> None:
    keys = ["a", "b"]
    inner = [n for key in keys for n in (node(f"features.{key}", "Sequential"), node(f"features.{key}.conv", "Conv2d"))]
    found = graph(node("features", "Sequential"), *inner, node("fc", "Linear"), flow="/input fc /output")
    assert choose(found, None) == ["features.a", "features.b", "fc"]


def test_a_row_of_rows_counts_by_its_rows() -> None:
    inner = [
        n
        for stage in "01"
        for n in (
            node(f"stages.{stage}", "Sequential"),
            node(f"stages.{stage}.0", "Swin"),
            node(f"stages.{stage}.0.fc", "Linear"),
        )
    ]
    found = graph(node("stages", "Sequential"), *inner)
    assert choose(found, None) == ["stages.0.0", "stages.1.0"]


def test_activations_of_keras_layers_count() -> None:
    found = graph(
        node("conv2d", "Conv2D", activation="relu"),
        node("max_pooling2d", "MaxPooling2D"),
        node("dense", "Dense", activation="relu"),
        node("dense_1", "Dense", activation="softmax"),
        flow="/input conv2d max_pooling2d dense dense_1 /output",
    )
    assert choose(found, None) == ["conv2d", "dense", "dense_1"]


def test_the_first_part_with_instances_stands_for_a_node() -> None:
    found = graph(node("lstm", "LSTM", outputs=(SHAPE, SHAPE)), node("lstm[0]", "output"), node("lstm[1][0]", "output"))
    assert choose(found, None) == ["lstm[0]"]
    assert choose(found, ["lstm"]) == ["lstm[0]"]
    assert choose(found, ["lstm[1][0]"]) == ["lstm[1][0]"]
    assert choose(found, ["lstm[*"]) == ["lstm[0]", "lstm[1][0]"]


def test_outputs_without_instances_are_left_out() -> None:
    found = graph(node("positions", "Embedding", outputs=(Shape((9, 5)),)), node("tokens", "Embedding"))
    assert choose(found, None) == ["tokens"]
    with pytest.raises(ConfigurationError, match=r"'positions' \(Embedding\) gives \[\(9, 5\)\], which has no axis"):
        choose(found, ["positions"])


def test_too_many_are_spread_evenly() -> None:
    many = graph(*[node(f"act{index}", "ReLU") for index in range(200)], node("fc", "Linear"), flow="act199 fc /output")
    chosen = choose(many, None)
    assert len(chosen) == MOST_LAYERS
    assert chosen[0] == "act0"
    assert chosen[-2:] == ["act199", "fc"]


def test_several_outputs_named_logits_first() -> None:
    ends = graph(node("head", "Linear"), node("pool", "Linear"))
    extra = (
        Node("/output[logits]", "", "output", "output[logits]", "output", (SHAPE,)),
        Node("/output[states]", "", "output", "output[states]", "output", (SHAPE,)),
    )
    edges = (Edge("head", "/output[logits]", SHAPE), Edge("pool", "/output[states]", SHAPE))
    found = Graph("torch", "Net", ends.nodes[:-1] + extra, edges)
    assert "head" in choose(found, None)


def test_names_and_globs() -> None:
    assert choose(RESNET, ["layer1.*"]) == [
        "layer1.0",
        "layer1.0.conv",
        "layer1.0.relu",
        "layer1.1",
        "layer1.1.conv",
        "layer1.1.relu",
    ]
    assert choose(RESNET, ["layer1.?/*"]) == ["layer1.0/add", "layer1.1/add"]
    assert choose(RESNET, ["fc", "conv1"]) == ["conv1", "fc"]  # in the order in which they run
    assert choose(RESNET, ["layer1.[0].conv"]) == ["layer1.0.conv"]
    assert choose(RESNET, ["fc[0]"]) == ["fc"]
    assert choose(RESNET, [""]) == [""]


def test_what_matches_nothing_lists_near_names() -> None:
    with pytest.raises(
        ConfigurationError, match=r"'Layer1.0.conf' matches none .* Near: layer1.0.conv, .*Modules: conv1"
    ):
        choose(RESNET, ["Layer1.0.conf"])
    with pytest.raises(ConfigurationError, match=r"Near: .*layer1.0.conv"):
        choose(RESNET, ["stage9.conv"])
    many = graph(*[node(f"act{index}", "ReLU") for index in range(50)])
    with pytest.raises(ConfigurationError, match=r"layers=\['\*'\] takes every module"):
        choose(many, ["xyz"])


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["aux"], r"'aux' \(Linear\) did not run"),
        (["/input"], "is an input of the model"),
        ([], "layers is empty"),
        ("conv1", r"got the text 'conv1': write \['conv1'\]"),
        (["aux*"], "matches none"),
    ],
)
def test_what_cannot_be_recorded_is_refused(layers: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        choose(LENET, layers)


def test_feeding_a_relu() -> None:
    assert "conv1" in feed_relu(LENET, ["conv1"])
    assert "drop" not in feed_relu(LENET, ["drop"])
    assert "fc2" not in feed_relu(LENET, ["fc2"])
    keras = graph(node("a", "Dense"), node("b", "Activation", activation="relu"), flow="a b /output")
    assert "a" in feed_relu(keras, ["a"])
    both = graph(node("a", "Linear"), node("relu", "ReLU"), node("/add", "add"), flow="a relu /add")
    both = Graph("torch", "Net", both.nodes, (*both.edges, Edge("a", "/add", SHAPE)))
    assert "a" not in feed_relu(both, ["a"])  # negative values live on in the sum


def test_feeding_a_relu_from_inside_a_block() -> None:
    found = graph(
        node("block", "Block"), node("block.conv", "Conv2d"), node("relu", "ReLU"), flow="block.conv relu /output"
    )
    assert "block" in feed_relu(found, ["block"])


def test_a_dense_layer_is_named_rather_than_its_activation() -> None:
    found = graph(
        node("conv", "Conv2d"),
        node("relu1", "ReLU"),
        node("fc1", "Linear"),
        node("relu2", "ReLU"),
        node("fc2", "Linear"),
        flow="/input conv relu1 fc1 relu2 fc2 /output",
    )
    assert choose(found, None) == ["relu1", "fc1", "fc2"]


def test_many_of_a_kind_are_blocks_without_a_list() -> None:
    inner = [n for index in range(4) for n in (node(f"mix{index}", "Mix"), node(f"mix{index}.conv", "Conv2d"))]
    assert choose(graph(*inner, node("fc", "Linear"), flow="mix3.conv fc /output"), None) == [
        "mix0",
        "mix1",
        "mix2",
        "mix3",
        "fc",
    ]
