"""The selection of layers, on graphs written by hand: no framework is needed."""

import itertools
from collections.abc import Sequence

import pytest

from tensorboard_activis.capture.graph.default_layers import MOST_LAYERS, MOST_NEURONS
from tensorboard_activis.capture.graph.layers import choose, feed_relu
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


def names(graph: Graph, layers: Sequence[str] | None) -> list[str]:
    return choose(graph, layers).names


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


def test_many_of_a_kind_are_blocks_without_a_list() -> None:
    inner = [n for index in range(4) for n in (node(f"mix{index}", "Mix"), node(f"mix{index}.conv", "Conv2d"))]
    assert names(graph(*inner, node("fc", "Linear"), flow="mix3.conv fc /output"), None) == [
        "mix0",
        "mix1",
        "mix2",
        "mix3",
        "fc",
    ]


def stage_of(stage: str, blocks: int) -> list[Node]:
    """A stage with a list of blocks, each of two convolutions in a list."""
    return [
        node(stage, "Stage"),
        node(f"{stage}.layers", "ModuleList"),
        *[
            inner
            for index in range(blocks)
            for inner in (
                node(f"{stage}.layers.{index}", "Block"),
                node(f"{stage}.layers.{index}.conv", "Conv2d"),
                node(f"{stage}.layers.{index}/add", "add"),
            )
        ],
    ]


def test_of_stages_the_blocks_are_recorded_also_where_there_is_one() -> None:
    stages = [node("stages", "ModuleList"), *stage_of("stages.0", 1), *stage_of("stages.1", 2)]
    flow = (
        "/input stages.0.layers.0.conv stages.0.layers.0/add stages.1.layers.0.conv stages.1.layers.0/add "
        "stages.1.layers.1.conv stages.1.layers.1/add fc /output"
    )
    expected = ["stages.0.layers.0", "stages.1.layers.0", "stages.1.layers.1", "fc"]
    assert names(graph(*stages, node("fc", "Linear"), flow=flow), None) == expected


def test_a_stage_whose_input_leads_around_its_blocks_is_a_block() -> None:
    inner = [part for index in (0, 1) for part in (*stage_of(f"stages.{index}", 2), node(f"stages.{index}/cat", "cat"))]
    found = graph(
        node("stages", "ModuleList"),
        *inner,
        node("fc", "Linear"),
        flow="/input stages.0.layers.0.conv stages.0.layers.0/add stages.0.layers.1.conv stages.0.layers.1/add stages.0/cat "
        "stages.1.layers.0.conv stages.1.layers.0/add stages.1.layers.1.conv stages.1.layers.1/add stages.1/cat fc /output",
    )
    around = (Edge("/input", "stages.0/cat", SHAPE), Edge("stages.0/cat", "stages.1/cat", SHAPE))
    found = Graph("torch", "Net", found.nodes, found.edges + around)
    assert names(found, None) == ["stages.0", "stages.1", "fc"]


def test_modules_side_by_side_are_no_blocks() -> None:
    branches = [n for index in range(4) for n in (node(f"b{index}", "Conv"), node(f"b{index}.linear", "Linear"))]
    found = graph(*branches, node("/cat", "cat"), node("fc", "Linear"), flow="/cat fc /output")
    sides = tuple(
        edge
        for index in range(4)
        for edge in (Edge("/input", f"b{index}.linear", SHAPE), Edge(f"b{index}.linear", "/cat", SHAPE))
    )
    found = Graph("torch", "Net", found.nodes, found.edges + sides)
    assert names(found, None) == ["b0.linear", "b1.linear", "b2.linear", "b3.linear", "fc"]


def test_all_blocks_are_recorded_whatever_their_number() -> None:
    count = 2 * MOST_LAYERS
    inner = [n for index in range(count) for n in (node(f"h.{index}", "Block"), node(f"h.{index}.fc", "Linear"))]
    flow = f"/input wte {' '.join(f'h.{index}.fc' for index in range(count))} ln head /output"
    found = graph(
        node("wte", "Embedding"),
        node("h", "ModuleList"),
        *inner,
        node("ln", "LayerNorm"),
        node("head", "Linear"),
        flow=flow,
    )
    assert names(found, None) == ["wte", *(f"h.{index}" for index in range(count)), "ln", "head"]


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
    assert selection.notes == [
        "Left out, because they have more than 8,192 neurons and layers= does not name them: head (8,193)."
    ]
    assert choose(found, ["head"], {"head": MOST_NEURONS + 1}).notes == []
    alone = choose(found, None, {"fc": 9000, "head": 9000})  # else nothing would be left
    assert (alone.names, alone.notes) == (["fc", "head"], [])


def test_blocks_that_are_not_called_themselves_are_recorded_where_they_end() -> None:
    inner = [
        n
        for index in (0, 1)
        for n in (
            node(f"h.{index}", "Block", outputs=()),
            node(f"h.{index}.out", "Output"),
            node(f"h.{index}.out.dense", "Linear"),
            node(f"h.{index}.out.norm", "LayerNorm"),
        )
    ]
    flow = "/input h.0.out.dense h.0.out.norm h.1.out.dense h.1.out.norm fc /output"
    found = graph(node("h", "ModuleList"), *inner, node("fc", "Linear"), flow=flow)
    assert names(found, None) == ["h.0.out", "h.1.out", "fc"]


def test_blocks_of_different_types_in_a_list() -> None:
    inner = [
        n
        for index, kind in enumerate(["Dense", "Sparse"])
        for n in (node(f"h.{index}", kind), node(f"h.{index}.fc", "Linear"))
    ]
    found = graph(node("h", "ModuleList"), *inner, node("fc", "Linear"), flow="/input h.0.fc h.1.fc fc /output")
    assert names(found, None) == ["h.0", "h.1", "fc"]


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


def test_numbered_modules_beside_each_other_are_blocks() -> None:
    def found(first: str, second: str) -> Graph:
        inner = [n for key in (first, second) for n in (node(key, "Block"), node(f"{key}.conv", "Conv2d"))]
        return graph(*inner, node("fc", "Linear"), flow=f"/input {first}.conv {second}.conv fc /output")

    assert names(found("block1", "block2"), None) == ["block1", "block2", "fc"]
    assert names(found("encode", "decode"), None) == ["encode.conv", "decode.conv", "fc"]


def test_lists_inside_of_modules_are_no_blocks() -> None:
    """As in Flax, whose Sequential has a list inside."""
    towers = [
        n
        for key in "ab"
        for n in (node(key, "Sequential"), node(f"{key}.layers", "List"), node(f"{key}.layers.0", "Linear"))
    ]
    flow = "/input a.layers.0 b.layers.0 /output"
    assert names(graph(*towers, flow=flow), None) == ["a.layers.0", "b.layers.0"]


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
