"""Effects in the validations of Lightning and of Hugging Face's Trainer are those of plain autograd on the trained model."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

if any(importlib.util.find_spec(name) is None for name in ("lightning", "transformers", "accelerate")):
    pytest.skip("needs lightning, transformers and accelerate", allow_module_level=True)

from tensorboard_activis import lightning as for_lightning
from tensorboard_activis import open_run
from tensorboard_activis import transformers as for_transformers
from tensorboard_activis.query.snapshot import Snapshot
from tests.small_lightning import IGNORED_WARNINGS, X, Y, fit
from tests.test_transformers import LABELS, bert, examples, trainer, words
from tests.torch.effects import errors_of, plain_gradients

pytestmark = IGNORED_WARNINGS
CLOSE: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-5}
OPTIONS: dict[str, Any] = {"effects_share": 1.0, "strict": True}


def check(snapshot: Snapshot, plain: Any, real: np.ndarray | None = None) -> None:
    """Compares gradients and products of all errors; `real` is bool [instances, positions]."""
    margins, by_layer = plain
    for layer, (output, gradient) in by_layer.items():
        effects, ids = snapshot.gradient_effects(layer), errors_of(snapshot, layer)
        assert sorted(ids.tolist()) == np.flatnonzero(margins < 0).tolist()
        product = gradient * output
        if output.ndim == 3:
            assert real is not None
            product, gradient = ((each * real[:, :, None]).sum(1) for each in (product, gradient))
        np.testing.assert_allclose(effects.gradient, gradient[ids], **CLOSE)
        np.testing.assert_allclose(effects.product, product[ids], rtol=5e-3, atol=1e-4)


@pytest.mark.parametrize("effects", ["gradients", "tried"])
def test_lightning(tmp_path: Path, effects: str) -> None:
    callback = for_lightning.ActiVisCallback(
        log_dir=tmp_path, layers=["body.0", "body.1", "head"], effects=effects, **OPTIONS
    )
    _, model = fit(tmp_path, callback)
    _, plainly = fit(tmp_path)
    for one, other in zip(model.state_dict().values(), plainly.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    snapshot = open_run(tmp_path).latest
    assert not snapshot.notes
    check(snapshot, plain_gradients(model, X, Y, ["body.0", "body.1", "head"]))
    if effects == "tried":
        assert snapshot.tried_effects("body.0").rows.size == snapshot.gradient_effects("body.0").rows.size


def test_hugging_face(tmp_path: Path) -> None:
    model, tokenizer = bert(), words()
    layers = ["bert.encoder.layer.1.output", "bert.pooler", "classifier"]
    callback = for_transformers.ActiVisCallback(log_dir=tmp_path / "run", layers=layers, effects="gradients", **OPTIONS)
    trainer(model, tokenizer, tmp_path, callback).train()
    snapshot = open_run(tmp_path / "run").latest
    assert not snapshot.notes
    rows = [{name: row[name] for name in ("input_ids", "attention_mask")} for row in examples(tokenizer)]
    inputs = dict(tokenizer.pad(rows, return_tensors="pt"))
    plain = plain_gradients(model, inputs, torch.tensor(LABELS), layers)
    assert (plain[0] < 0).any()
    check(snapshot, plain, inputs["attention_mask"].numpy().astype(bool))
