"""What the callback for Lightning takes of a validation's steps, whatever the module is made of."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

if importlib.util.find_spec("lightning") is None:
    pytest.skip("needs lightning", allow_module_level=True)

import lightning.pytorch as pl
from torchmetrics.classification import MulticlassAccuracy

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning
from tests.lightning_witness import LAYERS, Witness, activis, hooked
from tests.small_lightning import CLASSES, IGNORED_WARNINGS, Module, Parts, X, Y, train
from tests.torch.generating import NO_PASS

pytestmark = IGNORED_WARNINGS


class Headless(pl.LightningModule):
    """Has no forward; the whole network is one part."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Module()

    def step(self, batch: Any) -> torch.Tensor:
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return self.step(batch)

    def validation_step(self, batch: Any, index: int) -> None:
        self.step(batch)

    configure_optimizers = Module.configure_optimizers


def run_parts(module: Any) -> Any:
    return lambda inputs: module.head(module.body(inputs))


def test_steps_that_call_parts_of_the_module(tmp_path: Path) -> None:
    witness = Witness()
    train(tmp_path, Parts(), activis(tmp_path), witness)
    run = open_run(tmp_path)
    assert run.steps == [4, 8]
    for step in run.steps:
        witness.expect(run.snapshot(step))


@pytest.mark.parametrize("layers", [None, [f"model.{name}" for name in LAYERS]])
def test_modules_without_forward(tmp_path: Path, layers: Any) -> None:
    witness = Witness()
    train(tmp_path, Headless(), activis(tmp_path, layers=layers), witness)
    snapshot = open_run(tmp_path).latest
    names = [f"model.{name}" for name in LAYERS]
    assert layers is None or list(snapshot.layers) == names
    inputs, labels = witness.tensors(8)
    module = Headless()
    module.load_state_dict(witness.weights[8])
    values = hooked(module, names, inputs, module.model)
    order = snapshot.instances["id"].to_pylist()
    for name in names if layers else set(names) & set(snapshot.layers):
        np.testing.assert_allclose(snapshot.activations(name), values[name][order], rtol=2e-3, atol=2e-4)
    prediction = values[names[-1]].argmax(1)
    assert snapshot.instances["prediction"].to_pylist() == prediction[order].tolist()
    assert snapshot.record.metrics["accuracy"] == pytest.approx((prediction == labels.numpy()).mean())


class Generates(Headless):
    """Its steps also generate with the network, before or after the loss, or do nothing else."""

    def __init__(self, order: str) -> None:
        super().__init__()
        self.order = order
        self.model.generate = self.generate

    def generate(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            x = 2 * x + self.model(x).sum()
        return x

    def validation_step(self, batch: Any, index: int) -> None:
        for what in self.order.split():
            self.step(batch) if what == "loss" else self.model.generate(batch[0])


@pytest.mark.parametrize("order", ["generate loss", "loss generate"])
def test_what_a_step_generates_is_not_taken(tmp_path: Path, order: str) -> None:
    witness, names = Witness(), [f"model.{name}" for name in LAYERS]
    train(tmp_path, Generates(order), activis(tmp_path, layers=names), witness)
    for step in (4, 8):
        snapshot = open_run(tmp_path).snapshot(step)
        inputs, labels = witness.tensors(step)
        module = Headless()
        module.load_state_dict(witness.weights[step])
        values = hooked(module, names, inputs, module.model)
        ids = snapshot.instances["id"].to_pylist()
        for name in names:
            np.testing.assert_allclose(snapshot.activations(name), values[name][ids], rtol=2e-3, atol=2e-4)
        assert snapshot.instances["prediction"].to_pylist() == values[names[-1]].argmax(1)[ids].tolist()
        assert snapshot.instances["label"].to_pylist() == labels[ids].tolist()


def test_steps_that_only_generate_are_told_what_helps(tmp_path: Path) -> None:
    with pytest.warns(ActiVisWarning, match="lost the snapshot of step 4.*" + re.escape(NO_PASS)):
        train(tmp_path, Generates("generate"), activis(tmp_path, layers=None, strict=False), num_sanity_val_steps=0)
    assert not list(tmp_path.rglob("*.safetensors"))


class Measured(Headless):
    """Its loss and its metric are modules, which run behind the network."""

    def __init__(self) -> None:
        super().__init__()
        self.criterion = nn.CrossEntropyLoss()
        self.accuracy = MulticlassAccuracy(CLASSES)

    def validation_step(self, batch: Any, index: int) -> None:
        logits = self.model(batch[0])
        self.log("val_loss", self.criterion(logits, batch[1]))
        self.accuracy(logits, batch[1])
        self.log("val_accuracy", self.accuracy)


class MeasuredForward(Measured):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.model(inputs)
        return out

    def validation_step(self, batch: Any, index: int) -> None:
        logits = self(batch[0])
        self.accuracy(logits, batch[1])
        self.log_dict({"val_accuracy": self.accuracy, "val_loss": self.criterion(logits, batch[1])})


@pytest.mark.parametrize("kind", [Measured, MeasuredForward])
def test_losses_and_metrics_that_are_modules(tmp_path: Path, kind: Any) -> None:
    metrics = []
    for callbacks in ([], [activis(tmp_path, layers=None)]):
        witness = Witness()
        made = train(tmp_path, kind(), *callbacks, witness)
        metrics.append({name: value.item() for name, value in made.callback_metrics.items()})
    assert metrics[0] == metrics[1]
    snapshot = open_run(tmp_path).latest
    assert not [name for name in snapshot.layers if name.startswith(("criterion", "accuracy"))]
    module = kind()
    module.load_state_dict(witness.weights[8])
    logits = hooked(module, ["model.head"], X, module.model)["model.head"]
    order = snapshot.instances["id"].to_pylist()
    np.testing.assert_allclose(snapshot.activations("model.head"), logits[order], rtol=2e-3, atol=2e-4)
    assert snapshot.instances["prediction"].to_pylist() == logits.argmax(1)[order].tolist()
    assert snapshot.record.metrics["accuracy"] == pytest.approx((logits.argmax(1) == Y.numpy()).mean())


def test_steps_of_other_signatures(tmp_path: Path) -> None:
    class Short(Module):
        def validation_step(self, batch: Any) -> None:  # type: ignore[override]
            super().validation_step(batch, 0)

    class Decorated(Module):
        @torch.no_grad()
        def validation_step(self, *arguments: Any, **named: Any) -> None:
            super().validation_step(*arguments, **named)

    for number, kind in enumerate((Short, Decorated)):
        witness = Witness()
        train(tmp_path, kind(), activis(tmp_path / str(number)), witness)
        witness.expect(open_run(tmp_path / str(number)).latest)


def test_a_module_that_validates_in_training_mode_says_so(tmp_path: Path) -> None:
    class Training(Module):
        def on_validation_model_eval(self) -> None:
            self.train()

    with pytest.warns(ActiVisWarning, match="training mode"):
        train(tmp_path, Training(), activis(tmp_path, strict=False), num_sanity_val_steps=0)
    assert not list(tmp_path.rglob("step-*"))


class Twice(Module):
    """Averages over two views of each batch."""

    def validation_step(self, batch: Any, index: int) -> None:
        self.log("val_loss", nn.functional.cross_entropy((self(batch[0] * 2) + self(batch[0])) / 2, batch[1]))


def test_two_passes_for_a_batch_leave_one(tmp_path: Path) -> None:
    """The last one counts, which is said."""
    witness = Witness()
    train(tmp_path, Twice(), activis(tmp_path), witness)
    snapshot = open_run(tmp_path).latest
    witness.expect(snapshot)
    assert "The model ran up to 2 times in a batch; the last pass over all of it counts." in snapshot.notes


class Manual(Module):
    """Two optimizers that take turns by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, index: int) -> None:  # type: ignore[override]
        for optimizer in self.optimizers():
            optimizer.zero_grad()
            self.manual_backward(nn.functional.cross_entropy(self(batch[0]), batch[1]))
            optimizer.step()

    def configure_optimizers(self) -> Any:
        return [torch.optim.Adam(self.body.parameters(), 0.01), torch.optim.SGD(self.head.parameters(), 0.01)]


def test_manual_optimization(tmp_path: Path) -> None:
    witness = Witness()
    train(tmp_path, Manual(), activis(tmp_path), witness)
    run = open_run(tmp_path)
    assert run.steps == [8, 16]
    for step in run.steps:
        witness.expect(run.snapshot(step))


class Adversarial(Manual):
    """A generator and a discriminator; a validation step runs both, and the discriminator on real and made-up instances."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5))
        self.discriminator = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.generator(noise)
        return out

    def training_step(self, batch: Any, index: int) -> None:  # type: ignore[override]
        for optimizer, sign in zip(self.optimizers(), (1, -1), strict=True):
            optimizer.zero_grad()
            self.manual_backward(sign * self.discriminator(self(batch[0][:, :4])).mean())
            optimizer.step()

    def validation_step(self, batch: Any, index: int) -> None:
        made = self(batch[0][:, :4])
        self.log("val_real", self.discriminator(batch[0]).mean() - self.discriminator(made).mean())

    def configure_optimizers(self) -> Any:
        parts = (self.generator, self.discriminator)
        return [torch.optim.SGD(part.parameters(), 0.01) for part in parts]


def test_networks_that_are_trained_against_each_other(tmp_path: Path) -> None:
    witness = Witness()
    train(tmp_path, Adversarial(), activis(tmp_path, layers=["generator.1", "generator.2"], task="none"), witness)
    snapshot = open_run(tmp_path).latest
    module = Adversarial()
    module.load_state_dict(witness.weights[16])
    values = hooked(module, ["generator.1", "generator.2"], witness.tensors(16)[0][:, :4])
    order = snapshot.instances["id"].to_pylist()
    for name, expected in values.items():
        np.testing.assert_allclose(snapshot.activations(name), expected[order], rtol=2e-3, atol=2e-4)


def test_a_compiled_module(tmp_path: Path) -> None:
    """It runs uncompiled while it is watched; a backend that compiles nothing gives the same numbers."""
    witness = Witness()
    module: Any = Module()
    compiled = torch.compile(module, backend="eager")
    train(tmp_path, compiled, activis(tmp_path), witness)
    witness.expect(open_run(tmp_path).latest)
    assert module.validation_step is not None
    assert "validation_step" in vars(module)  # Lightning's compiled one


def test_a_compiled_part(tmp_path: Path) -> None:
    class Compiled(Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = torch.compile(self.body, backend="eager")  # type: ignore[assignment]

    witness = Witness()
    train(tmp_path, Compiled(), activis(tmp_path, layers=None), witness)
    snapshot = open_run(tmp_path).latest
    module = Compiled()
    module.load_state_dict(witness.weights[8])
    values = hooked(module, ["head"], X)["head"]
    order = snapshot.instances["id"].to_pylist()
    np.testing.assert_allclose(snapshot.activations("head"), values[order], rtol=2e-3, atol=2e-4)
    assert snapshot.record.seen == 23
