"""Activation functions after a layer are named by it, and go on to be found by their names of before."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.layers import choose
from tensorboard_activis.errors import ConfigurationError
from tests.capture.torch.graph.test_tracer import record_eval


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.first(x))
        return functional.relu(functional.relu(self.second(y)) + x)


class Net(nn.Module):
    """Lists, a layer that is called twice, a block, a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        self.shared = nn.Linear(4, 4)
        self.block = Block()
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x))
        x = functional.gelu(self.shared(torch.tanh(self.shared(x))))
        x = functional.relu(self.block(x))
        x = functional.relu(x + 1)
        return self.head(functional.dropout(x, training=self.training)).softmax(-1)


@pytest.fixture(scope="module")
def graph() -> schema.Graph:
    return record_eval(Net(), torch.randn(7, 4)).graph


def test_names_say_which_layer_is_followed(graph: schema.Graph) -> None:
    operators = {node.key: (node.parent, node.name) for node in graph.nodes if node.kind == "operator"}
    assert operators == {
        "layers.0/relu": ("", "relu"),
        "layers.1/relu": ("", "relu"),
        "shared/tanh": ("", "tanh"),
        "shared@1/gelu": ("", "gelu"),
        "block.first/relu": ("block", "relu"),
        "block.second/relu": ("block", "relu"),
        "block/add": ("block", "add"),
        # What follows a sum, or a module of several, is named by its module, and numbered as ever.
        "block/relu_2": ("block", "relu_2"),
        "/relu_2": ("", "relu_2"),
        "/add": ("", "add"),
        "/relu_3": ("", "relu_3"),
        "/dropout": ("", "dropout"),
        "/softmax": ("", "softmax"),
    }


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/relu", ["layers.0/relu"]),
        ("/relu_1", ["layers.1/relu"]),
        ("/relu_3", ["/relu_3"]),
        ("block/relu", ["block.first/relu"]),
        ("block/relu_1", ["block.second/relu"]),
        ("/gelu", ["shared@1/gelu"]),
        ("/relu*", ["layers.0/relu", "layers.1/relu", "/relu_2", "/relu_3"]),
        ("layers.*/relu", ["layers.0/relu", "layers.1/relu"]),
        # Without a slash, a glob means modules alone.
        ("layers.*", ["layers.0", "layers.1"]),
        ("block.*", ["block.first", "block.second"]),
        ("*/gelu", ["shared@1/gelu"]),
    ],
)
def test_old_and_new_names_and_globs(graph: schema.Graph, pattern: str, found: list[str]) -> None:
    assert choose(graph, [pattern]).names == found


def test_a_number_that_there_never_was_is_refused(graph: schema.Graph) -> None:
    with pytest.raises(ConfigurationError, match="/relu_4"):
        choose(graph, ["/relu_4"])
