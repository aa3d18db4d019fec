"""Every face logs to an address as it does to a directory: the same snapshot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError
from tests.small_lightning import IGNORED_WARNINGS
from tests.stores.slow_store import SlowStore

pytestmark = IGNORED_WARNINGS


def log_pytorch(log_dir: Any) -> None:
    from tensorboard_activis.torch import ActiVisLogger
    from tests.small_lightning import Module, X, Y

    with ActiVisLogger(log_dir, Module(), (X, Y), strict=True, progress=False) as logger:
        logger.log(1)
        logger.log(2)


def log_lightning(log_dir: Any) -> None:
    pytest.importorskip("lightning")
    import lightning.pytorch as pl
    from torch.utils.data import DataLoader, TensorDataset

    from tensorboard_activis.lightning import ActiVisCallback
    from tests.small_lightning import Module, X, Y

    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[ActiVisCallback(log_dir=log_dir)],
    )
    pl.seed_everything(0, verbose=False)
    loader = DataLoader(TensorDataset(X, Y), batch_size=6)
    trainer.fit(Module(), loader, loader)


def log_trainer(log_dir: Any) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from tensorboard_activis.transformers import ActiVisCallback
    from tests.test_transformers import bert, trainer, words

    tokenizer = words()
    made = trainer(bert(), tokenizer, Path("out"), ActiVisCallback(log_dir=log_dir))
    made.train()


def log_keras(log_dir: Any) -> None:
    pytest.importorskip("keras")
    from tensorboard_activis.keras import ActiVisCallback
    from tests.small_keras import X, Y, fitted

    fitted([ActiVisCallback(log_dir, X, Y)], epochs=2)


def log_flax(log_dir: Any) -> None:
    pytest.importorskip("flax")
    from flax import nnx

    from tensorboard_activis.flax import ActiVisLogger
    from tests.flax.networks import Convolutions
    from tests.flax.test_logger import IMAGES, LABELS

    with ActiVisLogger(log_dir, Convolutions(nnx.Rngs(0)), (IMAGES, LABELS), strict=True) as logger:
        logger.log(1)


FACES = [log_pytorch, log_lightning, log_trainer, log_keras, log_flax]


@pytest.mark.parametrize("log", FACES)
def test_a_face_logs_to_an_address(
    store: type[SlowStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Callable[[Any], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    log("slow://bucket/runs/run1")
    log(str(tmp_path / "run1"))
    far, near = open_run("slow://bucket/runs/run1"), open_run(tmp_path / "run1")
    assert far.steps == near.steps
    assert len(far.steps) >= 1
    assert far.problems == ()
    for step in far.steps:
        one, other = far.snapshot(step), near.snapshot(step)
        assert list(one.layers) == list(other.layers)
        assert one.instances["id"].equals(other.instances["id"])
        for layer in one.layers:
            np.testing.assert_allclose(one.activations(layer), other.activations(layer), rtol=2e-3, atol=2e-3)
    assert {path.name for path in tmp_path.iterdir()} <= {
        "run1",
        "cache",
        "out",
    }  # nothing is written to a directory "slow:"
    assert not any(key.endswith(".alive") for key in store.store)


def log_shown(log_dir: Any) -> None:
    pytest.importorskip("anywidget")
    from tensorboard_activis.notebook import show

    show(log_dir)


@pytest.mark.parametrize("log", [*FACES, log_shown])
def test_a_face_makes_no_directory_of_what_is_no_address(
    store: type[SlowStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Callable[[Any], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    for address in ("simplecache::slow://bucket/run", Path("simplecache::slow://bucket/run"), "nowhere://bucket/run"):
        with pytest.raises(ConfigurationError, match="that begins? with|address as text"):
            log(address)
    assert {path.name for path in tmp_path.iterdir()} <= {"cache", "out"}
