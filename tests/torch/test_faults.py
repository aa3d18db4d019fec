"""Errors are reported, before training if possible, and never stop training."""

import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.network import Net, X, Y, batches


class Broken(TensorDataset):
    """Cannot be read to its end, once that is wanted."""

    broken = False

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        if self.broken and index > 20:
            raise OSError("the disk is gone")
        return super().__getitem__(index)


def test_a_fault_is_told_once_and_training_goes_on(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    dataset = Broken(*data)
    model = Net()
    with ActiVisLogger(tmp_path, model, DataLoader(dataset, 9)) as logger:
        logger.log(0)
        dataset.broken = True
        state = torch.get_rng_state()
        with pytest.warns(ActiVisWarning, match="snapshot of step 1; .* the disk is gone"):
            logger.log(1)
        assert model.training
        assert torch.equal(torch.get_rng_state(), state)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            logger.log(2)
        dataset.broken = False
        logger.log(3)
    assert open_run(tmp_path).steps == [0, 3]


def test_strict_raises(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    dataset = Broken(*data)
    with ActiVisLogger(tmp_path, Net(), DataLoader(dataset, 9), strict=True) as logger:
        dataset.broken = True
        with pytest.raises(OSError, match="the disk is gone"):
            logger.log(0)


def test_an_interrupt_leaves_readable_files(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = Net()
    with ActiVisLogger(tmp_path, model, batches(data)) as logger:
        logger.log(0)
        handle = model.fc.register_forward_hook(_interrupt)
        with pytest.raises(KeyboardInterrupt):
            logger.log(1)
        handle.remove()
        assert model.training
    assert open_run(tmp_path).steps == [0]


def _interrupt(*args: object, **keywords: object) -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    "where", ["arrays.write_tensors", "replacing.os.fsync", "instances.pq.write_table", "events.os.fsync"]
)
def test_an_interrupt_while_writing_leaves_readable_files(
    tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at any moment: what was there before is there, nothing half written is, and the directory is free again."""
    wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 3_000), nn.Linear(3_000, 3))  # so that arrays go to a file
    steps: list[int] = []  # in a column, so that every step has a table of its own
    columns: Any = lambda batch: {"logged": [len(steps)] * len(batch[1])}  # noqa: E731
    with ActiVisLogger(tmp_path, wide, data, layers=["1", "2"], columns=columns) as logger:
        logger.log(0)
        steps.append(0)
        with monkeypatch.context() as patched:
            patched.setattr(f"tensorboard_activis.write.{where}", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                logger.log(1)
    run = open_run(tmp_path)
    assert run.steps == [0]
    assert run.latest.activations("1").shape == (41, 3_000)
    assert not [path for path in (tmp_path / "activis").iterdir() if path.name.endswith(".partial")]
    with ActiVisLogger(tmp_path, wide, data, layers=["1", "2"], strict=True) as logger:
        logger.log(2)
    assert open_run(tmp_path).steps == [0, 2]


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ([], {}, "data is empty"),
        (TensorDataset(X[:0], Y[:0]), {}, "data is empty"),
        ((X[:0], Y[:0]), {}, "data is empty"),
        ((pair for pair in [(X, Y)]), {}, r"a generator, which can be read only once.*list\(data\)"),
        (7, {}, "data must be a DataLoader"),
        ((X, Y[:5]), {}, "12 inputs and 5 labels"),
        ((X, Y + 0.5), {}, "Labels must be whole numbers"),
        ((X, Y + 1), {}, "There is a label 3, but the model tells 3 classes apart"),
        ((X, ["a"] * 12), {}, "Labels are texts .*class_names is needed"),
        ((X, ["d"] * 12), {"class_names": ["a", "b", "c"]}, "label 'd', which is none of class_names"),
        ((X, Y), {"class_names": ["a", "b"]}, "class_names has 2 names, but the model gives 3 scores"),
        (
            (X[:, :, :7], Y),
            {},
            r"forward pass failed on the first batch of data, in fc \(Linear\), which got \(12, 150\)",
        ),
        ([("a", "b")], {}, "A batch of data holds no tensor"),
        ([(X, X, X, Y)], {}, "it does not say which part is the labels"),
        ([(X, Y[:5])], {}, "A batch has 5 labels, but inputs of shape"),
        ((X, Y), {"layers": ["cnv"]}, "'cnv' matches none .* Near: conv"),
        ((X, Y), {"reducer": "median"}, "reducer must be one of"),
        ((X, Y), {"reducer": {"nothing": "max"}}, "'nothing' matches none"),
        ((X, Y), {"sample": 0}, "sample must be"),
        ((X, Y), {"unpack": lambda batch: batch[0]}, r"unpack must return \(inputs, labels\)"),
        ((X, Y), {"unpack": 3}, "unpack must be a function"),
    ],
)
def test_bad_input_is_refused_before_training(
    tmp_path: Path, source: object, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ActiVisLogger(tmp_path, Net(), source, **options)  # type: ignore[arg-type]
    ActiVisLogger(tmp_path, Net(), (X, Y)).close()  # the directory is free again


def test_other_bad_models(tmp_path: Path) -> None:
    scripted: Any = torch.nn.Sequential(nn.Linear(3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(scripted)
    with pytest.raises(ConfigurationError, match="model is a ScriptModule"):
        ActiVisLogger(tmp_path, scripted, X)
    with pytest.raises(ConfigurationError, match="model must be a torch.nn.Module"):
        ActiVisLogger(tmp_path, "resnet18", X)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="meta device"):
        ActiVisLogger(tmp_path, Net().to("meta"), X)


def test_dropped_instances_are_told(tmp_path: Path) -> None:
    loader = DataLoader(TensorDataset(X, Y), 5, drop_last=True)
    with pytest.warns(ActiVisWarning, match="2 of its 12 instances are in no snapshot"):
        ActiVisLogger(tmp_path, Net(), loader).close()


def test_a_layer_that_vanishes_costs_that_layer(tmp_path: Path) -> None:
    class Branches(nn.Module):
        skip = False

        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.b(x.repeat(1, 2)[:, :4] if self.skip else self.a(x))
            return out

    model = Branches()
    with ActiVisLogger(tmp_path, model, torch.randn(7, 3), layers=["a", "b"], strict=True) as logger:
        model.skip = True
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    assert any("'a' is unknown. It did not run" in note for note in snapshot.notes)
    assert np.isnan(snapshot.activations("a")).all()
    assert not np.isnan(snapshot.activations("b")).any()
