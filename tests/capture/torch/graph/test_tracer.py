"""The graph of a model that ran once: keys, nesting, shapes and the data flow."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis import schema
from tensorboard_activis.capture.torch.graph.layer_outputs import Recording
from tensorboard_activis.capture.torch.graph.tracer import Tracer, record
from tensorboard_activis.capture.torch.model.evaluation_mode import evaluation_mode


def record_eval(model: nn.Module, *args: object, instances: int = 7, **kwargs: object) -> Recording:
    with evaluation_mode(model):
        return record(model, args, kwargs, instances)


def nodes(recording: Recording) -> dict[str, schema.Node]:
    return {node.key: node for node in recording.graph.nodes}


def edges(recording: Recording) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in recording.graph.edges}


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1, bias=False)
        self.short = nn.Conv2d(3, 5, 1)
        self.never = nn.Linear(2, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(functional.relu(self.conv(x)) + self.short(x))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Residual()])
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(5, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = self.act(block(x))
        return self.act(self.head(x.mean((2, 3))))


def test_modules_operators_and_ends_are_nodes() -> None:
    graph_nodes = nodes(record_eval(Net(), torch.randn(7, 3, 6, 6)))
    assert set(graph_nodes) == {
        "",
        "/input",
        "blocks",
        "blocks.0",
        "blocks.0.conv",
        "blocks.0.conv/relu",
        "blocks.0.short",
        "blocks.0/add",
        "blocks.0/relu_1",
        "blocks.0.never",
        "act",
        "/mean",
        "head",
        "act@1",
        "/output",
    }
    assert graph_nodes[""].parent is None
    assert graph_nodes[""].name == graph_nodes[""].type == "Net"
    assert graph_nodes["blocks"].parent == ""
    assert graph_nodes["blocks.0"].parent == "blocks"
    assert graph_nodes["blocks.0/relu_1"].parent == "blocks.0"
    assert graph_nodes["blocks.0/relu_1"].name == "relu_1"
    assert graph_nodes["blocks.0/relu_1"].type == "relu"
    assert graph_nodes["blocks.0/relu_1"].kind == "operator"
    assert graph_nodes["blocks.0"].outputs == (schema.Shape((-1, 5, 6, 6)),)
    assert graph_nodes["head"].outputs == (schema.Shape((-1, 4)),)


def test_edges_join_nodes_that_hold_no_others() -> None:
    recording = record_eval(Net(), torch.randn(7, 3, 6, 6))
    assert edges(recording) == {
        ("/input", "blocks.0.conv"),
        ("/input", "blocks.0.short"),
        ("blocks.0.conv", "blocks.0.conv/relu"),
        ("blocks.0.conv/relu", "blocks.0/add"),
        ("blocks.0.short", "blocks.0/add"),
        ("blocks.0/add", "blocks.0/relu_1"),
        ("blocks.0/relu_1", "act"),
        ("act", "/mean"),
        ("/mean", "head"),
        ("head", "act@1"),
        ("act@1", "/output"),
    }
    shape = next(edge.shape for edge in recording.graph.edges if edge.target == "head")
    assert shape.sizes == (-1, 5)


def test_calls_and_parameters() -> None:
    graph_nodes = nodes(record_eval(Net(), torch.randn(7, 3, 6, 6)))
    assert (graph_nodes["act"].call, graph_nodes["act"].calls) == (0, 2)
    assert (graph_nodes["act@1"].call, graph_nodes["act@1"].calls) == (1, 2)
    assert graph_nodes["blocks.0.never"].calls == 0
    assert graph_nodes["blocks"].calls == 1  # it does not run itself, but what it holds does
    assert graph_nodes["blocks.0.conv"].parameters == 5 * 3 * 9
    assert graph_nodes["blocks.0"].parameters == 5 * 3 * 9 + 5 * 3 + 5 + 2 * 4 + 4
    assert graph_nodes[""].parameters == graph_nodes["blocks.0"].parameters + 5 * 4 + 4
    assert graph_nodes["blocks.0.conv"].attributes["kernel"] == "3×3"
    assert graph_nodes["blocks.0.conv"].attributes["bias"] == "no"
    assert "padding" not in graph_nodes["blocks.0.short"].attributes


def test_parts_of_outputs_are_nodes() -> None:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(3, 5, batch_first=True)
            self.head = nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            out, (hidden, _) = self.lstm(x)
            return {"logits": self.head(hidden[-1]), "states": out}

    recording = record_eval(Tagger(), torch.randn(7, 4, 3))
    graph_nodes = nodes(recording)
    assert {"lstm", "lstm[0]", "lstm[1][0]", "lstm[1][1]", "/output[logits]", "/output[states]"} <= set(graph_nodes)
    assert graph_nodes["lstm[0]"].parent == "lstm"
    assert graph_nodes["lstm[0]"].kind == "output"
    assert graph_nodes["lstm[1][0]"].outputs == (schema.Shape((1, -1, 5)),)
    assert ("lstm[1][0]", "head") in edges(recording)
    assert ("/input", "lstm[1][0]") in edges(recording)
    assert ("lstm[0]", "/output[states]") in edges(recording)
    assert recording.layer_outputs["[logits]"].shape == (7, 2)


def test_an_output_of_one_tensor_has_no_part() -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 5)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
            return self.layer(x), None

    model = nn.Sequential()
    model.add_module("inner", Wrapped())
    recording = record_eval(model, torch.randn(7, 3))
    assert "inner[0]" not in nodes(recording)
    assert recording.layer_outputs["inner"].shape == (7, 5)


def test_layers_of_torch_are_one_node() -> None:
    class Attend(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.attention(x, x, x, need_weights=False)[0]

    graph_nodes = nodes(record_eval(Attend(), torch.randn(7, 5, 6)))
    figures = {f"attention/heads{figure}" for figure in ("", "[entropy]", "[first]", "[previous]", "[self]")}
    assert set(graph_nodes) == {"", "/input", "attention", *figures, "/output"}
    assert graph_nodes["attention"].attributes["never called"] == "out_proj"


def test_a_module_inside_one_that_is_called_twice() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows = nn.ModuleList([nn.Linear(3, 3)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.rows[0](x) + 1

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = Shared()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.shared(self.shared(x))

    graph_nodes = nodes(record_eval(Twice(), torch.randn(7, 3)))
    assert graph_nodes["shared@1"].parent == ""
    assert graph_nodes["shared.rows@1"].parent == "shared@1"
    assert graph_nodes["shared.rows.0@1"].parent == "shared.rows@1"
    assert graph_nodes["shared@1/add"].parent == "shared@1"


def test_inputs_are_named_by_argument() -> None:
    class Towers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.user = nn.Embedding(9, 5)
            self.item = nn.Linear(3, 5)

        def forward(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
            return (self.user(user) * self.item(item)).sum(-1)

    tokens, features = torch.arange(7), torch.randn(7, 3)
    by_place = record_eval(Towers(), tokens, features)
    by_name = record_eval(Towers(), user=tokens, item=features)
    assert {("/user", "user"), ("/item", "item")} <= edges(by_place) & edges(by_name)


def test_constants_and_shapes_are_no_nodes() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(5, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            positions = torch.arange(x.size(1)).unsqueeze(0) * 1
            return x.transpose(1, 2).contiguous().view(x.shape) + self.embedding(positions)

    recording = record_eval(Positions(), torch.randn(7, 5, 3))
    assert set(nodes(recording)) == {"", "/input", "embedding", "/add", "/output"}
    assert "embedding" not in recording.layer_outputs  # one row, whatever the batch


def test_a_successor_in_place_moves_the_data_flow_on() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.norm(x)
            functional.relu_(y)
            y += 1
            y[0] = 0
            return y

    recording = record_eval(InPlace(), torch.randn(7, 3))
    assert edges(recording) == {
        ("/input", "norm"),
        ("norm", "norm/relu"),
        ("norm/relu", "/add"),
        ("/add", "/setitem"),
        ("/setitem", "/output"),
    }


@pytest.mark.parametrize("compiled", ["outer", "inner", "in place"])
def test_compiled_models_are_seen_through(compiled: str) -> None:
    model = Net()
    x = torch.randn(7, 3, 6, 6)
    plain = set(nodes(record_eval(model, x)))
    if compiled == "in place":
        model.compile(backend="eager")
    elif compiled == "inner":
        model.blocks[0] = torch.compile(model.blocks[0], backend="eager")  # type: ignore[assignment]
    else:
        torch.compile(model, backend="eager")(x)
    model(x)
    assert set(nodes(record_eval(model, x))) == plain


def test_parametrized_modules_keep_their_names() -> None:
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 5)))
    graph_nodes = nodes(record_eval(model, torch.randn(7, 3)))
    assert set(graph_nodes) == {"", "/input", "0", "/output"}
    assert graph_nodes["0"].type == "Linear"
    assert graph_nodes["0"].attributes["parametrized"] == "weight"


def test_checkpointed_modules_are_seen() -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = torch.utils.checkpoint.checkpoint(self.inner, x, use_reentrant=False)
            return result.relu()

    assert ("inner", "inner/relu") in edges(record_eval(Checkpointed(), torch.randn(7, 3)))


def test_encoder_with_padding() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), 2, enable_nested_tensor=True)
    mask = torch.zeros(7, 5, dtype=torch.bool)
    mask[0, 3:] = True
    recording = record_eval(encoder, torch.randn(7, 5, 6), src_key_padding_mask=mask)
    assert nodes(recording)["layers.1.norm2"].outputs == (schema.Shape((-1, 5, 6)),)


def test_the_model_is_left_as_it_was() -> None:
    model = Net()
    hooks = [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]
    record_eval(model, torch.randn(7, 3, 6, 6))
    assert hooks == [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]


def test_a_failure_is_placed() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.Linear(4, 2))
    tracer = Tracer(model, 7)
    with evaluation_mode(model), pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        tracer.run((torch.randn(7, 3),), {})
    assert tracer.failed_in == "1 (Linear), which got (7, 5) float32"
    assert not model[1]._forward_hooks


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_script_modules_inside_are_seen_from_outside() -> None:
    model = nn.Sequential(nn.Linear(3, 5), torch.jit.script(nn.Sequential(nn.Linear(5, 4), nn.ReLU())), nn.Linear(4, 2))
    script = model[1]
    recording = record_eval(model, torch.randn(7, 3))
    assert edges(recording) == {("/input", "0"), ("0", "1"), ("1", "2"), ("2", "/output")}
    graph_nodes = nodes(recording)["1"]
    assert (graph_nodes.type, graph_nodes.parameters) == ("Sequential", 24)
    assert "ScriptModule" in graph_nodes.attributes["note"]
    assert model[1] is script


def test_shared_weights_are_told() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    graph_nodes = nodes(record_eval(model, torch.randn(7, 3)))
    assert graph_nodes["1"].attributes["shared weights"] == "with 0"
    assert graph_nodes[""].parameters == 9 + 3 + 3
