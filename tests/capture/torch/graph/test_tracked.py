"""The tracer keeps no intermediate of the model alive, and takes no tensor for another one that died before it."""

import weakref

import torch
from torch import nn

from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.graph.tracer import record
from tensorboard_activis.capture.torch.graph.tracked import TrackedTensors
from tensorboard_activis.capture.torch.model.evaluation_mode import evaluation_mode


class Witness(nn.Module):
    """Counts, at each of its steps, how many of its intermediate tensors are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(6)])
        self.block = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.alive: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        references: list[weakref.ref[torch.Tensor]] = []
        self.alive = []
        for layer in self.layers:
            hidden = layer(x)
            references.append(weakref.ref(hidden))
            x = x + torch.relu(hidden).unsqueeze(1).squeeze(1)
            references.append(weakref.ref(x))
            del hidden
            x = x + self.block(x)
            references.append(weakref.ref(x))
            self.alive.append(sum(reference() is not None for reference in references))
        return x


def test_intermediates_die_in_a_recorded_pass_as_in_a_plain_one() -> None:
    model, rows = Witness(), torch.randn(7, 8)
    with evaluation_mode(model):
        model(rows)
        plain = model.alive
        recording = record(model, (rows,), {}, 7)
    assert model.alive == plain == [1] * 6
    assert {"layers.5", "block@5", "block.1@5", "/add_11"} <= {node.key for node in recording.graph.nodes}
    output = weakref.ref(recording.output)
    del recording
    assert output() is None


class Reusing(nn.Module):
    """Makes tensors of the input that die at once, and then constants, which get their place in memory and so their `id`."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.reused = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(30):
            dead = id(torch.tanh(x))
            constant = torch.ones(1, 4)
            self.reused += id(constant) == dead
            x = x + torch.exp(constant)
        out: torch.Tensor = self.head(x)
        return out


def test_a_constant_with_the_id_of_a_dead_intermediate_does_not_depend_on_the_input() -> None:
    model = Reusing()
    with evaluation_mode(model):
        graph = record(model, (torch.randn(5, 4),), {}, 5).graph
    assert model.reused > 0
    assert {node.type for node in graph.nodes if node.kind == "operator"} == {"tanh", "add"}
    assert not [edge for edge in graph.edges if "tanh" in edge.source]
    assert ("/add_29", "head") in {(edge.source, edge.target) for edge in graph.edges}


def test_another_tensor_of_the_same_id_is_not_known() -> None:
    tensors = TrackedTensors()
    tensor = torch.zeros(2, 3, dtype=torch.float64)
    known = tensors.add(tensor, "fc", Axes(0, 1))
    assert tensors.get(tensor) is known
    assert (known.sizes, known.dtype, known.producer) == ((2, 3), "float64", "fc")
    identity = id(tensor)
    del tensor
    assert known.reference() is None
    others = []
    for _ in range(10_000):
        others.append(torch.zeros(2, 3))
        if id(others[-1]) == identity:
            break
    assert id(others[-1]) == identity
    assert tensors.get(others[-1]) is None


def test_a_tensor_that_only_a_view_refers_to_is_the_same_when_it_comes_back() -> None:
    tensors = TrackedTensors()
    base = torch.zeros(2, 3) + 1
    known = tensors.add(base, "fc", Axes(0, 1))
    view = base.view(3, 2)
    del base
    assert tensors.get(view) is None
    again = view._base
    assert again is not None
    assert tensors.get(again) is known
