"""Findings and scalars while Hugging Face's Trainer trains: told once, in TensorBoard's dashboards beside the trainer's own."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

if importlib.util.find_spec("transformers") is None or importlib.util.find_spec("accelerate") is None:
    pytest.skip("needs transformers and accelerate", allow_module_level=True)

import transformers
from torch.utils.tensorboard import SummaryWriter
from transformers.integrations import TensorBoardCallback

from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.transformers import ActiVisCallback
from tests.alerted import check_scalars, check_told
from tests.test_transformers import bert, examples, trainer, words

LAYER = "bert.encoder.layer.0.intermediate.intermediate_act_fn"


class Kills(transformers.TrainerCallback):
    """One neuron before training, one in the second epoch."""

    def on_epoch_begin(self, args: Any, state: Any, control: Any, model: Any = None, **options: Any) -> None:
        with torch.no_grad():
            model.bert.encoder.layer[0].intermediate.dense.bias[round(state.epoch)] = -100.0


def test_told_once_and_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    told, model = list[Finding](), bert()
    activis = ActiVisCallback(
        log_dir=tmp_path / "run", layers=[LAYER, "classifier"], sample=None, strict=True,
        on_finding=told.append, alerts=True, scalars=True,
    )  # fmt: skip
    writer = TensorBoardCallback(SummaryWriter(str(tmp_path / "run")))
    made = trainer(model, words(), tmp_path, Kills(), writer, activis, num_train_epochs=3, logging_steps=4)
    made.eval_dataset = made.train_dataset = examples(words()) * 4  # of fewer instances, equal values say little
    with pytest.warns(ActiVisWarning) as warned:
        made.train()
    check_told(told, warned, tmp_path / "run", LAYER)
    check_scalars(tmp_path, tmp_path / "run", LAYER, "eval/loss")
