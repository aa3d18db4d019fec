"""The callback for Lightning takes only the passes of the validation's steps, adds few, and changes nothing in training."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

if importlib.util.find_spec("lightning") is None:
    pytest.skip("needs lightning", allow_module_level=True)

import lightning.pytorch as pl

from tensorboard_activis import open_run
from tests.lightning_witness import Witness, activis, expect, hooked
from tests.small_lightning import IGNORED_WARNINGS, Module, Parts, X, Y, fit, loader, train, trainer

pytestmark = IGNORED_WARNINGS


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
    two = [activis(tmp_path / "two" / name, layers=None) for name in "ab"]
    for callbacks in ([], [activis(tmp_path, layers=None)], two):
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
    assert ends[0] == ends[1] == ends[2]


@pytest.mark.parametrize("kind", [Module, Parts])
def test_two_callbacks_watch_one_module(tmp_path: Path, kind: Any) -> None:
    """Each has the passes of the validation and no others, whichever comes first, also where one logs fewer validations."""

    class Several(kind):
        def validation_step(self, batch: Any, index: int, dataloader_idx: int = 0) -> None:
            super().validation_step(batch, index)

    witness, module = Witness(), Several()
    every, second = activis(tmp_path / "every"), activis(tmp_path / "second", every_n_epochs=2)
    own = activis(tmp_path / "own", data=[(X + 1, Y)], every_n_epochs=2)
    callbacks = [second, every] if kind is Parts else [every, own, second]
    validations = {"a": loader(), "b": loader(rows=17)}
    train(tmp_path, module, witness, *callbacks, data=validations)
    for name, steps in (("every", [4, 8]), ("second", [8])):
        for number, part in enumerate(validations):
            run = open_run(tmp_path / name / part)
            assert run.steps == steps
            for step in steps:
                witness.expect(run.snapshot(step), number)
    if kind is Module:
        expect(open_run(tmp_path / "own").snapshot(8), module.state_dict(), X + 1, Y)
    assert not {"validation_step", "on_load_checkpoint"} & vars(module).keys()
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_mixed_precision_is_that_of_the_validation(tmp_path: Path) -> None:
    _, model = fit(tmp_path, activis(tmp_path, pinned=(X[:2] * 2, Y[:2])), precision="bf16-mixed")
    snapshot = open_run(tmp_path).latest
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        model.eval()
        expected, pinned = model(X).float(), model(X[:2] * 2).float()
    np.testing.assert_allclose(snapshot.summary("head").mean[0], expected.mean(0), rtol=2e-2, atol=1e-2)
    found = snapshot.activations("head").astype(np.float32)
    np.testing.assert_allclose(found[-2:], pinned, rtol=2e-2, atol=1e-2)
    assert np.array_equal(
        torch.from_numpy(found).bfloat16().float(), found
    )  # computed in bfloat16, as no float32 would be


@pytest.mark.parametrize("loaded", [False, True])
def test_reading_the_step_of_a_checkpoint_leaves_the_module_as_it_was(tmp_path: Path, loaded: bool) -> None:
    class Loading(Module):
        def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            steps.append(checkpoint.pop("global_step"))

    steps: list[int] = []
    fit(tmp_path)[0].save_checkpoint(tmp_path / "last.ckpt")
    module = Loading()
    made = trainer(tmp_path, activis(tmp_path / "run"), activis(tmp_path / "data", data=(X, Y)))
    made.validate(module, loader(), ckpt_path=str(tmp_path / "last.ckpt") if loaded else None, verbose=False)
    assert open_run(tmp_path / "run").steps == [8 if loaded else 0]
    assert steps == [8] * loaded
    assert not {"on_load_checkpoint", "validation_step"} & vars(module).keys()
