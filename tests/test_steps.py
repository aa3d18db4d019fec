"""What is a step and what is not, through every face that takes one."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch

from tensorboard_activis.errors import ActiVisError, ActiVisWarning, NotFoundError
from tensorboard_activis.keras import ActiVisCallback
from tensorboard_activis.read.run import open_run
from tensorboard_activis.steps import checked_step, whole_number
from tensorboard_activis.torch import ActiVisLogger
from tests import small_keras
from tests.records import small_data, write_run
from tests.torch.network import Net, X, Y


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


RIGHT = [
    (0, 0),
    (7, 7),
    (2**63 - 1, 2**63 - 1),
    (np.int64(7), 7),
    (np.uint8(7), 7),
    (np.uint64(2**63 - 1), 2**63 - 1),
    (np.array(7), 7),
    (torch.tensor(7), 7),
    (torch.tensor(7, dtype=torch.uint8), 7),
    (keras.ops.convert_to_tensor(7), 7),
]
WRONG: list[tuple[object, str]] = [
    (True, "True"),
    (False, "False"),
    (np.True_, "True"),
    (np.array(True), "array"),
    (torch.tensor(True), "tensor"),
    (keras.ops.convert_to_tensor(True), "True"),
    (7.0, r"7\.0\. Convert it with int\(\)"),
    (7.5, r"7\.5\. Convert it with int\(\)"),
    (np.float32(7), r"7\.0\)?\. Convert it with int\(\)"),
    (torch.tensor(7.0), r"Convert it with int\(\)"),
    (float("nan"), "nan"),
    (float("inf"), "inf"),
    (-1, "-1"),
    (np.int64(-1), "-1"),
    (torch.tensor(-1), "-1"),
    (2**63, "9223372036854775808"),
    (np.uint64(2**63), "9223372036854775808"),
    (10**5000, "an object of type int"),
    ("7", "'7'"),
    (b"7", "b'7'"),
    (None, "None"),
    (7j, "7j"),
    ([7], r"\[7\]"),
    (np.array([7]), "array"),
    (torch.tensor([7]), "tensor"),
    (torch.tensor([7, 8]), "tensor"),
    (torch.tensor(7, device="meta"), "tensor"),
    (Unspeakable(), "an object of type Unspeakable"),
    ("x" * 1000, r"'x{70,76}\.\.\."),
]


@pytest.mark.parametrize(("step", "number"), RIGHT, ids=repr)
def test_whole_numbers_of_every_kind_are_steps(step: object, number: int) -> None:
    found = checked_step(step)
    assert (found, type(found)) == (number, int)


@pytest.mark.parametrize(("step", "said"), WRONG, ids=range(len(WRONG)))
def test_everything_else_is_refused_in_words(step: object, said: str) -> None:
    with pytest.raises(ActiVisError, match=f"step must be a whole number.*got .*{said}"):
        checked_step(step)


def torch_log(log_dir: Path, step: Any) -> None:
    with ActiVisLogger(log_dir, Net(), (X, Y)) as logger:
        logger.log(step)


def keras_log(log_dir: Path, step: Any) -> None:
    callback = ActiVisCallback(log_dir, small_keras.X[:20], small_keras.Y[:20])
    callback.set_model(small_keras.network())
    try:
        callback.log(step)
    finally:
        callback.close()


@pytest.mark.parametrize("log", [torch_log, keras_log])
@pytest.mark.parametrize("step", [True, 7.5, 7.0, -1, 2**63, 10**5000, np.True_, torch.tensor(True)], ids=range(8))
def test_what_is_no_step_costs_a_snapshot_and_is_said(
    tmp_path: Path, log: Callable[[Path, Any], None], step: object
) -> None:
    with pytest.warns(ActiVisWarning, match=r"lost the snapshot of step .*; training goes on.*must be a whole number"):
        log(tmp_path, step)
    assert list(tmp_path.rglob("*tfevents*")) == []


@pytest.mark.parametrize("log", [torch_log, keras_log])
@pytest.mark.parametrize("step", [np.int64(7), np.array(7), torch.tensor(7)], ids=["numpy", "array", "tensor"])
def test_what_is_a_step_is_logged_as_one(tmp_path: Path, log: Callable[[Path, Any], None], step: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ActiVisWarning)
        log(tmp_path, step)
    assert open_run(tmp_path).steps == [7]


def test_reading_takes_the_same(tmp_path: Path) -> None:
    write_run(tmp_path, small_data(), (0, 1))
    run = open_run(tmp_path)
    assert run.snapshot(np.int64(1)).step == run.snapshot(torch.tensor(1)).step == 1  # type: ignore[arg-type]
    for step in (True, 1.0, "1", np.array([1]), None):
        with pytest.raises(ActiVisError, match="step must be a whole number"):
            run.snapshot(step)  # type: ignore[arg-type]
    for missing in (-1, 2, 2**63, 10**5000):
        with pytest.raises(NotFoundError, match=re.escape("There are: 0, 1.")):
            run.snapshot(missing)
    with pytest.raises(ActiVisError, match="whole number"):
        whole_number(np.bool_(True))
