"""Of a model with several outputs, the score is the one that fits the labels, where Lightning or the Trainer evaluates it."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

if any(importlib.util.find_spec(name) is None for name in ("lightning", "transformers", "accelerate")):
    pytest.skip("needs lightning, transformers and accelerate", allow_module_level=True)

import transformers

from tensorboard_activis import open_run
from tensorboard_activis.transformers import ActiVisCallback
from tests.lightning_witness import activis
from tests.small_lightning import IGNORED_WARNINGS, Module, X, Y, train
from tests.torch.snapshots import by_id

pytestmark = IGNORED_WARNINGS


def check(run: Path, score: torch.Tensor, *, said: bool) -> None:
    snapshot = open_run(run).latest
    assert by_id(snapshot, "prediction") == score.argmax(1).tolist()
    np.testing.assert_allclose(
        by_id(snapshot, "loss"), F.cross_entropy(score, Y, reduction="none"), rtol=1e-4, atol=1e-5
    )
    assert sum("The score is" in note for note in snapshot.record.notes) == (not said)


class Both(Module):
    """(features, scores), of which its step uses the scores."""

    def forward(self, x: torch.Tensor) -> Any:
        features = self.body(x)
        return features, self.head(features)

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        return F.cross_entropy(self(batch[0])[1], batch[1])

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        self.log("val_loss", F.cross_entropy(self(batch[0])[1], batch[1]))


@pytest.mark.parametrize("output", [None, 1, lambda outputs: outputs[1]])
@pytest.mark.parametrize("width", [7, 3])
def test_lightning(tmp_path: Path, width: int, output: Any) -> None:
    module = Both()
    module.body[0], module.body[1], module.head = nn.Linear(5, width), nn.BatchNorm1d(width), nn.Linear(width, 3)
    train(tmp_path, module, activis(tmp_path / "run", output=output), max_epochs=1)
    module.eval()
    with torch.no_grad():
        check(tmp_path / "run", module(X)[1], said=output is not None)


class Custom(nn.Module):
    """As people write models for the Trainer: a tuple or dict with the loss first."""

    def __init__(self, width: int, form: type) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.head, self.form = nn.Linear(5, width), nn.Linear(width, 3), form

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> Any:
        features = torch.relu(self.hidden(x))
        score = self.head(features)
        loss = F.cross_entropy(score, labels)
        return {"loss": loss, "a": features, "b": score} if self.form is dict else (loss, features, score)


@pytest.mark.parametrize("width", [7, 3])
@pytest.mark.parametrize(("form", "output"), [(tuple, None), (dict, None), (tuple, 2), (dict, "b")])
def test_the_trainer(tmp_path: Path, width: int, form: type, output: Any) -> None:
    model, rows = Custom(width, form), [{"x": x, "labels": y} for x, y in zip(X, Y, strict=True)]
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_eval_batch_size=11, report_to=[], use_cpu=True, disable_tqdm=True
    )
    callback = ActiVisCallback(log_dir=tmp_path / "run", output=output, strict=True)
    transformers.Trainer(model, arguments, eval_dataset=rows, callbacks=[callback]).evaluate()
    callback.close()
    with torch.no_grad():
        out = model(X, Y)
    check(tmp_path / "run", out["b"] if form is dict else out[2], said=output is not None)
