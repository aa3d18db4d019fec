"""Graphs of torch.export, compared with recorded ones and with the program itself."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from benchmarks._networks import GPT, ResNet, perceptron
from tensorboard_activis import open_run
from tensorboard_activis.capture.torch.graph.export import exported_graph
from tensorboard_activis.capture.torch.graph.tracer import record
from tensorboard_activis.capture.torch.model.evaluation_mode import evaluation_mode
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.schema import Graph
from tensorboard_activis.torch import ActiVisLogger

# torch.export uses parts of torch that are on their way out.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def graphs(model: nn.Module, *args: torch.Tensor, keep: tuple[str, ...] = ()) -> tuple[Graph, Graph]:
    """Recorded and exported."""
    with evaluation_mode(model):
        recording = record(model, args, {}, args[0].shape[0])
        return recording.graph, exported_graph(model, args, {}, args[0].shape[0], recording, keep)


class Twice(nn.Module):
    """Calls a block twice, and has a functional step, one in place and a layer that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleList([nn.Linear(3, 3)])
        self.act = nn.ReLU(inplace=True)
        self.never = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.inner[0](x))
        y = self.act(self.inner[0](x) + 1)
        functional.relu_(y)
        return y.softmax(-1) * 2


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, batch_first=True)
        self.attention = nn.MultiheadAttention(5, 1, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        out, (hidden, _) = self.lstm(x)
        mixed = self.attention(out, out, out, need_weights=False)[0]
        return {"logits": self.head(mixed[:, 0] + hidden[0]), "states": out}


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (Twice(), torch.randn(11, 3)),
        (Tagger(), torch.randn(11, 4, 3)),
        pytest.param(ResNet(width=2, stages=2), torch.randn(11, 3, 8, 8), marks=pytest.mark.nightly),
        (GPT(layers=2, width=8, heads=2, words=17, positions=9), torch.randint(0, 17, (11, 6))),
        (perceptron(5, 4, 2, 3), torch.randn(11, 5)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_both_ways_to_the_graph_agree(model: nn.Module, x: torch.Tensor) -> None:
    """torch.export and the recorder are independent of each other: same nodes, same data flow, same shapes."""
    recorded, exported = graphs(model, x)
    assert exported.origin == "exported"
    # An Identity is no step of the exported program: the data flow past it.
    gone = {node.key for node in recorded.nodes if node.type == "Identity"}
    for node in exported.nodes:
        assert ("exported" in node.attributes) == (node.key in gone)
    others = {node.key: node for node in recorded.nodes if node.key not in gone}
    assert {node.key: node for node in exported.nodes if node.key not in gone} == others
    before = {edge.target: edge.source for edge in recorded.edges}
    shapes = {
        (before[edge.source] if edge.source in gone else edge.source, edge.target): edge.shape
        for edge in recorded.edges
        if edge.target not in gone
    }
    assert {(edge.source, edge.target): edge.shape for edge in exported.edges} == shapes
    seen: set[str | None] = {None}
    for node in exported.nodes:
        assert node.parent in seen, "a module comes before what it holds"
        seen.add(node.key)


def test_what_is_recorded_is_a_node_whatever_the_export_made_of_it() -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.same, self.head = nn.Identity(), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.head(self.same(x))
            return result

    _, exported = graphs(Constant(), torch.randn(11, 3), keep=("same",))  # torch.export leaves nothing of an Identity
    assert [node.key for node in exported.nodes] == ["", "/input", "same", "head", "/output"]
    assert ("/input", "same") in {(edge.source, edge.target) for edge in exported.edges}


def test_a_model_trains_on_after_an_export() -> None:
    """torch.export leaves tensors without values in recurrent layers; none of them may stay."""
    model, x = Tagger(), torch.randn(11, 4, 3)
    before = model(x)["logits"]
    graphs(model, x)
    after = model(x)["logits"]
    assert torch.equal(before, after)
    after.sum().backward()
    assert model.lstm.weight_ih_l0.grad is not None
    assert type(model.lstm._flat_weights[0]) is nn.Parameter


def test_the_logger_takes_it(tmp_path: Path) -> None:
    model = Tagger()
    x = torch.randn(23, 4, 3)
    with ActiVisLogger(tmp_path, model, x, layers=["lstm[0]", "head", "/add"], graph="export", strict=True) as logger:
        logger.log(0)
        assert logger.graph.origin == "exported"
    run = open_run(tmp_path)
    assert run.graph.origin == "exported"
    assert set(run.latest.layers) <= {node.key for node in run.graph.nodes}
    assert model.training


def test_a_model_that_cannot_be_exported_has_its_recorded_graph(tmp_path: Path) -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.a(x) if x.sum() > 0 else self.b(x)
            return result

    with (
        pytest.warns(ActiVisWarning, match=r"torch.export cannot export this model \(.*graph is that of a recorded"),
        ActiVisLogger(tmp_path, Branches(), torch.ones(13, 3), graph="export", strict=True) as logger,
    ):
        logger.log(0)
    assert logger.graph.origin == "recorded"


def test_another_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="graph must be 'recorded' .*; got 'fx'"):
        ActiVisLogger(tmp_path, perceptron(5, 4, 1, 3), torch.ones(7, 5), graph="fx")
