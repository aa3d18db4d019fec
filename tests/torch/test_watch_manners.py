"""A watched evaluation takes the passes of its own model and thread only, adds few of its own, and changes nothing in training."""

import threading
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.network import Net
from tests.torch.process_state import differences, process_state
from tests.torch.watching import Data, check, chunks


def test_interleaved_watches_of_two_models(tmp_path: Path, data: Data) -> None:
    teacher, student = Net().eval(), Net().eval()
    with (
        ActiVisLogger(tmp_path / "teacher", teacher, layers=["norm"], strict=True) as one,
        ActiVisLogger(tmp_path / "student", student, layers=["norm"], strict=True) as other,
        torch.no_grad(),
        one.watch(1) as first,
        other.watch(1) as second,
    ):
        for x, y in chunks(data, 9):
            teacher(x)
            student(x)
            second.batch(labels=y)
            first.batch(labels=y)
    check(open_run(tmp_path / "teacher").latest, teacher, "norm", *data)
    check(open_run(tmp_path / "student").latest, student, "norm", *data)


def test_another_logger_logs_the_same_model_meanwhile(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path / "one", model, layers=["norm"], strict=True) as one,
        ActiVisLogger(tmp_path / "other", model, (data[0] + 1, data[1]), layers=["norm"], strict=True) as other,
        torch.no_grad(),
        one.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            model(x)
            other.log(1)
            watched.batch(labels=y)
    check(open_run(tmp_path / "one").latest, model, "norm", *data)
    check(open_run(tmp_path / "other").latest, model, "norm", data[0] + 1, data[1])


def test_passes_of_other_threads_are_not_taken(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path, model, layers=["norm"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            model(x)
            thread = threading.Thread(target=model, args=(x + 1,))
            thread.start()
            thread.join()
            watched.batch(labels=y)
    check(open_run(tmp_path).latest, model, "norm", *data)


class Counts(Net):
    """Counts its passes in evaluation mode, and their instances."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            self.sizes.append(len(x))
        return super().forward(x)


def test_no_pass_besides_the_users_but_two_of_a_few_instances(tmp_path: Path, data: Data) -> None:
    model = Counts()
    with ActiVisLogger(tmp_path, model, strict=True) as logger:
        for step in range(3):
            model.eval()
            with torch.no_grad(), logger.watch(step) as watched:
                for x, y in chunks(data, 9):
                    model(x)
                    watched.batch(labels=y)
    assert sum(model.sizes) - 3 * 41 <= 64
    assert len(model.sizes) - 3 * 5 == 2


def train(directory: Path | None, data: Data) -> dict[str, Any]:
    """Trains, and validates after each epoch; returns everything that training has come to."""
    torch.manual_seed(3)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    logger = None if directory is None else ActiVisLogger(directory, model, strict=True)
    losses = []
    for epoch in range(3):
        model.train()
        for x, y in chunks(data, 9):
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.eval()
        watched = None if logger is None else logger.watch(epoch)
        with torch.no_grad():
            for x, y in chunks(data, 9):
                losses.append(functional.cross_entropy(model(x), y).item())
                if watched is not None:
                    watched.batch(labels=y)
        if watched is not None:
            watched.close()
    if logger is not None:
        logger.close()
    return {**process_state(model), "losses": losses, "dropout": nn.functional.dropout(torch.ones(50)).tolist()}


def test_training_and_validation_are_as_without(tmp_path: Path, data: Data) -> None:
    without, watched = train(None, data), train(tmp_path, data)
    assert not [name for name in differences(without, watched) if name not in ("children", "filters")]
    assert open_run(tmp_path).steps == [0, 1, 2]
