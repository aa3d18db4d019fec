"""`train_data=` of the callback for Keras: evaluation instances that are in the training data."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.keras import ActiVisCallback
from tests.small_keras import X, Y, network


def train_set() -> np.ndarray:
    """40 images, of which 4 and 9 are the evaluation's 20 and 30."""
    images = np.random.default_rng(1).normal(size=(40, 7, 5, 3)).astype("float32")
    images[4], images[9] = X[20], X[30]
    return images


def dataset() -> Any:
    tensorflow = pytest.importorskip("tensorflow")
    return tensorflow.data.Dataset.from_tensor_slices((train_set(), np.zeros(40, int))).batch(16)


@pytest.mark.parametrize("form", [lambda: train_set(), lambda: (train_set(), np.zeros(40, int)), dataset])
def test_duplicates(tmp_path: Path, form: Any) -> None:
    before = random.getstate()
    callback = ActiVisCallback(tmp_path, X, Y, train_data=form(), strict=True)
    assert random.getstate() == before
    network().fit(X[:32], Y[:32], epochs=1, verbose=0, callbacks=[callback])
    run = open_run(tmp_path)
    (found,) = [one for one in run.findings() if one.kind == "duplicates"]
    table = run.latest.instances
    ids, rows = table["id"].to_pylist(), table["training_row"].to_pylist()
    assert {ids[i]: rows[i] for i in found.instances} == {20: 4, 30: 9}
    assert found.subset == 'in_training == "same"'
    assert run.latest.record.training is not None
    assert run.latest.record.training.instances == 40


def test_training_data_that_can_be_read_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="train_data"):
        ActiVisCallback(tmp_path, X, Y, train_data=(batch for batch in [(X, Y)]))
