"""Models that use torch.func within forward: what is recorded of them, by id, against the same without torch.func."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.snapshots import logged


class Whole(nn.Module):
    """All of it runs under vmap."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(5, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.vmap(lambda one: self.head(self.inner(one).relu()))(x)
        return result


class Convolutions(nn.Module):
    """A convolution of images that vmap moves to the last axis and back."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Conv1d(1, 6, 2), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = torch.func.vmap(lambda one: self.inner(one[None]), in_dims=1, out_dims=0)(x.T.contiguous())
        result: torch.Tensor = self.head(maps.mean(2))
        return result


class Gradients(Whole):
    """A gradient of each instance is part of the output."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        slopes = torch.func.vmap(torch.func.grad(lambda one: self.inner(one).tanh().sum()))(x)
        result: torch.Tensor = self.head(self.inner(x).relu()) + slopes.sum(1, keepdim=True)
        return result


class Ensemble(nn.Module):
    """Several networks at once, by their stacked parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList(nn.Linear(5, 3) for _ in range(4))
        self.bare = [copy.deepcopy(self.members[0]).to("meta")]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights, buffers = torch.func.stack_module_state(list(self.members))

        def member(weights: dict[str, torch.Tensor], buffers: dict[str, torch.Tensor]) -> torch.Tensor:
            result: torch.Tensor = torch.func.functional_call(self.bare[0], (weights, buffers), (x,))
            return result

        result: torch.Tensor = torch.func.vmap(member)(weights, buffers).mean(0)
        return result


def of_whole(model: Any, x: torch.Tensor) -> dict[str, torch.Tensor]:
    inner = model.inner(x)
    return {"inner": inner, "head": model.head(inner.relu())}


def of_convolutions(model: Any, x: torch.Tensor) -> dict[str, torch.Tensor]:
    inner = model.inner(x[:, None]).mean(2)
    return {"inner": inner, "head": model.head(inner)}


def of_gradients(model: Any, x: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"inner": model.inner(x), "inner@1": model.inner(x), "head": model.head(model.inner(x).relu())}


def of_ensemble(model: Any, x: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"/mean": torch.stack([member(x) for member in model.members]).mean(0)}


@pytest.mark.parametrize("instances", [23, 20])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Whole, of_whole), (Convolutions, of_convolutions), (Gradients, of_gradients), (Ensemble, of_ensemble)],
)
def test_layers_within_torch_func(
    tmp_path: Path,
    kind: type[nn.Module],
    expected: Callable[[Any, torch.Tensor], dict[str, torch.Tensor]],
    instances: int,
) -> None:
    torch.manual_seed(0)
    model, x = kind().eval(), torch.randn(instances, 5)
    batches = [
        (x[start : start + 11], torch.zeros(len(x[start : start + 11]), dtype=torch.long))
        for start in range(0, instances, 11)
    ]
    with torch.no_grad():
        values = expected(model, x)
    snapshot = logged(tmp_path, model, batches, layers=list(values))
    order = np.asarray(snapshot.instances["id"])
    with torch.no_grad():
        predicted = model(x).argmax(1).numpy()[order]
    for name, each in values.items():
        np.testing.assert_allclose(snapshot.activations(name), each.numpy()[order], atol=2e-3, err_msg=name)
    assert [int(label) for label in snapshot.instances["prediction"].to_pylist()] == predicted.tolist()


def test_a_model_none_of_whose_modules_runs_by_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="None of its modules .* '/mean'"):
        ActiVisLogger(tmp_path, Ensemble(), torch.randn(20, 5), layers=["*"])
