"""Which modules are blocks, and that these are recorded, on graphs written by hand."""

from tensorboard_activis.capture.graph.default_layers import MOST_LAYERS
from tensorboard_activis.schema import Edge, Graph, Node
from tests.capture.graph.graphs import SHAPE, graph, names, node


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
