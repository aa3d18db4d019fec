"""Findings and scalars while Keras trains: told once, in TensorBoard's dashboards beside its own callback's."""

from pathlib import Path
from typing import Any

import keras
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.keras import ActiVisCallback
from tensorboard_activis.query.findings.finding import Finding
from tests.alerted import check_scalars, check_told
from tests.small_keras import X, Y, network

KEYWORDS: dict[str, Any] = {"layers": ["relu", "logits"], "sample": None, "strict": True}


def kill(model: keras.Model, channels: list[int]) -> None:
    norm = model.get_layer("norm")
    beta = norm.beta.numpy().copy()
    beta[channels] = -100
    norm.beta.assign(beta)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_told_once_and_written_once(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model, told = network(), list[Finding]()
    kill(model, [0])
    later = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kill(model, [2]) if epoch else None)
    callbacks = [later, keras.callbacks.TensorBoard(tmp_path / "run")]
    activis = ActiVisCallback(tmp_path / "run", X, Y, on_finding=told.append, alerts=True, scalars=True, **KEYWORDS)
    with pytest.warns(ActiVisWarning) as warned:
        model.fit(X, Y, batch_size=16, epochs=3, verbose=0, callbacks=[*callbacks, activis])
    check_told(told, warned, tmp_path / "run", "relu")
    check_scalars(tmp_path, tmp_path / "run", "relu", "epoch_loss")


def test_a_function_that_raises_stops_nothing(tmp_path: Path) -> None:
    def broken(finding: object) -> None:
        raise KeyError("no such channel")

    model = network()
    kill(model, [0])
    activis = ActiVisCallback(tmp_path, X, Y, on_finding=broken, **KEYWORDS)
    with pytest.warns(ActiVisWarning, match="on_finding raised KeyError: 'no such channel'") as warned:
        model.fit(X, Y, batch_size=16, epochs=2, verbose=0, callbacks=[activis])
    assert len(warned) == 1
    assert len(open_run(tmp_path).steps) == 2
