"""Training health of PyTorch models, against plain hooks and numpy; training itself stays bit-identical."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.capture.torch.health.weights import gradient_squares
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.read.health import Health
from tensorboard_activis.torch import ActiVisLogger

#: Of what is stored: the upper 16 bits of float32.
DIGITS = 2.0**-8


class Net(nn.Module):
    """A convolution and two dense layers, with a ReLU as a function, a batch norm and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6)
        self.fc1, self.fc2 = nn.Linear(6 * 36, 12), nn.Linear(12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.conv(x))).flatten(1)
        return self.fc2(F.dropout(F.relu(self.fc1(x)), 0.2, self.training))


def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(32, 1, 8, 8, generator=generator), torch.randint(0, 10, (32,), generator=generator)


Begun = tuple[nn.Module, torch.optim.Optimizer]


def begun(make: Callable[[], nn.Module] = Net) -> Begun:
    torch.manual_seed(0)
    model = make()
    with torch.no_grad():
        if isinstance(model, Net):
            model.fc1.bias[:4] = -100.0  # dead from the start
    return model, torch.optim.Adam(model.parameters(), 1e-2)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
    x, y = data()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def flat(parameters: list[nn.Parameter]) -> np.ndarray:
    return np.concatenate([one.detach().numpy().ravel() for one in parameters])


def test_figures_are_those_of_plain_hooks(tmp_path: Path):
    model, optimizer = begun()
    outputs: dict[int, dict[str, np.ndarray]] = {}
    gradients, before, after = dict[int, dict](), dict[int, dict](), dict[int, dict]()
    names = {"conv", "norm", "fc1", "fc2"}
    x, y = data()
    with ActiVisLogger(tmp_path, model, (x, y), health=3):
        for step in range(10):
            seen = outputs[step] = {}
            handles = [
                getattr(model, name).register_forward_hook(
                    lambda module, args, output, name=name, seen=seen: seen.update(
                        {name: output.detach().numpy().copy()}
                    )
                )
                for name in names
            ]
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            for handle in handles:
                handle.remove()
            own = {name: list(getattr(model, name).parameters()) for name in names}
            gradients[step] = {name: np.concatenate([one.grad.numpy().ravel() for one in own[name]]) for name in names}
            before[step] = {name: flat(own[name]) for name in names}
            optimizer.step()
            after[step] = {name: flat(own[name]) for name in names}
    health = open_run(tmp_path).health
    assert health.steps.tolist() == [0, 3, 6, 9]
    assert [layer.name for layer in health.layers] == ["conv", "norm", "fc1", "fc2"]
    assert [layer.type for layer in health.layers] == ["Conv2d", "BatchNorm2d", "Linear", "Linear"]
    for at, step in enumerate(health.steps.tolist()):
        for name in names:
            output = outputs[step][name].astype(np.float64)
            changed = after[step][name] - before[step][name]
            axes = tuple(axis for axis in range(output.ndim) if axis != 1)
            silent = (output <= 0).all(axis=axes) if name in ("norm", "fc1") else (output == 0).all(axis=axes)
            expected = {
                "activation_norm": np.sqrt((output**2).sum() / len(output)),
                "activation_rms": np.sqrt((output**2).mean()),
                "kurtosis": ((output - output.mean()) ** 4).mean() / output.var() ** 2,
                "dead_share": silent.mean(),
                "gradient_norm": np.linalg.norm(gradients[step][name]),
                "update_ratio": np.linalg.norm(changed) / np.linalg.norm(before[step][name]),
            }
            for measure, value in expected.items():
                assert health.of(measure, name)[at] == pytest.approx(value, rel=DIGITS, abs=1e-6), (measure, name)
    assert health.of("dead_share", "fc1")[0] >= 4 / 12 - DIGITS
    assert np.isnan(health.of("expert_load", "fc1")).all()


def parameters(model: nn.Module) -> list[np.ndarray]:
    return [value.detach().numpy().copy() for value in model.state_dict().values()]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("every", [1, 4])
def test_the_loss_is_that_of_its_step_whether_said_before_or_after_it(tmp_path: Path, every: int, late: bool):
    model, optimizer = begun()
    (x, y), losses = data(), []
    with ActiVisLogger(tmp_path, model, health=every) as activis:
        for _ in range(10):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            if not late:
                activis.training_loss(loss)
            optimizer.step()
            if late:
                activis.training_loss(loss)
            losses.append(loss.item())
    np.testing.assert_allclose(open_run(tmp_path).health.loss, losses[::every], rtol=1e-5)


@pytest.mark.parametrize("every", [1, 4])
def test_training_is_the_same_with_and_without(tmp_path: Path, every: int):
    model, optimizer = begun()
    losses = train(model, optimizer, 12)
    other, its_optimizer = begun()
    with ActiVisLogger(tmp_path, other, health=every):
        assert train(other, its_optimizer, 12) == losses
    assert all(np.array_equal(one, two) for one, two in zip(parameters(model), parameters(other), strict=True))
    assert open_run(tmp_path).health.steps.tolist() == list(range(0, 12, every))
    assert all(not module._forward_hooks for module in other.modules())


def test_accumulated_gradients_are_one_step(tmp_path: Path):
    model, optimizer = begun(lambda: nn.Sequential(nn.Linear(8, 4)))
    x, norms = torch.randn(6, 8), []
    with ActiVisLogger(tmp_path, model, health=1):
        for _ in range(3):
            optimizer.zero_grad()
            for part in x.split(2):
                (model(part).square().sum() / 6).backward()
            norms.append(
                float(torch.cat([one.grad.ravel() for one in model.parameters() if one.grad is not None]).norm())
            )
            rms = float(model(x).detach().square().mean().sqrt())
            optimizer.step()
    health = open_run(tmp_path).health
    np.testing.assert_allclose(health.of("gradient_norm", "0"), norms, rtol=DIGITS)
    assert health.of("activation_rms", "0")[-1] == pytest.approx(rms, rel=DIGITS)


def test_a_closure_computes_gradients_inside_of_the_step(tmp_path: Path):
    model, optimizer = begun(lambda: nn.Sequential(nn.Linear(8, 4)))
    x, norms, losses = torch.randn(6, 8), [], []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        norms.append(float(torch.cat([one.grad.ravel() for one in model.parameters() if one.grad is not None]).norm()))
        losses.append(loss.item())
        return loss

    with ActiVisLogger(tmp_path, model, health=1):
        for _ in range(3):
            optimizer.step(closure)  # type: ignore[arg-type]
    health = open_run(tmp_path).health
    np.testing.assert_allclose(health.of("gradient_norm", "0"), norms, rtol=DIGITS)
    np.testing.assert_allclose(health.loss, losses, rtol=1e-5, atol=1e-5)


def test_the_graph_of_gradients_is_not_kept():
    layer = nn.Linear(3, 2)
    parameters = list(layer.parameters())
    found = torch.autograd.grad(layer(torch.ones(4, 3)).pow(3).sum(), parameters, create_graph=True)
    for parameter, gradient in zip(parameters, found, strict=True):
        parameter.grad = gradient
    squares = gradient_squares(parameters, None)
    assert squares is not None
    assert not squares.requires_grad
    expected = sum(float(gradient.detach().square().sum()) for gradient in found)
    assert squares.item() == pytest.approx(expected, rel=1e-5)
    layer.zero_grad()  # gradients that have a graph refer to their parameters


def test_scaled_gradients_are_unscaled_and_a_skipped_step_is_none(tmp_path: Path):
    model, optimizer = begun(lambda: nn.Sequential(nn.Linear(8, 4)))
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    x = torch.randn(6, 8)
    with ActiVisLogger(tmp_path, model, health=1):
        for bad in (False, True, False):
            optimizer.zero_grad()
            loss = model(x).square().mean() * (float("inf") if bad else 1.0)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    health = open_run(tmp_path).health
    assert health.steps.tolist() == [0, 1]
    model, optimizer = begun(lambda: nn.Sequential(nn.Linear(8, 4)))
    model(x).square().mean().backward()
    norm = float(torch.cat([one.grad.ravel() for one in model.parameters() if one.grad is not None]).norm())
    assert health.of("gradient_norm", "0")[0] == pytest.approx(norm, rel=DIGITS)


def test_what_is_not_finite_is_infinite_and_what_is_frozen_unknown(tmp_path: Path):
    model, _ = begun()
    model.conv.requires_grad_(False)
    with torch.no_grad():
        model.fc2.weight[0, 0] = float("nan")  # type: ignore[union-attr, operator]
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], 0.1)
    with ActiVisLogger(tmp_path, model, health=1):
        train(model, optimizer, 2)
    health = open_run(tmp_path).health
    assert np.isnan(health.of("gradient_norm", "conv")).all()
    assert np.isnan(health.of("update_ratio", "conv")).all()
    assert np.isfinite(health.of("activation_rms", "conv")).all()
    assert np.isinf(health.of("activation_rms", "fc2")).all()
    assert np.isinf(health.of("gradient_norm", "fc2")).all()
    assert {mark.kind for mark in open_run(tmp_path).health_marks()} == {"not-finite"}


def test_own_evaluations_and_validations_are_not_measured(tmp_path: Path):
    model, optimizer = begun()
    x, y = data()
    with ActiVisLogger(tmp_path, model, (x, y), health=1) as activis:
        activis.log(0)
        model.eval()
        with torch.no_grad():
            model(100 * x)
        model.train()
        train(model, optimizer, 1)
    assert open_run(tmp_path).health.of("activation_norm", "conv")[0] < 20


def test_steps_go_on_where_a_checkpoint_was(tmp_path: Path):
    model, optimizer = begun()
    with ActiVisLogger(tmp_path, model, health=2):
        train(model, optimizer, 10)
    with ActiVisLogger(tmp_path, model, health=2) as activis:
        activis.training_step = 6
        train(model, optimizer, 6)
        assert activis.training_step == 12
    assert open_run(tmp_path).health.steps.tolist() == [0, 2, 4, 6, 8, 10]


def test_another_models_optimizer_counts_nothing(tmp_path: Path):
    model, optimizer = begun()
    other, its_optimizer = begun()
    with ActiVisLogger(tmp_path, model, health=1) as activis:
        train(other, its_optimizer, 3)
        assert activis.training_step == 0
        train(model, optimizer, 2)
    assert open_run(tmp_path).health.steps.tolist() == [0, 1]


def test_copies_of_the_model_have_no_working_hooks(tmp_path: Path):
    model, optimizer = begun()
    with ActiVisLogger(tmp_path, model, health=1):
        train(model, optimizer, 1)
        for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            copied(1000 * data()[0])
        train(model, optimizer, 1)
    assert open_run(tmp_path).health.of("activation_norm", "conv")[1] < 20


def mixture() -> nn.Module:
    class Mixture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate, self.top_k = nn.Linear(8, 4), 2
            self.experts = nn.ModuleList(nn.Linear(8, 3) for _ in range(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            weights, chosen = self.gate(x).softmax(-1).topk(2, dim=-1)
            out = torch.stack([expert(x) for expert in self.experts], dim=1)
            return (out.gather(1, chosen[..., None].expand(-1, -1, 3)) * weights[..., None]).sum(dim=1)

    return Mixture()


def test_the_load_of_experts(tmp_path: Path):
    model, optimizer = begun(mixture)
    with torch.no_grad():
        model.gate.bias[2] = 100.0  # type: ignore[union-attr, operator]
    x = torch.randn(50, 8)
    with ActiVisLogger(tmp_path, model, health=1):
        for _ in range(12):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    run = open_run(tmp_path)
    gate = next(layer for layer in run.health.layers if layer.name == "gate")
    assert (gate.experts, gate.chosen) == (4, 2)
    assert (run.health.of("expert_load", "gate") == 1).all()
    assert "expert-collapse" in {mark.kind for mark in run.health_marks()}


def test_loads_of_hugging_faces_mixture_are_those_of_its_router(tmp_path: Path):
    t = pytest.importorskip("transformers")
    config = t.MixtralConfig(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        num_local_experts=4,
        num_experts_per_tok=2,
    )
    model, optimizer = begun(lambda: t.MixtralForCausalLM(config))
    tokens = torch.randint(0, 50, (3, 7))
    chosen: list[np.ndarray] = []
    (path, router) = next((name, module) for name, module in model.named_modules() if name.endswith(".gate"))

    def choose(module: nn.Module, args: Any, output: Any) -> None:
        """Transformers 5 gives what it chose in a tuple; 4 gives the scores, of which the block takes the largest."""
        best = output[2] if isinstance(output, tuple) else output.softmax(-1).topk(2).indices
        chosen.append(best.numpy().copy())

    router.register_forward_hook(choose)
    with ActiVisLogger(tmp_path, model, health=1):
        loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        optimizer.step()
    health = open_run(tmp_path).health
    expected = np.bincount(chosen[0].ravel(), minlength=4).max() / 21
    assert health.of("expert_load", path)[0] == pytest.approx(expected, rel=DIGITS)
    assert health.loss[0] == pytest.approx(loss.item(), rel=1e-5, abs=1e-5)


def test_a_compiled_model_has_gradients_and_says_what_it_has_not(tmp_path: Path):
    model, optimizer = begun()
    compiled = torch.compile(model, backend="eager")
    with ActiVisLogger(tmp_path, compiled, health=1):  # type: ignore[arg-type]
        train(compiled, optimizer, 5)  # type: ignore[arg-type]
    health = open_run(tmp_path).health
    assert health.steps.tolist() == [0, 1, 2, 3, 4]
    assert np.isfinite(health.of("gradient_norm", "fc1")).all()
    if np.isnan(health.of("activation_rms", "fc1")).all():
        assert "torch.compile" in health.notes[0]


@pytest.mark.parametrize("health", [0, -1, 1.5, "yes"])
def test_a_wrong_interval_is_refused(tmp_path: Path, health: object):
    with pytest.raises(ConfigurationError, match="health must be True, False, or a number"):
        ActiVisLogger(tmp_path, Net(), health=health)  # type: ignore[arg-type]


def test_a_full_disk_costs_health_and_not_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model, optimizer = begun()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with ActiVisLogger(tmp_path, model, health=1):
        monkeypatch.setattr("tensorboard_activis.capture.session.Session.write_health", full)
        with pytest.warns(UserWarning, match="lost the training health of steps 0 to") as warned:
            train(model, optimizer, 150)
            monkeypatch.undo()
        assert len(warned) == 1
    health: Health = open_run(tmp_path).health
    assert health.steps[-1] == 149
