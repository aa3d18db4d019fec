"""The selection of layers, on graphs written by hand: no framework is needed."""

import pytest

from tensorboard_activis.capture.graph.default_layers import MOST_LAYERS, MOST_NEURONS
from tensorboard_activis.capture.graph.layers import choose, feed_relu
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.schema import Edge, Graph, Node, Shape
from tests.capture.graph.graphs import SHAPE, graph, names, node

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


def test_layers_with_weights_are_recorded_after_their_activation() -> None:
    assert names(LENET, None) == ["/relu", "/relu_1", "fc2"]


def test_blocks_stand_for_their_inside() -> None:
    assert names(RESNET, None) == ["relu", "layer1.0", "layer1.1", "fc"]


def test_blocks_of_sequentials() -> None:
    keys = ["a", "b"]
    inner = [n for key in keys for n in (node(f"features.{key}", "Sequential"), node(f"features.{key}.conv", "Conv2d"))]
    flow = "/input features.a.conv features.b.conv fc /output"
    found = graph(node("features", "Sequential"), *inner, node("fc", "Linear"), flow=flow)
    assert names(found, None) == ["features.a", "features.b", "fc"]


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
    assert names(found, None) == ["stages.0.0", "stages.1.0"]


def test_activations_of_keras_layers_count() -> None:
    found = graph(
        node("conv2d", "Conv2D", activation="relu"),
        node("max_pooling2d", "MaxPooling2D"),
        node("dense", "Dense", activation="relu"),
        node("dense_1", "Dense", activation="softmax"),
        flow="/input conv2d max_pooling2d dense dense_1 /output",
    )
    assert names(found, None) == ["conv2d", "dense", "dense_1"]


def test_the_first_part_with_instances_stands_for_a_node() -> None:
    found = graph(node("lstm", "LSTM", outputs=(SHAPE, SHAPE)), node("lstm[0]", "output"), node("lstm[1][0]", "output"))
    assert names(found, None) == ["lstm[0]"]
    assert names(found, ["lstm"]) == ["lstm[0]"]
    assert names(found, ["lstm[1][0]"]) == ["lstm[1][0]"]
    assert names(found, ["lstm[*"]) == ["lstm[0]", "lstm[1][0]"]


def test_outputs_without_instances_are_left_out() -> None:
    found = graph(node("positions", "Embedding", outputs=(Shape((9, 5)),)), node("tokens", "Embedding"))
    assert names(found, None) == ["tokens"]
    with pytest.raises(ConfigurationError, match=r"'positions' \(Embedding\) gives \[\(9, 5\)\], which has no axis"):
        names(found, ["positions"])


def test_too_many_are_spread_evenly() -> None:
    many = graph(*[node(f"act{index}", "ReLU") for index in range(200)], node("fc", "Linear"), flow="act199 fc /output")
    chosen = names(many, None)
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
    assert "head" in names(found, None)


def test_names_and_globs() -> None:
    assert names(RESNET, ["layer1.*"]) == [
        "layer1.0",
        "layer1.0.conv",
        "layer1.0.relu",
        "layer1.1",
        "layer1.1.conv",
        "layer1.1.relu",
    ]
    assert names(RESNET, ["layer1.?/*"]) == ["layer1.0/add", "layer1.1/add"]
    assert names(RESNET, ["fc", "conv1"]) == ["conv1", "fc"]  # in the order in which they run
    assert names(RESNET, ["layer1.[0].conv"]) == ["layer1.0.conv"]
    assert names(RESNET, ["fc[0]"]) == ["fc"]
    assert names(RESNET, [""]) == [""]


def test_what_matches_nothing_lists_near_names() -> None:
    with pytest.raises(
        ConfigurationError, match=r"'Layer1.0.conf' matches none .* Near: layer1.0.conv, .*Modules: conv1"
    ):
        names(RESNET, ["Layer1.0.conf"])
    with pytest.raises(ConfigurationError, match=r"Near: .*layer1.0.conv"):
        names(RESNET, ["stage9.conv"])
    many = graph(*[node(f"act{index}", "ReLU") for index in range(50)])
    with pytest.raises(ConfigurationError, match=r"layers=\['\*'\] takes every module"):
        names(many, ["xyz"])


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
        names(LENET, layers)


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


def test_layers_without_an_activation_stand_beside_those_with_one() -> None:
    found = graph(
        node("conv", "Conv2d"),
        node("relu1", "ReLU"),
        node("fc1", "Linear"),
        node("relu2", "ReLU"),
        node("latent", "Linear"),
        node("fc2", "Linear"),
        flow="/input conv relu1 fc1 relu2 latent fc2 /output",
    )
    assert names(found, None) == ["relu1", "relu2", "latent", "fc2"]


def test_of_a_cell_that_runs_many_times_the_last_call_is_recorded() -> None:
    calls = ["cell", *(f"cell@{call}" for call in range(1, 9))]
    found = graph(
        *(node(key, "GRUCell", calls=9) for key in calls),
        node("fc", "Linear"),
        flow=f"/input {' '.join(calls)} fc /output",
    )
    assert names(found, None) == ["cell@8", "fc"]


def test_what_does_not_depend_on_the_input_is_no_layer() -> None:
    found = graph(
        node("tokens", "Embedding"),
        node("positions", "Embedding"),
        node("/add", "add"),
        flow="/input tokens /add /output",
    )
    found = Graph("torch", "Net", found.nodes, (*found.edges, Edge("positions", "/add", SHAPE)))
    assert names(found, None) == ["tokens", "/add"]
    assert names(found, ["positions"]) == ["positions"]


def test_no_output_is_recorded_twice() -> None:
    found = graph(
        node("fc", "Linear"),
        node("relu", "ReLU"),
        node("drop", "Dropout"),
        node("head", "Identity"),
        flow="/input fc relu drop head /output",
    )
    assert names(found, None) == ["relu"]


def test_layers_of_very_many_neurons_are_left_out_with_a_note() -> None:
    found = graph(node("fc", "Linear"), node("head", "Linear"), flow="/input fc head /output")
    selection = choose(found, None, {"fc": MOST_NEURONS, "head": MOST_NEURONS + 1})
    assert selection.names == ["fc"]
    assert selection.notes == (
        "Left out, because they have more than 8,192 neurons and layers= does not name them: head (8,193).",
    )
    assert choose(found, ["head"], {"head": MOST_NEURONS + 1}).notes == ()
    alone = choose(found, None, {"fc": 9000, "head": 9000})  # else nothing would be left
    assert (alone.names, alone.notes) == (["fc", "head"], ())


def test_a_model_that_ends_in_an_operator_gives_what_enters_it_too() -> None:
    found = graph(node("user", "Linear"), node("item", "Linear"), node("/mul", "mul"), flow="/input user /mul /output")
    found = Graph(
        "torch", "Net", found.nodes, (*found.edges, Edge("/input", "item", SHAPE), Edge("item", "/mul", SHAPE))
    )
    assert names(found, None) == ["user", "item", "/mul"]


def test_all_outputs_are_recorded() -> None:
    keys = ["mean", "deviation"]
    ends = tuple(Node(f"/output[{key}]", "", "output", key, "output", (SHAPE,)) for key in keys)
    found = graph(node("fc", "Linear"), *(node(key, "Normal") for key in keys))
    edges = tuple(
        edge
        for key in keys
        for edge in (Edge("fc", key, SHAPE), Edge(key, f"/output[{key}]", SHAPE), Edge("/input", "fc", SHAPE))
    )
    assert names(Graph("torch", "Net", found.nodes[:-1] + ends, edges), None) == ["fc", "mean", "deviation"]


def test_of_very_many_layers_in_no_modules_those_are_recorded_that_all_data_flow_through() -> None:
    """A residual network without modules, as in Keras: the outputs of its blocks, and sums that no activation follows."""
    nodes, edges, last = [], [], "/input"
    for index in range(MOST_LAYERS):
        conv, act, add = f"conv{index}", f"act{index}", f"add{index}"
        nodes += [node(conv, "Conv2D"), node(act, "ReLU"), node(add, "Add")]
        edges += [Edge(last, conv, SHAPE), Edge(conv, add, SHAPE), Edge(last, add, SHAPE)]
        edges += [Edge(add, act, SHAPE)] if index % 2 else []
        last = act if index % 2 else add
    nodes = [each for each in nodes if each.type != "ReLU" or int(each.key[3:]) % 2]
    ends = [Edge(last, "fc", SHAPE), Edge("fc", "/output", SHAPE)]
    found = graph(
        *sorted(nodes, key=lambda each: (int(each.key[4 if each.type == "Conv2D" else 3 :]), each.type == "ReLU")),
        node("fc", "Dense"),
    )
    chosen = names(Graph("keras", "Net", found.nodes, (*edges, *ends)), None)
    expected = [f"act{index}" if index % 2 else f"add{index}" for index in range(MOST_LAYERS)]
    assert chosen[-1] == "fc"
    assert set(chosen[:-1]) <= set(expected)
    assert len(chosen) == MOST_LAYERS
