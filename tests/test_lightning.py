"""The callback for Lightning: right numbers, training untouched, the logger's directory by itself."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError

if importlib.util.find_spec("lightning") is None:
    pytest.skip("needs lightning", allow_module_level=True)

import lightning.pytorch as pl
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from tensorboard_activis.lightning import ActiVisCallback
from tests.small_lightning import CLASSES, IGNORED_WARNINGS, Module, X, Y, fit, loader, trainer

pytestmark = IGNORED_WARNINGS


def test_numbers_with_the_trainers_own_validation_loader(tmp_path: Path) -> None:
    activis = ActiVisCallback(log_dir=tmp_path, layers=["body.0", "body.2", "head"], strict=True)
    _, model = fit(tmp_path, activis)
    run = open_run(tmp_path)
    assert run.steps == [4, 8]  # nothing of the sanity check
    raw: dict[str, np.ndarray] = {}
    for name in ("body.0", "body.2", "head"):
        model.get_submodule(name).register_forward_hook(
            lambda module, args, out, name=name: raw.update({name: out.clone().numpy()})
        )
    with torch.no_grad():
        model.eval()(X)
    snapshot = run.snapshot(8)
    order = np.asarray(snapshot.instances["id"])
    for name, values in raw.items():
        summary = snapshot.summary(name)
        np.testing.assert_allclose(summary.mean[0], values.mean(0), rtol=1e-5, atol=1e-5)
        for label in range(CLASSES):
            np.testing.assert_allclose(
                summary.mean[1 + label], values[Y.numpy() == label].mean(0), rtol=1e-5, atol=1e-5
            )
        np.testing.assert_allclose(snapshot.activations(name), values[order], rtol=1e-3, atol=1e-4)
    correct = (raw["head"].argmax(1) == Y.numpy()).mean()
    assert snapshot.record.metrics["accuracy"] == pytest.approx(correct)


def test_training_is_bit_identical_with_and_without(tmp_path: Path) -> None:
    states = []
    for callbacks in (
        [],
        [ActiVisCallback(log_dir=tmp_path / "a", strict=True)],
        [ActiVisCallback((X[:7], Y[:7]), log_dir=tmp_path / "b", every_n_steps=1, strict=True)],
    ):
        _, model = fit(tmp_path, *callbacks)
        assert model.body[1].num_batches_tracked == 8
        states.append(torch.cat([value.double().flatten() for value in model.state_dict().values()]))
        states[-1] = torch.cat([states[-1], torch.rand(3).double()])
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[0], states[2])
    assert open_run(tmp_path / "b").steps == list(range(1, 9))


def test_the_run_lies_beside_the_scalars(tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path, name="digits")
    fit(tmp_path, ActiVisCallback(strict=True), logger=logger)
    assert Path(logger.log_dir) == tmp_path / "digits" / "version_0"
    assert open_run(logger.log_dir).steps == [4, 8]
    assert len(list(Path(logger.log_dir).glob("events*"))) == 1
    again = TensorBoardLogger(tmp_path, name="digits")
    fit(tmp_path, ActiVisCallback(strict=True), logger=[CSVLogger(tmp_path), again], max_epochs=1)
    assert open_run(tmp_path / "digits" / "version_1").steps == [4]


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"every_n_epochs": 2}, [8, 16]),
        ({"every_n_steps": 3}, [3, 6, 9, 12, 15]),
        ({"every_n_steps": 100}, []),
    ],
)
def test_how_often(tmp_path: Path, options: dict[str, Any], steps: list[int]) -> None:
    fit(tmp_path, ActiVisCallback((X, Y), log_dir=tmp_path / "run", strict=True, **options), max_epochs=4)
    assert (open_run(tmp_path / "run").steps if steps else []) == steps


def test_accumulated_gradients_count_as_one_step(tmp_path: Path) -> None:
    activis = ActiVisCallback((X, Y), log_dir=tmp_path, every_n_steps=1, strict=True)
    fit(tmp_path, activis, max_epochs=1, accumulate_grad_batches=2)
    assert open_run(tmp_path).steps == [1, 2]


def test_the_sanity_check_and_a_fast_run_leave_nothing(tmp_path: Path) -> None:
    fit(tmp_path, ActiVisCallback(log_dir=tmp_path / "a"), max_steps=0, max_epochs=None)
    fit(tmp_path, ActiVisCallback(log_dir=tmp_path / "b"), fast_dev_run=True)
    assert not (tmp_path / "b").exists()
    assert not list(tmp_path.rglob("*tfevents*"))


class Headless(pl.LightningModule):
    training_step, validation_step = Module.training_step, Module.validation_step
    configure_optimizers = Module.configure_optimizers

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(5, CLASSES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"log_dir": None}, r"log_dir is needed, because the trainer has no TensorBoardLogger \(its loggers: none\)"),
        ({"layers": ["had"]}, "'had' matches none .* Near: head"),
        ({"layers": ["had"], "data": (X, Y)}, "'had' matches none .* Near: head"),
        ({"class_names": ["a", "b"]}, "class_names has 2 names, but the model gives 3 scores"),
        ({"data": (X, Y), "class_names": ["a", "b"]}, "class_names has 2 names, but the model gives 3 scores"),
        ({"data": (X[:, :4], Y)}, "forward pass failed on the first batch of data, in body.0"),
    ],
)
def test_errors_come_before_training(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    activis = ActiVisCallback(**({"log_dir": tmp_path / "run"} | options))
    model = Module()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    # What needs a batch of the trainer is said by the sanity check.
    made = trainer(tmp_path, activis, num_sanity_val_steps=0 if options.get("data") else 1)
    with pytest.raises(ConfigurationError, match=message):
        made.fit(model, loader(), loader())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    fit(tmp_path, ActiVisCallback(log_dir=tmp_path / "run"), max_epochs=1)  # the directory is free again


@pytest.mark.parametrize("keyword", ["data", "pinned"])
def test_passes_of_a_module_without_forward(tmp_path: Path, keyword: str) -> None:
    chosen: Any = {keyword: X}
    made = trainer(tmp_path, ActiVisCallback(log_dir=tmp_path, **chosen))
    with pytest.raises(
        ConfigurationError, match=rf"Headless has no forward, which {keyword}= needs\. Define forward\(self, x\)"
    ):
        made.fit(Headless(), loader(), loader())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every_n_epochs": 0}, "every_n_epochs must be a positive whole number; got 0"),
        ({"every_n_epochs": True}, "got True"),
        ({"every_n_steps": 2.5}, "every_n_steps must be a positive whole number; got 2.5"),
        ({"sample": 0}, "sample must be"),
        ({"subsets": {"a": "score <"}}, "wrong expression"),
        ({"reducer": {"head": "median"}}, "reducer must be one of"),
    ],
)
def test_errors_of_the_constructor(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ActiVisCallback(**options)


class Failing(TensorDataset):
    fails = False

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        if self.fails:
            raise OSError("the disk is gone")
        return super().__getitem__(index)


class Break(pl.Callback):
    def __init__(self, data: Failing, error: type[BaseException] | None = None) -> None:
        self.data, self.error = data, error

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.data.fails = trainer.current_epoch == 1
        if self.error is not None and self.data.fails:
            raise self.error("stop")


def test_a_fault_costs_a_snapshot_and_not_the_training(tmp_path: Path) -> None:
    data = Failing(X, Y)
    activis = ActiVisCallback(DataLoader(data, 6), log_dir=tmp_path)
    with pytest.warns(ActiVisWarning, match="lost the snapshot of step 8; .* the disk is gone"):
        made, _ = fit(tmp_path, Break(data), activis, max_epochs=3)
    assert made.global_step == 12
    assert open_run(tmp_path).steps == [4, 12]


def test_a_training_that_fails_lets_go_of_the_directory(tmp_path: Path) -> None:
    data = Failing(X, Y)
    with pytest.raises(ValueError, match="stop"):
        fit(tmp_path, Break(data, ValueError), ActiVisCallback(log_dir=tmp_path))
    assert open_run(tmp_path).steps == [4]
    fit(tmp_path, ActiVisCallback(log_dir=tmp_path), max_epochs=1)


class Failed(pl.Callback):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_train_batch_start(self, trainer: Any, *others: Any) -> None:
        if trainer.global_step == 5:
            raise self.error


@pytest.mark.parametrize("error", [ValueError("stop"), KeyboardInterrupt()])
def test_whatever_ends_a_training_the_directory_is_free(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises((ValueError, KeyboardInterrupt, SystemExit)):
        fit(tmp_path, ActiVisCallback(log_dir=tmp_path), Failed(error))
    fit(tmp_path, ActiVisCallback(log_dir=tmp_path, strict=True), max_epochs=1)
    assert open_run(tmp_path).steps == [4]


def test_ids_columns_and_pinned(tmp_path: Path) -> None:
    activis = ActiVisCallback(
        log_dir=tmp_path,
        strict=True,
        layers=["head"],
        id=[f"row {row}" for row in range(23)],
        columns={"half": [row / 2 for row in range(23)]},
        subsets={"late": "half > 8"},
        pinned=(X[:2], Y[:2]),
    )
    fit(tmp_path, activis, max_epochs=1)
    snapshot = open_run(tmp_path).latest
    assert snapshot.record.pinned == 2
    table = snapshot.instances.to_pylist()
    assert [(row["id"], row["half"]) for row in table[:23]] == [
        (f"row {row['half'] * 2:.0f}", row["half"]) for row in table[:23]
    ]
    assert {subset.name: subset.count for subset in snapshot.record.subsets}["late"] == 6
