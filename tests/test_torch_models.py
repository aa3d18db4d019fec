"""The models that people train, from data to files, against plain hooks that copy every output whole."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from benchmarks._networks import GPT, ResNet, perceptron
from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.torch import ActiVisLogger

INSTANCES = 37  # in batches of 8, the last of 5; a prime, so that no other axis is a multiple of it
CLASSES = 3


class Tagger(nn.Module):
    """A class for every token, by an LSTM in both directions over packed sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(13, 6)
        self.lstm = nn.LSTM(6, 5, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, CLASSES)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        lengths = attention_mask.sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(input_ids), lengths, True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], True, total_length=input_ids.shape[1])
        result: torch.Tensor = self.head(states)
        return result


class Experts(nn.Module):
    """Each instance goes to the two experts that the router prefers, so an expert sees rows, not the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(7, 6)
        self.router = nn.Linear(6, 4)
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 6)) for _ in range(4)])
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).relu()
        weights, chosen = self.router(x).softmax(-1).topk(2)
        mixed = torch.zeros_like(x)
        for index, expert in enumerate(self.experts):
            rows, place = torch.where(chosen == index)
            if rows.numel():
                mixed.index_add_(0, rows, weights[rows, place, None] * expert(x[rows]))
        result: torch.Tensor = self.head(x + mixed)
        return result


class Towers(nn.Module):
    """Scores a user against an item."""

    def __init__(self) -> None:
        super().__init__()
        self.user = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4))
        self.item = nn.Sequential(nn.Embedding(11, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        return (self.user(user) * self.item(item)).sum(-1)


#: Layers of heads, by what is behind their name.
_FIGURES = ("", "[entropy]", "[first]", "[previous]", "[self]")


@dataclass
class Case:
    """What to train on what; `layers` are compared, `default` are those recorded when nobody says which."""

    make: Callable[[], nn.Module]
    inputs: dict[str, torch.Tensor]
    labels: torch.Tensor | None
    layers: list[str]
    default: list[str]
    masked: bool = False


def cases() -> dict[str, Case]:
    generator = torch.Generator().manual_seed(3)

    def normal(*sizes: int) -> torch.Tensor:
        return torch.randn(INSTANCES, *sizes, generator=generator)

    def whole(most: int, *sizes: int) -> torch.Tensor:
        return torch.randint(0, most, (INSTANCES, *sizes), generator=generator)

    mask = torch.arange(6) < whole(6)[:, None] + 1
    return {
        "resnet": Case(
            lambda: ResNet(width=4, stages=2, classes=CLASSES),
            {"x": normal(3, 9, 7)},
            whole(CLASSES),
            ["conv", "norm", "relu", "stages.0.1.norm2", "stages.1.0.relu", "stages.1.0.relu@1", "stages.1.1", "head"],
            ["relu", "stages.0.0", "stages.0.1", "stages.1.0", "stages.1.1", "head"],
        ),
        "gpt": Case(
            lambda: GPT(layers=2, width=8, heads=2, words=17, positions=9),
            {"input_ids": whole(17, 6)},
            None,
            ["tokens", "blocks.0.qkv", "blocks.0.mlp.1", "blocks.1", "norm", "head"],
            [
                "tokens",
                *[
                    name
                    for block in ("blocks.0", "blocks.1")
                    for name in (block, *(f"{block}/heads{figure}" for figure in _FIGURES), f"{block}.mlp.1")
                ],
                "norm",
                "head",
            ],
        ),
        "tagger": Case(
            Tagger,
            {"input_ids": whole(13, 6), "attention_mask": mask},
            None,
            ["embed", "lstm[0]", "head"],
            ["embed", "lstm[0]", "head"],
            masked=True,
        ),
        "experts": Case(
            Experts,
            {"x": normal(7)},
            whole(CLASSES),
            ["stem", "stem/relu", "router", "/softmax", "/add", "head"],
            ["stem/relu", "router", "head"],
        ),
        "towers": Case(
            Towers,
            {"user": normal(5), "item": whole(11)},
            normal(),
            ["user.0", "user.1", "user.2", "item.0", "item.2", "/mul"],
            ["user.1", "user.2", "item.1", "item.2", "/sum"],
        ),
        "mlp": Case(
            lambda: perceptron(features=5, width=7, layers=2, classes=CLASSES),
            {"input": normal(5)},
            whole(CLASSES),
            ["0", "1", "2", "3", "4"],
            ["1", "3", "4"],
        ),
    }


def data_of(case: Case) -> dict[str, torch.Tensor]:
    return case.inputs if case.labels is None else {**case.inputs, "labels": case.labels}


def raw_outputs(model: nn.Module, inputs: dict[str, torch.Tensor], layers: list[str]) -> dict[str, np.ndarray]:
    """Every output whole, by hooks that copy: [instances, ...], in float64."""
    found: dict[str, list[torch.Tensor]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, tuple):
                output = output[0]
            if isinstance(output, nn.utils.rnn.PackedSequence):
                output = nn.utils.rnn.pad_packed_sequence(output, True, total_length=6)[0]
            found.setdefault(name, []).append(output.detach().clone())

        return hook

    names = {layer.partition("@")[0].removesuffix("[0]") for layer in layers if "/" not in layer}
    handles = [model.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    with torch.no_grad():
        model(**inputs)
    for handle in handles:
        handle.remove()
    result = {}
    for layer in layers:
        if "/" not in layer:
            name, _, call = layer.removesuffix("[0]").partition("@")
            result[layer] = found[name][int(call or 0)].double().numpy()
    return result


def operators(model: nn.Module, inputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """What the functional steps give, computed step by step from the layers around them."""
    with torch.no_grad():
        if isinstance(model, Towers):
            return {"/mul": (model.user(inputs["user"]) * model.item(inputs["item"])).double().numpy()}
        if not isinstance(model, Experts):
            return {}
        x = torch.relu(model.stem(inputs["x"]))
        weights = torch.softmax(model.router(x), -1)
        mixed = torch.stack(
            [
                x[row] + sum(weights[row, e] * model.experts[e](x[row]) for e in weights[row].topk(2).indices)
                for row in range(INSTANCES)
            ]
        )
        return {
            name: value.double().numpy() for name, value in {"stem/relu": x, "/softmax": weights, "/add": mixed}.items()
        }


def per_instance(raw: np.ndarray, case: Case) -> np.ndarray:
    """One number per neuron: the mean over what is neither instance nor neuron, by hand."""
    if raw.ndim == 4:
        return np.asarray(raw.mean((2, 3)))
    if raw.ndim == 3 and case.masked:
        mask = case.inputs["attention_mask"].numpy()
        return np.stack([row[real].mean(0) for row, real in zip(raw, mask, strict=True)])
    return np.asarray(raw.mean(1)) if raw.ndim == 3 else raw


@pytest.mark.parametrize("name", list(cases()))
def test_numbers_agree_with_plain_hooks(tmp_path: Path, name: str) -> None:
    case = cases()[name]
    torch.manual_seed(0)
    model = case.make()
    whole = data_of(case)
    batches = [{key: tensor[start : start + 8] for key, tensor in whole.items()} for start in range(0, INSTANCES, 8)]
    with ActiVisLogger(tmp_path, model, batches, layers=case.layers, strict=True) as logger:
        logger.log(0)
    model.eval()
    expected = raw_outputs(model, case.inputs, case.layers) | operators(model, case.inputs)
    snapshot = open_run(tmp_path).latest
    order = np.asarray(snapshot.instances["id"])
    assert sorted(snapshot.layers) == sorted(case.layers)
    for layer in case.layers:
        values = per_instance(expected[layer], case)
        summary = snapshot.summary(layer)
        np.testing.assert_allclose(summary.mean[0], values.mean(0), rtol=1e-4, atol=1e-5, err_msg=layer)
        np.testing.assert_allclose(summary.std[0], values.std(0), rtol=1e-3, atol=1e-5, err_msg=layer)
        np.testing.assert_allclose(snapshot.activations(layer), values[order], rtol=2e-3, atol=1e-4, err_msg=layer)


@pytest.mark.parametrize("name", list(cases()))
def test_the_default_takes_what_a_person_would_name(tmp_path: Path, name: str) -> None:
    case = cases()[name]
    torch.manual_seed(0)
    with ActiVisLogger(tmp_path, case.make(), data_of(case), strict=True) as logger:
        logger.log(0)
        assert [layer.name for layer in logger.layers] == case.default


@pytest.mark.parametrize("rows", range(1, 12))
def test_an_expert_is_no_layer_whatever_number_of_rows_it_got(tmp_path: Path, rows: int) -> None:
    """Also where by chance it got as many as there are instances in what was recorded, which is eleven."""

    class Routed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.expert = nn.Linear(5, 4)
            self.head = nn.Linear(4, CLASSES)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            mixed = x.new_zeros(x.shape[0], 4)
            chosen = x[:, 0] > 0
            mixed[chosen] = functional.gelu(self.expert(x[chosen]))
            result: torch.Tensor = self.head(mixed)
            return result

    x = torch.ones(40, 5)
    x[rows:, 0] = -1
    with ActiVisLogger(tmp_path, Routed(), x, strict=True) as logger:
        logger.log(0)
        assert [layer.name for layer in logger.layers] == ["head"]
    with pytest.raises(ConfigurationError, match="'expert' .* no axis for the instances"):
        ActiVisLogger(tmp_path / "other", Routed(), x, layers=["expert"])
