"""What the callback for Lightning takes of a validation: the passes of its steps, whatever the module is made of, no others."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

if importlib.util.find_spec("lightning") is None:
    pytest.skip("needs lightning", allow_module_level=True)

import lightning.pytorch as pl
from torchmetrics.classification import MulticlassAccuracy

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tests.lightning_witness import LAYERS, Witness, activis, expect, hooked
from tests.small_lightning import CLASSES, Module, X, Y, fit, loader, trainer

pytestmark = [
    # Lightning's advice on data loaders, of no use for a few rows; its use of what torch is giving up.
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
    pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.. is deprecated:FutureWarning"),
]


def train(where: Path, module: Any, *callbacks: Any, data: Any = None, **options: Any) -> Any:
    made = trainer(where, *callbacks, **options)
    torch.manual_seed(1)
    made.fit(module, loader(), loader() if data is None else data)
    return made


class Parts(Module):
    """Its steps call parts of it, and never the module itself."""

    def step(self, batch: Any) -> torch.Tensor:
        return nn.functional.cross_entropy(self.head(self.body(batch[0])), batch[1])

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return self.step(batch)

    def validation_step(self, batch: Any, index: int) -> None:
        self.log("val_loss", self.step(batch))


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
    """The last one counts."""
    witness = Witness()
    train(tmp_path, Twice(), activis(tmp_path), witness)
    witness.expect(open_run(tmp_path).latest)


class Sampling(Module):
    """Predicts something of its own in every hook around the steps."""

    def sample(self) -> None:
        assert not self.training
        with torch.no_grad():
            self(torch.full((6, 5), 9.0))
            self.head(torch.full((6, 7), 9.0))

    def on_validation_start(self) -> None:
        self.sample()

    def on_validation_epoch_start(self) -> None:
        self.sample()

    def on_validation_batch_start(self, batch: Any, index: int) -> None:
        self.sample()

    def on_validation_batch_end(self, outputs: Any, batch: Any, index: int) -> None:
        self.sample()

    def on_validation_epoch_end(self) -> None:
        self.sample()

    def on_validation_end(self) -> None:
        self.sample()


class Predicting(pl.Callback):
    def on_validation_batch_start(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        pl_module.sample()

    def on_validation_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        pl_module.sample()


@pytest.mark.parametrize("first", [True, False])
def test_passes_in_hooks_are_not_taken(tmp_path: Path, first: bool) -> None:
    witness = Witness()
    callbacks = [activis(tmp_path), Predicting()]
    made = train(tmp_path, Sampling(), *(callbacks if first else callbacks[::-1]), witness)
    made.predict(made.lightning_module, DataLoader([X[:6], X[6:]], batch_size=None))  # type: ignore[arg-type]
    run = open_run(tmp_path)
    assert run.steps == [4, 8]
    for step in run.steps:
        witness.expect(run.snapshot(step))


def test_passes_in_training_mode_are_not_taken(tmp_path: Path) -> None:
    class Uncertain(Module):
        def validation_step(self, batch: Any, index: int) -> None:
            self.body[3].train()
            self.train()
            with torch.no_grad():
                self(batch[0] * 5)
            self.eval()
            super().validation_step(batch, index)

    witness = Witness()
    # The passes in training mode change the statistics of the normalisation, before each batch is validated.
    train(tmp_path, Uncertain(), activis(tmp_path, layers=["body.0"]), witness)
    snapshot = open_run(tmp_path).latest
    order = snapshot.instances["id"].to_pylist()
    module = Module()
    module.load_state_dict(witness.weights[8])
    expected = hooked(module, ["body.0"], X)["body.0"]
    np.testing.assert_allclose(snapshot.activations("body.0"), expected[order], rtol=2e-3, atol=2e-4)
    assert snapshot.record.seen == 23


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


@dataclass
class Pair:
    x: torch.Tensor
    y: torch.Tensor


class Opaque:
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.pair = x, y


def collated(form: Any, rows: int = 19) -> Any:
    """Batches of a form; the last one has a single instance unless told otherwise."""

    def collate(chosen: Any) -> Any:
        x, y = zip(*chosen, strict=True)
        return form(torch.stack(x), torch.stack(y))

    return DataLoader(TensorDataset(X[:rows], Y[:rows]), 6, collate_fn=collate)


FORMS: dict[str, tuple[Any, Any, Any]] = {
    # what makes a batch of inputs and labels, how a step gets them back, and unpack=
    "pair": (lambda x, y: (x, y), lambda batch: batch, None),
    "dict": (lambda x, y: {"x": x, "label": y}, lambda batch: (batch["x"], batch["label"]), None),
    "dataclass": (Pair, lambda batch: (batch.x, batch.y), None),
    "object": (Opaque, lambda batch: batch.pair, lambda batch: batch.pair),
    "three": (lambda x, y: (x, y, y * 0), lambda batch: batch[:2], lambda batch: batch[:2]),
    "nested": (
        lambda x, y: {"image": x, "target": {"class": y, "box": x[:, :4]}},
        lambda batch: (batch["image"], batch["target"]["class"]),
        lambda batch: (batch["image"], batch["target"]["class"]),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_batches(tmp_path: Path, name: str) -> None:
    make, split, unpack = FORMS[name]

    class Formed(Module):
        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return super().training_step(list(split(batch)), index)

        def validation_step(self, batch: Any, index: int) -> None:
            self(split(batch)[0])

    witness = Witness()
    made = trainer(tmp_path, activis(tmp_path, unpack=unpack), witness)
    made.fit(Formed(), collated(make, 18), collated(make))
    snapshot = open_run(tmp_path).latest
    assert snapshot.record.seen == 19
    expect(snapshot, witness.weights[6], X[:19], Y[:19])


@pytest.mark.parametrize("checks", [2, 0])
def test_a_batch_of_an_unknown_form(tmp_path: Path, checks: int) -> None:
    class Unknown(Module):
        def validation_step(self, batch: Any, index: int) -> None:
            self(batch.pair[0])

    made = trainer(tmp_path, activis(tmp_path, strict=False), num_sanity_val_steps=checks)
    if checks:
        with pytest.raises(ConfigurationError, match="unpack="):
            made.fit(Unknown(), loader(), collated(Opaque))
        assert made.global_step == 0
    else:
        with pytest.warns(ActiVisWarning, match="unpack="):
            made.fit(Unknown(), loader(), collated(Opaque))
        assert made.global_step == 8


def test_functions_of_a_batch_get_it_as_the_step_does(tmp_path: Path) -> None:
    class Moved(Module):
        def on_after_batch_transfer(self, batch: Any, index: int) -> Any:
            return [batch[0] + 1, batch[1], torch.arange(len(batch[0])) + 100 * batch[0][:, 0].long()]

    callback = activis(
        tmp_path,
        unpack=lambda batch: batch[:2],
        id=lambda batch: [f"{row:.4f}" for row in batch[0][:, 0].tolist()],
        columns=lambda batch: {"third": batch[2].tolist()},
    )
    witness = Witness()
    train(tmp_path, Moved(), callback, witness)
    snapshot = open_run(tmp_path).latest
    inputs, labels = witness.tensors(8)
    torch.testing.assert_close(inputs, X + 1)
    names = [f"{row:.4f}" for row in inputs[:, 0].tolist()]
    expect(snapshot, witness.weights[8], inputs, labels, ids=names)
    third = torch.cat([batch[2] for batch in witness.batches[8, 0]]).tolist()
    assert [third[names.index(one)] for one in snapshot.instances["id"].to_pylist()] == snapshot.instances[
        "third"
    ].to_pylist()


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


class Counter(pl.Callback):
    """Counts the instances that the first layer sees in evaluation mode."""

    def __init__(self) -> None:
        self.instances = self.passes = 0

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        self.handle = pl_module.body[0].register_forward_hook(self.count)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        self.handle.remove()

    def count(self, module: nn.Module, args: Any, output: torch.Tensor) -> None:
        if not module.training:
            self.passes += 1
            self.instances += len(output)


@pytest.mark.parametrize("kind", [Module, Parts])
def test_no_forward_pass_besides_one_that_records_the_graph(tmp_path: Path, kind: Any) -> None:
    counts = []
    for callbacks in ([], [activis(tmp_path)]):
        counter = Counter()
        train(tmp_path, kind(), counter, *callbacks, max_epochs=5)
        counts.append((counter.passes, counter.instances))
    (passes, instances), (with_it, more) = counts
    assert passes == 2 + 5 * 4
    assert passes <= with_it <= passes + 4
    assert instances <= more <= instances + 64


class Recorded(Module):
    """Draws random numbers in its validation."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def validation_step(self, batch: Any, index: int) -> None:
        noise = torch.rand_like(batch[0]) * 0.1
        loss = nn.functional.cross_entropy(self(batch[0] + noise), batch[1])
        self.losses.append(loss.item())
        self.log("val_loss", loss)


@pytest.mark.parametrize("options", [{}, {"val_check_interval": 1}, {"inference_mode": False}])
def test_training_and_validation_are_bit_identical(tmp_path: Path, options: dict[str, Any]) -> None:
    ends = []
    for callbacks in ([], [activis(tmp_path, layers=None)]):
        module = Recorded()
        made = trainer(tmp_path, *callbacks, **options)
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        made.fit(module, loader(shuffle=True), loader())
        state = made.optimizers[0].state_dict()["state"]
        tensors = [*module.state_dict().values(), *(one for part in state.values() for one in part.values())]
        ends.append(
            {
                "weights and optimizer": torch.cat([tensor.double().flatten() for tensor in tensors]).tolist(),
                "losses": module.losses,
                "logged": made.callback_metrics["val_loss"].item(),
                "random": (torch.rand(3).tolist(), np.random.rand(3).tolist()),  # noqa: NPY002
                "modes": [part.training for part in module.modules()],
            }
        )
    assert ends[0] == ends[1]


def test_mixed_precision_is_that_of_the_validation(tmp_path: Path) -> None:
    _, model = fit(tmp_path, activis(tmp_path, pinned=(X[:2] * 2, Y[:2])), precision="bf16-mixed")
    snapshot = open_run(tmp_path).latest
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        model.eval()
        expected, pinned = model(X).float(), model(X[:2] * 2).float()
    np.testing.assert_allclose(snapshot.summary("head").mean[0], expected.mean(0), rtol=1e-5)
    np.testing.assert_array_equal(snapshot.activations("head")[-2:], pinned.numpy())
