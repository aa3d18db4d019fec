"""The callback for Lightning watches the trainer's validation: whichever batches, sets, steps and weights that has."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

if importlib.util.find_spec("lightning") is None:
    pytest.skip("needs lightning", allow_module_level=True)

import lightning.pytorch as pl
from lightning.pytorch import callbacks as lightning_callbacks
from lightning.pytorch.utilities import CombinedLoader

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.lightning import ActiVisCallback
from tests.lightning_witness import Witness, activis, expect, hooked
from tests.small_lightning import IGNORED_WARNINGS, Module, X, Y, fit, loader, trainer

pytestmark = [
    *IGNORED_WARNINGS,
    pytest.mark.filterwarnings("ignore:Your .val_dataloader.'s sampler has shuffling enabled"),
    pytest.mark.filterwarnings("ignore:You have overridden .* in .LightningModule."),
    pytest.mark.filterwarnings("ignore:Be aware that when using .ckpt_path."),
    pytest.mark.filterwarnings("ignore:You are using the .dataloader_iter. step flavor"),
]

TRANSFERS = ["on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer"]


class Data(pl.LightningDataModule):
    def train_dataloader(self) -> Any:
        return loader()

    def val_dataloader(self) -> Any:
        return loader()


def changed(self: Any, batch: Any, *_: Any) -> list[torch.Tensor]:
    return [batch[0] * 3 - 1, batch[1]] if self.trainer.validating else batch


@pytest.mark.parametrize("hook", TRANSFERS)
@pytest.mark.parametrize("of_module", [True, False])
def test_batches_are_those_behind_the_transfer_hooks(tmp_path: Path, hook: str, of_module: bool) -> None:
    changing: Any = type("Changing", (Module if of_module else Data,), {hook: changed})()
    witness = Witness()
    made = trainer(tmp_path, activis(tmp_path), witness, max_epochs=1)
    made.fit(changing if of_module else Module(), datamodule=Data() if of_module else changing)
    torch.testing.assert_close(witness.tensors(4)[0], X * 3 - 1)
    witness.expect(open_run(tmp_path).latest)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            yield from zip(X, Y, strict=True)


@pytest.mark.parametrize(
    ("limit", "data", "instances"),
    [
        (3, loader(), 18),
        (0.5, loader(), 12),
        (1.0, loader(rows=19), 19),  # a last batch of one
        (4, loader(), 23),
        (2, DataLoader(Endless(), 7), 14),
    ],
)
def test_as_many_batches_as_the_validation_has(tmp_path: Path, limit: float, data: Any, instances: int) -> None:
    witness = Witness()
    fit(tmp_path, activis(tmp_path), witness, data=data, limit_val_batches=limit, max_epochs=1)
    snapshot = open_run(tmp_path).latest
    assert snapshot.record.seen == instances
    if isinstance(data.dataset, Endless):  # identified by content
        values = hooked_weights(witness.weights[4], X[:instances])
        found = snapshot.activations("head").astype(np.float32)
        np.testing.assert_allclose(np.sort(found, 0), np.sort(values, 0), rtol=2e-3, atol=2e-4)
    else:
        witness.expect(snapshot)


def hooked_weights(weights: dict[str, torch.Tensor], inputs: torch.Tensor) -> np.ndarray:
    module = Module()
    module.load_state_dict(weights)
    return hooked(module, ["head"], inputs)["head"]


class Several(Module):
    def validation_step(self, batch: Any, index: int, dataloader_idx: int = 0) -> None:
        super().validation_step(batch, index)


def shifted(rows: int, shift: float) -> Any:
    return DataLoader(TensorDataset(X[:rows] + shift, Y[:rows]), 6)


@pytest.mark.parametrize("rows", [(23, 19), (12, 12)])
@pytest.mark.parametrize(
    ("form", "names"),
    [
        (list, ["val_0", "val_1"]),
        (lambda both: dict(zip(["clean", "noisy"], both, strict=True)), ["clean", "noisy"]),
        (lambda both: dict(zip(["a/b", ".."], both, strict=True)), ["val_0", "val_1"]),
        (lambda both: CombinedLoader(both, "sequential"), ["val_0", "val_1"]),
    ],
)
def test_every_validation_loader_is_a_run(tmp_path: Path, form: Any, names: list[str], rows: tuple[int, int]) -> None:
    witness = Witness()
    made = trainer(tmp_path, activis(tmp_path), witness)
    made.fit(Several(), loader(), form([shifted(rows[0], 0), shifted(rows[1], 1)]))
    assert sorted(path.parent.name for path in tmp_path.rglob("activis")) == names
    for number, name in enumerate(names):
        run = open_run(tmp_path / name)
        assert run.steps == [4, 8]
        for step in run.steps:
            witness.expect(run.snapshot(step), number)
    assert witness.tensors(8, 1)[0].shape[0] == rows[1]


@pytest.mark.parametrize("form", [lambda one: [one], lambda one: {"only": one}])
def test_a_single_loader_is_the_run_itself(tmp_path: Path, form: Any) -> None:
    witness = Witness()
    fit(tmp_path, activis(tmp_path), witness, data=form(loader()))
    witness.expect(open_run(tmp_path).latest)


@pytest.mark.parametrize("mode", ["min_size", "max_size", "max_size_cycle"])
def test_batches_that_combine_loaders(tmp_path: Path, mode: Any) -> None:
    class Combining(Module):
        def validation_step(self, batch: Any, index: int) -> None:
            super().validation_step(batch["left"], index)

    def data() -> Any:
        return CombinedLoader({"left": shifted(23, 0), "right": shifted(23, 1)}, mode)

    witness = Witness()
    made = trainer(tmp_path, activis(tmp_path / "run", unpack=lambda batch: batch["left"]), witness, max_epochs=1)
    made.fit(Combining(), loader(), data())
    snapshot = open_run(tmp_path / "run").latest
    assert snapshot.record.seen == 23
    values = hooked_weights(witness.weights[4], X)
    np.testing.assert_allclose(snapshot.summary("head").mean[0], values.mean(0), rtol=1e-4, atol=1e-5)
    for checks in (0, 2):
        made = trainer(tmp_path, activis(tmp_path / "other"), num_sanity_val_steps=checks)
        with pytest.raises(ConfigurationError, match=f"combines the batches of 2 loaders .*'{mode}'.* Give unpack="):
            made.fit(Combining(), loader(), data())
        assert made.global_step == 0


@pytest.mark.parametrize(
    ("how", "steps"),
    [
        ({}, [4, 8, 12, 16]),
        ({"val_check_interval": 0.5}, [2, 4, 6, 8, 10, 12, 14, 16]),
        ({"val_check_interval": 3, "check_val_every_n_epoch": None}, [3, 6, 9, 12, 15]),
        ({"check_val_every_n_epoch": 2}, [8, 16]),
        ({"every_n_epochs": 2}, [8, 16]),
        ({"every_n_epochs": 2, "val_check_interval": 0.5}, [8, 16]),
        ({"every_n_epochs": 1, "val_check_interval": 0.5}, [4, 8, 12, 16]),
        ({"every_n_epochs": 2, "check_val_every_n_epoch": 3}, [12]),
        ({"every_n_epochs": 1, "val_check_interval": 3}, [7, 11, 15]),  # never at the end of an epoch
        ({"every_n_steps": 5, "val_check_interval": 0.5}, [6, 10, 16]),
        ({"every_n_steps": 5}, [8, 12, 16]),
        ({"every_n_steps": 4}, [4, 8, 12, 16]),
        ({"accumulate_grad_batches": 2}, [2, 4, 6, 8]),
    ],
)
def test_which_validations_are_logged(tmp_path: Path, how: dict[str, Any], steps: list[int]) -> None:
    callback = activis(tmp_path, **{name: how[name] for name in how if name.startswith("every_n_")})
    witness = Witness()
    options = {name: how[name] for name in how if not name.startswith("every_n_")}
    fit(tmp_path, callback, witness, max_epochs=4, **options)
    run = open_run(tmp_path)
    assert run.steps == steps
    for step in steps:
        witness.expect(run.snapshot(step))


def test_a_training_without_a_validation_that_is_due_says_so(tmp_path: Path) -> None:
    with pytest.warns(ActiVisWarning, match="logged nothing: in 8 steps the trainer made no validation that was due"):
        fit(tmp_path, activis(tmp_path, every_n_steps=100))
    with pytest.warns(ActiVisWarning, match="logged nothing: in 4 steps"):
        fit(tmp_path, activis(tmp_path), max_epochs=1, check_val_every_n_epoch=2)


class Blind(Module):
    validation_step = pl.LightningModule.validation_step


@pytest.mark.parametrize(
    ("module", "data", "limit", "reason"),
    [
        (Module, loader(), 0, "limit_val_batches is 0"),
        (Blind, None, 1.0, "Blind has no validation_step"),
        (Module, None, 1.0, "there is no validation loader"),
    ],
)
@pytest.mark.filterwarnings("ignore:You .*(a|any) `val:UserWarning")
def test_a_training_without_validation_is_told_at_its_start(
    tmp_path: Path, module: Any, data: Any, limit: float, reason: str
) -> None:
    with pytest.warns(ActiVisWarning, match=f"makes no validation: {reason}") as said:
        trainer(tmp_path, activis(tmp_path / "run", strict=False), limit_val_batches=limit).fit(
            module(), loader(), data
        )
    assert sum(issubclass(one.category, ActiVisWarning) for one in said) == 1
    assert not (tmp_path / "run").exists()
    made = trainer(tmp_path, activis(tmp_path / "run"), limit_val_batches=limit)
    with pytest.raises(ConfigurationError, match=reason):
        made.fit(module(), loader(), data)


def test_a_step_that_draws_its_own_batches_is_refused(tmp_path: Path) -> None:
    class Drawing(Module):
        def validation_step(self, dataloader_iter: Any) -> None:  # type: ignore[override]
            super().validation_step(next(dataloader_iter)[0], 0)

    with pytest.raises(ConfigurationError, match="takes its batches out of dataloader_iter"):
        trainer(tmp_path, activis(tmp_path)).fit(Drawing(), loader(), loader())


def test_ids_and_columns_in_the_order_of_the_data(tmp_path: Path) -> None:
    """Also where the validation ends before the data do."""
    names = [f"row {row}" for row in range(23)]
    for limit, rows in ((1.0, 23), (2, 12)):
        witness = Witness()
        callback = activis(tmp_path / f"{limit}", id=names, columns={"half": [row / 2 for row in range(23)]})
        fit(tmp_path, callback, witness, max_epochs=1, limit_val_batches=limit)
        snapshot = open_run(tmp_path / f"{limit}").latest
        expect(snapshot, witness.weights[4], X[:rows], Y[:rows], ids=names[:rows])
        assert [names[int(2 * half)] for half in snapshot.instances["half"].to_pylist()] == snapshot.instances[
            "id"
        ].to_pylist()


def test_reloaded_loaders(tmp_path: Path) -> None:
    class Growing(Module):
        def val_dataloader(self) -> Any:
            return loader(rows=10 + self.trainer.current_epoch)

    witness = Witness()
    made = trainer(tmp_path, activis(tmp_path), witness, reload_dataloaders_every_n_epochs=1, max_epochs=3)
    made.fit(Growing(), loader())
    run = open_run(tmp_path)
    assert [run.snapshot(step).record.seen for step in run.steps] == [10, 11, 12]
    for step in run.steps:
        witness.expect(run.snapshot(step))


@pytest.mark.parametrize("first", [True, False])
def test_averaged_weights_are_those_of_the_snapshot(tmp_path: Path, first: bool) -> None:
    if not hasattr(lightning_callbacks, "EMAWeightAveraging"):
        pytest.skip("Lightning averages weights since 2.6")
    witness, average = Witness(), lightning_callbacks.EMAWeightAveraging(decay=0.5)
    callbacks = [activis(tmp_path, pinned=(X[:2] * 2, Y[:2])), average]
    fit(tmp_path, *(callbacks if first else callbacks[::-1]), witness)
    run = open_run(tmp_path)
    for step in run.steps:
        snapshot = run.snapshot(step)
        witness.expect(snapshot)
        pinned = hooked_weights(witness.weights[step], X[:2] * 2)
        np.testing.assert_allclose(snapshot.activations("head")[-2:], pinned, rtol=2e-3, atol=2e-4)
    # The last training step left other weights than the average of it and those before.
    assert not np.allclose(hooked_weights(witness.weights[4], X), hooked_weights(witness.weights[8], X), atol=1e-4)


@pytest.mark.parametrize("inference_mode", [True, False])
def test_with_and_without_inference_mode(tmp_path: Path, inference_mode: bool) -> None:
    witness = Witness()
    fit(tmp_path, activis(tmp_path, pinned=(X[:2], Y[:2])), witness, inference_mode=inference_mode)
    run = open_run(tmp_path)
    for step in run.steps:
        witness.expect(run.snapshot(step))


@pytest.mark.parametrize("checks", [0, 2, -1])
def test_the_sanity_check_is_no_snapshot(tmp_path: Path, checks: int) -> None:
    witness = Witness()
    fit(tmp_path, activis(tmp_path), witness, num_sanity_val_steps=checks, val_check_interval=2, max_epochs=1)
    assert open_run(tmp_path).steps == [2, 4]
    fit(tmp_path, ActiVisCallback(log_dir=tmp_path / "other"), max_steps=0, max_epochs=None)
    assert not list((tmp_path / "other").rglob("*tfevents*"))


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_validation_by_itself(tmp_path: Path, shuffle: bool) -> None:
    witness = Witness()
    torch.manual_seed(2)
    trainer(tmp_path, activis(tmp_path), witness).validate(Module(), loader(shuffle), verbose=False)
    run = open_run(tmp_path)
    assert run.steps == [0]
    if shuffle:
        found = np.sort(run.latest.activations("head").astype(np.float32), 0)
        np.testing.assert_allclose(found, np.sort(hooked_weights(witness.weights[0], X), 0), rtol=2e-3, atol=2e-4)
    else:
        witness.expect(run.latest)


def test_validations_before_and_after_a_training(tmp_path: Path) -> None:
    """Before it the first step of its run; after it a run of its own where the training has logged the step."""
    model, witness = Module(), Witness()
    made = trainer(tmp_path, activis(tmp_path), witness)
    made.validate(model, loader(), verbose=False)
    witness.expect(open_run(tmp_path).latest)
    made.fit(model, loader(), loader())
    made.save_checkpoint(tmp_path / "last.ckpt")
    made.validate(model, loader(rows=9), verbose=False)
    run = open_run(tmp_path)
    assert run.steps == [0, 4, 8]
    assert run.latest.record.seen == 23
    after = open_run(tmp_path / "validate")
    assert after.steps == [8]
    expect(after.latest, witness.weights[8], X[:9], Y[:9])
    made.validate(model, loader(rows=7), verbose=False)
    assert open_run(tmp_path / "validate").latest.record.seen == 7
    assert open_run(tmp_path).steps == [0, 4, 8]


@pytest.mark.parametrize("weights_only", [False, True])
def test_the_step_of_a_validation_is_that_of_its_weights(tmp_path: Path, weights_only: bool) -> None:
    saved = pl.callbacks.ModelCheckpoint(tmp_path, "{step}", save_top_k=-1, save_weights_only=weights_only)
    witness = Witness()
    made, _ = fit(tmp_path, activis(tmp_path / "run"), witness, saved, enable_checkpointing=True)
    trained = dict(witness.weights)
    made.validate(ckpt_path=str(tmp_path / "step=4.ckpt"), dataloaders=loader(rows=9), verbose=False)
    assert open_run(tmp_path / "run").steps == [4, 8]
    beside = open_run(tmp_path / "run" / "validate")
    assert beside.steps == [4]
    expect(beside.latest, trained[4], X[:9], Y[:9])
    # In another process: a later step of the run is never replaced; the same may be.
    for step, where in ((4, tmp_path / "run" / "validate"), (8, tmp_path / "run")):
        other = trainer(tmp_path, activis(tmp_path / "run"))
        other.validate(Module(), loader(rows=11), ckpt_path=str(tmp_path / f"step={step}.ckpt"), verbose=False)
        expect(open_run(where).snapshot(step), trained[step], X[:11], Y[:11])
        assert open_run(tmp_path / "run").steps == [4, 8]


def test_a_training_that_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    made, _ = fit(tmp_path, activis(tmp_path / "run"))
    made.save_checkpoint(tmp_path / "last.ckpt")
    witness = Witness()
    again = trainer(tmp_path, activis(tmp_path / "run", every_n_epochs=2), witness, max_epochs=5)
    again.fit(Module(), loader(), loader(), ckpt_path=str(tmp_path / "last.ckpt"))
    run = open_run(tmp_path / "run")
    assert run.steps == [4, 8, 16]
    witness.expect(run.latest)


class Failing(Module):
    error: BaseException

    def fail(self, index: int) -> None:
        if index == 2 and self.trainer.global_step == 8:
            raise self.error


class FailingStep(Failing):
    def validation_step(self, batch: Any, index: int) -> None:
        super().validation_step(batch, index)
        self.fail(index)


class FailingHook(Failing):
    def on_validation_batch_start(self, batch: Any, index: int) -> None:
        self.fail(index)


@pytest.mark.parametrize("error", [ValueError("stop"), KeyboardInterrupt()])
@pytest.mark.parametrize("failing", [FailingStep, FailingHook])
def test_a_validation_that_fails_is_no_snapshot(tmp_path: Path, error: BaseException, failing: Any) -> None:
    module = failing()
    module.error = error
    with pytest.raises((ValueError, SystemExit)):
        trainer(tmp_path, activis(tmp_path)).fit(module, loader(), loader())
    assert open_run(tmp_path).steps == [4]
    assert "validation_step" not in vars(module)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    fit(tmp_path, activis(tmp_path), max_epochs=1)  # the directory is free


def test_a_directory_that_cannot_be_made_is_said_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for checks in (0, 2):
        made = trainer(tmp_path, activis(tmp_path / "file", strict=False), num_sanity_val_steps=checks)
        with pytest.raises(ConfigurationError):
            made.fit(Module(), loader(), loader())
        assert made.global_step == 0
