"""`keep=` means the same in every face; wrong values are said when it is made."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.thinning import run as thinning

STEPS = 5


def needs(*names: str) -> pytest.MarkDecorator:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """All arrays lie in files, as those of a real network do."""
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    monkeypatch.setattr(thinning, "measure", lambda *_: b"{}")


def with_torch(log_dir: Path, keep: Any) -> None:
    import torch

    from tensorboard_activis.torch import ActiVisLogger

    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    with ActiVisLogger(log_dir, model, (torch.randn(21, 4), torch.arange(21) % 3), strict=True, keep=keep) as activis:
        for step in range(STEPS):
            activis.log(step)


def with_lightning(log_dir: Path, keep: Any) -> None:
    from tensorboard_activis.lightning import ActiVisCallback
    from tests.small_lightning import fit

    fit(log_dir, ActiVisCallback(log_dir=log_dir, strict=True, keep=keep), max_epochs=STEPS)


def with_the_trainer(log_dir: Path, keep: Any) -> None:
    import torch
    import transformers

    from tensorboard_activis.transformers import ActiVisCallback

    class Small(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = torch.nn.Linear(4, 6), torch.nn.Linear(6, 3)

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            logits = self.head(self.stem(x).relu())
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    rows = [{"x": torch.randn(4), "labels": index % 3} for index in range(21)]
    arguments = transformers.TrainingArguments(
        str(log_dir / "out"),
        num_train_epochs=STEPS,
        per_device_train_batch_size=21,
        eval_strategy="epoch",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        save_strategy="no",
    )
    callback = ActiVisCallback(log_dir=log_dir, strict=True, keep=keep)
    transformers.Trainer(Small(), arguments, train_dataset=rows, eval_dataset=rows, callbacks=[callback]).train()


def with_keras(log_dir: Path, keep: Any) -> None:
    from tensorboard_activis.keras import ActiVisCallback
    from tests.small_keras import X, Y, fitted

    fitted([ActiVisCallback(log_dir, X[:21], Y[:21], strict=True, progress=False, keep=keep)], epochs=STEPS)


def with_flax(log_dir: Path, keep: Any) -> None:
    from flax import nnx

    from tensorboard_activis.flax import ActiVisLogger

    model = nnx.Sequential(nnx.Linear(4, 6, rngs=nnx.Rngs(0)), nnx.relu, nnx.Linear(6, 3, rngs=nnx.Rngs(1)))
    data = (np.random.default_rng(0).normal(size=(21, 4)).astype(np.float32), np.arange(21) % 3)
    with ActiVisLogger(log_dir, model, data, strict=True, keep=keep) as activis:
        for step in range(STEPS):
            activis.log(step)


FACES = [
    pytest.param(with_torch, marks=needs("torch"), id="torch"),
    pytest.param(with_lightning, marks=needs("lightning"), id="lightning"),
    pytest.param(with_the_trainer, marks=needs("transformers", "accelerate"), id="transformers"),
    pytest.param(with_keras, marks=needs("keras"), id="keras"),
    pytest.param(with_flax, marks=needs("flax"), id="flax"),
]


@pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers")
@pytest.mark.filterwarnings("ignore:The number of training batches")
@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.. is deprecated:FutureWarning")
@pytest.mark.parametrize("face", FACES)
def test_a_run_keeps_three_steps_whole(tmp_path: Path, face: Any) -> None:
    face(tmp_path, 3)
    run = open_run(tmp_path)
    assert len(run.steps) == STEPS
    assert run.problems == ()
    kept = run.steps_with_instances
    assert len(kept) == 3
    assert (kept[0], kept[-1]) == (run.steps[0], run.steps[-1])
    for step in run.steps:
        snapshot = run.snapshot(step)
        assert snapshot.thinned == (None if step in kept else 3)
        for layer in snapshot.layers:
            assert np.isfinite(snapshot.summary(layer).mean[0]).all()
            if step in kept:
                assert len(snapshot.activations(layer)) == len(snapshot.instances)


@pytest.mark.parametrize("keep", [1, 0, -3, True, 2.0, "20"])
@pytest.mark.parametrize("face", FACES)
def test_what_keep_may_be(tmp_path: Path, face: Any, keep: Any) -> None:
    with pytest.raises(
        ConfigurationError, match="keep must be at least 2 snapshots, the first and the newest, or None"
    ):
        face(tmp_path, keep)
