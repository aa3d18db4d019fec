"""Findings and scalars while Lightning trains: told once, in TensorBoard's dashboards beside the trainer's own."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

if importlib.util.find_spec("lightning") is None:
    pytest.skip("needs lightning", allow_module_level=True)

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger

from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.lightning import ActiVisCallback
from tensorboard_activis.query.findings.finding import Finding
from tests.alerted import check_scalars, check_told
from tests.small_lightning import IGNORED_WARNINGS, fit

#: What Lightning advises about small runs comes again where `pytest.warns` ends.
pytestmark = [*IGNORED_WARNINGS, pytest.mark.filterwarnings("ignore")]


class Kills(pl.Callback):
    """One neuron before training, one in the second epoch."""

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        with torch.no_grad():
            pl_module.body[1].bias[trainer.current_epoch] = -100.0


def test_told_once_and_written_once(tmp_path: Path) -> None:
    told = list[Finding]()
    activis = ActiVisCallback(
        layers=["body.2", "head"], sample=None, strict=True, on_finding=told.append, alerts=True, scalars=True
    )
    logger = TensorBoardLogger(str(tmp_path), name="run")
    with pytest.warns(ActiVisWarning) as warned:
        fit(tmp_path, Kills(), activis, logger=logger, max_epochs=3, log_every_n_steps=1)
    run = Path(logger.log_dir)
    check_told(told, warned, run, "body.2")
    check_scalars(tmp_path, run, "body.2", "val_loss")
