"""Effects of evaluations that are watched: errors are run again when these are over, as they ran in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.effects import Cnn, errors_of, images, plain_gradients


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(5)


def test_an_evaluation_in_inference_mode(tmp_path: Path) -> None:
    model, (x, y) = Cnn(), images()
    model.hidden.weight.grad = torch.ones_like(model.hidden.weight)
    with ActiVisLogger(tmp_path, model, effects="tried", effects_share=1.0, layers=["act", "hidden"]) as activis:
        for step in (1, 2):
            model.eval()
            with activis.watch(step) as watched, torch.inference_mode():
                for begin in range(0, 60, 9):
                    model(x[begin : begin + 9])
                    watched.batch(labels=y[begin : begin + 9])
            state = torch.get_rng_state()
            model.train()
            assert torch.equal(torch.get_rng_state(), state)
    assert (model.hidden.weight.grad == 1).all()
    assert model.conv.weight.grad is None
    _, plain = plain_gradients(model, x, y, ["act", "hidden"])
    for step in (1, 2):
        snapshot = open_run(tmp_path).snapshot(step)
        assert not snapshot.notes
        for layer, (output, gradient) in plain.items():
            effects, ids = snapshot.gradient_effects(layer), errors_of(snapshot, layer)
            over = tuple(range(2, output.ndim))
            np.testing.assert_allclose(effects.gradient, gradient.sum(over)[ids], rtol=1e-4, atol=1e-5)
            assert snapshot.tried_effects(layer).rows.size == 32


def test_a_watch_that_ends_in_inference_mode(tmp_path: Path) -> None:
    model, (x, y) = Cnn(), images()
    model.eval()
    with (
        ActiVisLogger(
            tmp_path, model, effects="gradients", effects_share=1.0, layers=["hidden"], strict=True
        ) as activis,
        torch.inference_mode(),
        activis.watch(1) as watched,
    ):
        model(x.clone())
        watched.batch(labels=y)
        assert torch.is_inference_mode_enabled()
    snapshot = open_run(tmp_path).latest
    _, plain = plain_gradients(model, x, y, ["hidden"])
    np.testing.assert_allclose(
        snapshot.gradient_effects("hidden").gradient,
        plain["hidden"][1][errors_of(snapshot, "hidden")],
        rtol=1e-4,
        atol=1e-5,
    )


def test_autocast_is_as_it_was_in_the_evaluation(tmp_path: Path) -> None:
    model, (x, y) = Cnn(), images()
    model.eval()
    dtypes = []
    model.head.register_forward_hook(
        lambda module, args, output: dtypes.append((torch.is_grad_enabled(), output.dtype))
    )
    with ActiVisLogger(
        tmp_path, model, effects="gradients", effects_share=1.0, layers=["hidden"], strict=True
    ) as activis:
        with activis.watch(1) as watched, torch.no_grad():
            for part, labels in zip(x.split(13), y.split(13), strict=True):
                with torch.autocast("cpu", torch.bfloat16):
                    model(part)
                watched.batch(labels=labels)  # outside of it
        assert not torch.is_autocast_enabled("cpu")
    assert (True, torch.bfloat16) in dtypes
    assert (True, torch.float32) not in dtypes
    snapshot = open_run(tmp_path).latest
    _, plain = plain_gradients(model, x, y, ["hidden"])
    expected = plain["hidden"][1][errors_of(snapshot, "hidden")]
    same = np.isclose(snapshot.gradient_effects("hidden").gradient, expected, rtol=0.05, atol=0.01).all(1)
    assert same.mean() > 0.9  # where bfloat16 does not change which other class is the highest


def test_weights_that_changed_before_the_end_cost_the_effects(tmp_path: Path) -> None:
    model, (x, y) = Cnn(), images()
    model.eval()
    with (
        ActiVisLogger(tmp_path, model, effects="gradients", effects_share=1.0, layers=["hidden"]) as activis,
        activis.watch(1) as watched,
    ):
        model(x)
        watched.batch(labels=y)
        with torch.no_grad():  # as where averaged weights are taken out again
            for parameter in model.parameters():
                parameter.mul_(-3)
    snapshot = open_run(tmp_path).latest
    effects = snapshot.gradient_effects("hidden")
    assert effects.rows.size < effects.wrong / 3
    assert any("where its weights were changed since" in note for note in snapshot.notes)


@pytest.mark.parametrize("wrapped", ["compiled", "parallel"])
def test_wrapped_models(tmp_path: Path, wrapped: str) -> None:
    model, (x, y) = Cnn(), images()
    model.eval()
    outer: Any = torch.compile(model, backend="eager") if wrapped == "compiled" else torch.nn.DataParallel(model)
    with (
        ActiVisLogger(
            tmp_path, outer, effects="gradients", effects_share=1.0, layers=["hidden"], strict=True
        ) as activis,
        activis.watch(1) as watched,
        torch.no_grad(),
    ):
        outer(x)
        watched.batch(labels=y)
    snapshot = open_run(tmp_path).latest
    _, plain = plain_gradients(model, x, y, ["hidden"])
    np.testing.assert_allclose(
        snapshot.gradient_effects("hidden").gradient,
        plain["hidden"][1][errors_of(snapshot, "hidden")],
        rtol=1e-4,
        atol=1e-5,
    )


def test_batches_with_several_lengths_and_other_arguments(tmp_path: Path) -> None:
    """Inputs whose shapes differ from batch to batch, a tensor that is no instance's, a number, and time as the first axis."""

    class Sequences(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step, self.head = torch.nn.Linear(3, 6), torch.nn.Linear(6, 4)

        def forward(self, x: torch.Tensor, offset: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
            logits: torch.Tensor = self.head(torch.tanh(self.step(x * scale + offset)).mean(0))
            return logits

    model = Sequences().eval()
    generator, offset = torch.Generator().manual_seed(0), torch.tensor([0.5, -0.5, 0.25])
    batches = [
        (torch.randn(length, 8, 3, generator=generator), torch.randint(0, 4, (8,), generator=generator))
        for length in (5, 7, 5, 6, 7)
    ]
    with (
        ActiVisLogger(tmp_path, model, effects="gradients", effects_share=1.0, layers=["step", "head"]) as activis,
        activis.watch(1) as watched,
        torch.no_grad(),
    ):
        for x, y in batches:
            model(x, offset, scale=2.0)
            watched.batch(labels=y)
    snapshot = open_run(tmp_path).latest
    assert not snapshot.notes
    effects, ids = snapshot.gradient_effects("step"), errors_of(snapshot, "step")
    assert ids.size > 10
    for number, (x, y) in enumerate(batches):
        outputs = model.step(x * 2 + offset)
        outputs.retain_grad()
        logits = model.head(torch.tanh(outputs).mean(0))
        rows = torch.arange(8)
        others = logits.clone()
        others[rows, y] = -torch.inf
        (logits[rows, y] - others.amax(1)).sum().backward()
        for place, instance in enumerate(ids):
            if number * 8 <= instance < number * 8 + 8:
                expected = outputs.grad[:, instance - number * 8].sum(0)
                np.testing.assert_allclose(effects.gradient[place], expected, rtol=1e-4, atol=1e-5)
