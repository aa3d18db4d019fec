"""The callback for Lightning with several processes, with either of its packages, and when interrupted."""

import importlib.util
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError

if importlib.util.find_spec("lightning") is None:
    pytest.skip("needs lightning", allow_module_level=True)

import lightning.pytorch as pl

from tensorboard_activis.lightning import ActiVisCallback, _bases
from tests.interrupting import Interrupter, check_interrupts
from tests.lightning_witness import LAYERS, Witness, expect
from tests.small_lightning import CLASSES, IGNORED_WARNINGS, Module, X, Y, fit, loader, trainer
from tests.torch.process_state import process_state

pytestmark = IGNORED_WARNINGS


def test_other_processes_log_nothing_and_passes_over_sharded_models_are_refused(tmp_path: Path) -> None:
    class Strategy:
        zero_stage_3 = True

    class FSDPStrategy(Strategy):
        pass

    class DeepSpeedStrategy(Strategy):
        pass

    class Trainer:
        world_size, is_global_zero, fast_dev_run, global_step, current_epoch, loggers = 2, True, False, 0, 0, ()
        enable_validation = True
        strategy: Any = FSDPStrategy()

    ActiVisCallback(log_dir=tmp_path / "run").on_fit_start(Trainer(), Module())  # the trainer's own passes
    activis = ActiVisCallback((X, Y), log_dir=tmp_path / "run")
    for strategy in (FSDPStrategy(), DeepSpeedStrategy()):
        Trainer.strategy = strategy
        with pytest.raises(ConfigurationError, match=f"Under {type(strategy).__name__} no process has the whole model"):
            activis.on_fit_start(Trainer(), Module())
    Trainer.is_global_zero = False
    activis.on_fit_start(Trainer(), Module())
    activis.on_train_start(Trainer(), Module())
    activis.on_train_epoch_end(Trainer(), Module())
    assert not (tmp_path / "run").exists()


def test_a_loader_that_gives_a_part_of_the_data(tmp_path: Path) -> None:
    sampler: Any = DistributedSampler(TensorDataset(X, Y), 2, 1, shuffle=False)
    witness = Witness()
    part = DataLoader(TensorDataset(X, Y), 6, sampler=sampler)
    fit(tmp_path, ActiVisCallback(log_dir=tmp_path, layers=LAYERS, strict=True), witness, data=part, max_epochs=1)
    rows = [*range(1, 23, 2), 0]
    expect(open_run(tmp_path).latest, witness.weights[4], X[rows], Y[rows], ids=rows)


def test_either_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainer of a package knows a lone callback by its own base class."""
    assert isinstance(trainer(Path(), ActiVisCallback()).callbacks[0], pl.Callback)
    if importlib.util.find_spec("pytorch_lightning") is None:
        pytest.skip("needs pytorch_lightning")
    import pytorch_lightning

    monkeypatch.delitem(sys.modules, "lightning.pytorch")
    assert _bases() == (pytorch_lightning.Callback,)
    monkeypatch.delitem(sys.modules, "pytorch_lightning")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install lightning"):
        _bases()


def test_the_older_package_trains_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older: Any = pytest.importorskip("pytorch_lightning")
    source = importlib.util.find_spec("tensorboard_activis.lightning")
    assert source is not None
    assert source.loader is not None
    again = importlib.util.module_from_spec(source)  # as if imported after the user's `import pytorch_lightning`
    source.loader.exec_module(again)
    callback = again.ActiVisCallback(log_dir=tmp_path, strict=True)
    assert isinstance(callback, older.Callback)

    class Older(older.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(5, CLASSES)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.head(x)
            return out

        training_step, validation_step = Module.training_step, Module.validation_step
        configure_optimizers = Module.configure_optimizers

    made = older.Trainer(
        accelerator="cpu",
        default_root_dir=tmp_path,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
        max_epochs=1,
        callbacks=callback,
    )
    made.fit(Older(), loader(), loader())
    assert open_run(tmp_path).steps == [4]


class Interrupted(ActiVisCallback):
    """Interrupts each of its calls many times, and then makes it."""

    times = 0

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        begin, log = super().on_fit_start, super().on_train_epoch_end
        self.times += check_interrupts(lambda: begin(trainer, pl_module), 10, lambda: process_state(pl_module))
        begin(trainer, pl_module)
        self.times += check_interrupts(lambda: log(trainer, pl_module), 10, lambda: process_state(pl_module))
        begin(trainer, pl_module)


def test_interrupts_at_any_line_leave_nothing(tmp_path: Path) -> None:
    callback = Interrupted((X, Y), log_dir=tmp_path, strict=True)
    fit(tmp_path, callback, precision="bf16-mixed")
    assert callback.times > 10
    assert len(open_run(tmp_path).steps) >= 2


def interrupted(where: Path, lines: list[int]) -> tuple[Interrupter, Any]:
    """A training that is interrupted at these lines of ours, unless it ends before; and its module."""
    interrupter, module = Interrupter(lines), Module()

    def work() -> None:
        made = trainer(where, ActiVisCallback(log_dir=where / "run", layers=LAYERS, strict=True), max_epochs=1)
        try:
            made.fit(module, loader(), loader())
        except SystemExit as error:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from error

    try:
        interrupter.run(work)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning ignores it from then on
    return interrupter, module


def test_an_interrupt_at_any_line_of_a_watched_validation_leaves_nothing(tmp_path: Path) -> None:
    (all_lines, _), known = interrupted(tmp_path, []), open_run(tmp_path / "run").latest
    chosen = random.Random(0)
    for _ in range(8):
        _, module = interrupted(tmp_path, [chosen.randrange(all_lines.lines)])
        assert "validation_step" not in vars(module)
        assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    interrupted(tmp_path, [])  # the directory is free
    again = open_run(tmp_path / "run").latest
    assert (again.activations("head") == known.activations("head")).all()
