"""Paths, output tensors and attributes of modules."""

from dataclasses import dataclass

import torch
from torch import nn

from tensorboard_activis.capture.torch.model.modules import (
    is_builtin,
    module_attributes,
    module_paths,
    nested_tensors,
    output_tensors,
    type_name,
    unwrap,
)


@dataclass
class Output:
    logits: torch.Tensor
    loss: None = None


def test_key_paths_of_nested_outputs() -> None:
    a, b, c = torch.ones(1), torch.ones(2), torch.ones(3)
    assert [key_path for key_path, _ in nested_tensors((a, (b, {"x": c}), Output(a), "text", None))] == [
        "[0]",
        "[1][0]",
        "[1][1][x]",
        "[2][logits]",
    ]
    assert output_tensors((None, [a]))[0][0] == ""
    assert output_tensors(None) == []


def test_paths_leave_wrappers_out() -> None:
    inner = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model = nn.Sequential(torch.compile(inner, backend="eager"), inner[0])  # type: ignore[call-overload]
    assert list(module_paths(model)) == ["", "0", "0.0", "0.1"]
    assert module_paths(model)["0"] is inner
    assert unwrap(torch.compile(nn.DataParallel(inner), backend="eager")) is inner  # type: ignore[arg-type]


def test_layers_of_torch_and_those_derived_from_them() -> None:
    class Norm(nn.LayerNorm):
        pass

    class Row(nn.Sequential):
        pass

    assert is_builtin(nn.Conv2d(1, 1, 1))
    assert is_builtin(Norm(3))
    assert not is_builtin(Row())
    assert not is_builtin(nn.ModuleDict())
    assert type_name(nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2))) == "Linear"


def test_descriptions() -> None:
    assert module_attributes(nn.Conv2d(3, 5, (3, 1), stride=2, padding=1, groups=1)) == {
        "kernel": "3×1",
        "stride": "2×2",
        "padding": "1×1",
        "in channels": "3",
        "out channels": "5",
        "bias": "yes",
    }
    assert module_attributes(nn.Linear(3, 5, bias=False)) == {"in features": "3", "out features": "5", "bias": "no"}
    assert module_attributes(nn.Dropout(0.25)) == {"p": "0.25"}
    assert module_attributes(nn.LSTM(3, 5, 2, dropout=0.5, bidirectional=True))["bidirectional"] == "yes"
    assert module_attributes(nn.Sequential(nn.Linear(3, 5))) == {}
