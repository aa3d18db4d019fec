"""Activations from hooks against plain hooks that copy everything."""

import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis.capture.torch.graph.tracer import record
from tensorboard_activis.capture.torch.hooks import ActivationHooks
from tensorboard_activis.capture.torch.model.evaluation_mode import evaluation_mode


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.norm = nn.BatchNorm2d(5)
        self.act = nn.ReLU(inplace=True)
        self.lstm = nn.LSTM(5, 4, batch_first=True)
        self.shared = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.norm(self.conv(x)))
        tokens, (hidden, _) = self.lstm(x.flatten(2).transpose(1, 2))
        y = functional.gelu(self.shared(tokens.mean(1)))
        return functional.gelu(self.shared(y)) + hidden[0]


def activations_of(
    model: nn.Module, names: list[str], x: torch.Tensor, reducer: str = "mean"
) -> dict[str, torch.Tensor]:
    with evaluation_mode(model):
        recording = record(model, (x[:7],), {}, 7)
        layer_outputs = {name: recording.layer_outputs[name] for name in names}
        with ActivationHooks(model, layer_outputs, dict.fromkeys(names, reducer)) as hooks:
            hooks.start(x.shape[0])
            model(x)
            return hooks.stop()


def test_modules_with_a_successor_in_place() -> None:
    model, x = Net().eval(), torch.randn(9, 3, 5, 4)
    activations = activations_of(model, ["conv", "norm", "act"], x)
    with torch.no_grad():
        conv = model.conv(x)
        norm = model.norm(conv)
    torch.testing.assert_close(activations["conv"], conv.mean((2, 3)))
    torch.testing.assert_close(activations["norm"], norm.mean((2, 3)))  # not what the ReLU made of it
    torch.testing.assert_close(activations["act"], norm.relu().mean((2, 3)))


def test_calls_parts_and_operators() -> None:
    model, x = Net().eval(), torch.randn(9, 3, 5, 4)
    names = ["lstm[0]", "lstm[1][0]", "shared", "shared@1", "shared/gelu", "shared@1/gelu", "/add", ""]
    activations = activations_of(model, names, x)
    with torch.no_grad():
        tokens, (hidden, _) = model.lstm(model.act(model.norm(model.conv(x))).flatten(2).transpose(1, 2))
        first = model.shared(tokens.mean(1))
        second = model.shared(functional.gelu(first))
        result = model(x)
    torch.testing.assert_close(activations["lstm[0]"], tokens.mean(1))
    torch.testing.assert_close(activations["lstm[1][0]"], hidden[0])
    torch.testing.assert_close(activations["shared"], first)
    torch.testing.assert_close(activations["shared@1"], second)
    torch.testing.assert_close(activations["shared/gelu"], functional.gelu(first))
    torch.testing.assert_close(activations["shared@1/gelu"], functional.gelu(second))
    assert torch.equal(activations["/add"], activations[""])
    assert torch.equal(activations[""], result)


def test_every_key_of_a_recording_can_be_taken() -> None:
    model, x = Net().eval(), torch.randn(9, 3, 5, 4)
    with evaluation_mode(model):
        names = list(record(model, (x[:7],), {}, 7).layer_outputs)
    assert set(activations_of(model, names, x)) == set(names)


def test_functional_operators_by_hand() -> None:
    """F.relu, + and attention are layers by the key of their node: attention has [instances, heads, positions, width]."""

    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(6, 18)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = (part.unflatten(-1, (2, 3)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
            mixed = functional.scaled_dot_product_attention(q, k, v)
            return functional.relu(mixed.transpose(1, 2).flatten(2) + x)

    model: Any = nn.Sequential(Attends()).eval()
    x = torch.randn(9, 5, 6)
    activations = activations_of(model, ["0/scaled_dot_product_attention", "0/add", "0/relu"], x)
    with torch.no_grad():
        q, k, v = (part.reshape(9, 5, 2, 3).permute(0, 2, 1, 3) for part in model[0].qkv(x).split(6, -1))
        mixed = ((q @ k.mT) / 3**0.5).softmax(-1) @ v
    joined = mixed.permute(0, 2, 1, 3).reshape(9, 5, 6) + x
    torch.testing.assert_close(activations["0/scaled_dot_product_attention"], mixed.mean((1, 2)))
    torch.testing.assert_close(activations["0/add"], joined.mean(1))
    torch.testing.assert_close(activations["0/relu"], joined.clamp(min=0).mean(1))


def test_operators_in_modules_are_counted_with_constants_between() -> None:
    class Inner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scale = torch.ones(3) * 2  # no data in it: not in the graph, but an operator all the same
            return (x * scale) * 3

    model, x = nn.Sequential(Inner()), torch.randn(7, 3)
    activations = activations_of(model, ["0/mul", "0/mul_1"], x)
    assert torch.equal(activations["0/mul"], x * 2)
    assert torch.equal(activations["0/mul_1"], x * 6)


@pytest.mark.parametrize("how", ["outer", "in place"])
def test_compiled_models(how: str) -> None:
    model, x = nn.Sequential(nn.Linear(3, 5), nn.ReLU()).eval(), torch.randn(9, 3)
    if how == "outer":
        torch.compile(model, backend="eager")(x)
    else:
        model.compile(backend="eager")
        model(x)
    assert torch.equal(activations_of(model, ["0"], x)["0"], model[0](x))


def test_autocast() -> None:
    model, x = nn.Sequential(nn.Conv2d(3, 5, 1)).eval(), torch.randn(9, 3, 20, 20) + 100
    with torch.autocast("cpu", dtype=torch.bfloat16):
        activations = activations_of(model, ["0"], x)["0"]
        raw = model(x)
    assert raw.dtype == torch.bfloat16
    assert activations.dtype == torch.float32
    torch.testing.assert_close(activations, raw.double().mean((2, 3)).float(), rtol=1e-5, atol=1e-5)


def test_channels_last() -> None:
    conv, x = nn.Conv2d(3, 5, 3), torch.randn(9, 3, 6, 6)
    model = nn.Sequential(conv).eval()
    plain = activations_of(model, ["0"], x)["0"]
    conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last)
    activations = activations_of(model, ["0"], x.to(memory_format=torch.channels_last))["0"]
    torch.testing.assert_close(activations, plain)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_checkpointing_and_weight_norm() -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.utils.parametrizations.weight_norm(nn.Linear(3, 5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = torch.utils.checkpoint.checkpoint(self.inner, x, use_reentrant=True)
            return result

    model, x = Checkpointed().eval(), torch.randn(9, 3)
    torch.testing.assert_close(activations_of(model, ["inner"], x)["inner"], model.inner(x).detach())


def test_quantized_layers() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao is on its way out
        quantized = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    x = torch.randn(9, 3)
    assert torch.equal(activations_of(quantized, ["0"], x)["0"], quantized[0](x))


def test_a_layer_without_a_row_per_instance_is_left_out() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:6] * 1 if x.shape[0] == 9 else x * 1

    model, x = nn.Sequential(Odd(), nn.Linear(3, 2)), torch.randn(9, 3)
    with evaluation_mode(model):
        recording = record(model, (x[:7],), {}, 7)
        names = ["0/mul", "0"]
        layer_outputs = {name: recording.layer_outputs[name] for name in names}
        with ActivationHooks(model, layer_outputs, dict.fromkeys(names, "mean")) as hooks:
            hooks.start(9)
            model(x)
            assert not hooks.stop()
            assert "An output of shape (6, 3)" in hooks.failures["0/mul"]
            hooks.start(7)
            model(x[:7])
            assert not hooks.stop()  # from then on


def test_hooks_are_gone_after_a_fault() -> None:
    model = Net()
    with pytest.raises(RuntimeError):
        activations_of(model, ["conv"], torch.randn(9, 2, 5, 4))
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())


def test_tokens_of_all_instances_in_one_row() -> None:
    class Rows(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x.flatten(0, 1) * 2).view(x.shape)

    x = torch.randn(9, 4, 3)
    torch.testing.assert_close(activations_of(nn.Sequential(Rows()), ["0/mul"], x)["0/mul"], 2 * x.mean(1))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_script_modules() -> None:
    model, x = nn.Sequential(torch.jit.script(nn.Linear(3, 5))).eval(), torch.randn(9, 3)
    assert torch.equal(activations_of(model, ["0"], x)["0"], model(x))
