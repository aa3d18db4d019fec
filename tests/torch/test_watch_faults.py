"""What goes wrong in a watched evaluation costs the snapshot, is said once, and does not reach the evaluation."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisError, ActiVisWarning, ConfigurationError
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.network import Net
from tests.torch.watching import Data, check, chunks, column


def lost(tmp_path: Path, model: nn.Module, evaluate: Any, match: str) -> None:
    """The evaluation costs the snapshot, which is said in one warning; with `strict` it is raised."""
    with (
        ActiVisLogger(tmp_path, model) as logger,
        pytest.warns(ActiVisWarning, match=match),
        logger.watch(1) as watched,
    ):
        evaluate(watched)
    with (
        ActiVisLogger(tmp_path, model, strict=True) as logger,
        pytest.raises(ActiVisError, match=match),
        logger.watch(1) as watched,
    ):
        evaluate(watched)
    assert not list(tmp_path.glob("activis/*.safetensors"))


def test_passes_that_are_neither_parts_nor_the_whole(tmp_path: Path, data: Data) -> None:
    model = Net().eval()

    def evaluate(watched: Any) -> None:
        model(data[0][:9])
        model(data[0][:4])
        watched.batch(labels=data[1][:9])

    lost(tmp_path, model, evaluate, "ran 2 times, on 9, 4 instances")


def test_a_batch_without_a_pass(tmp_path: Path, data: Data) -> None:
    model = Net().eval()

    def evaluate(watched: Any) -> None:
        watched.batch(labels=data[1][:9])

    lost(tmp_path, model, evaluate, "without a forward pass of the model before it")


def test_a_pass_in_training_mode(tmp_path: Path, data: Data) -> None:
    model = Net()

    def evaluate(watched: Any) -> None:
        model(data[0][:9])
        watched.batch(labels=data[1][:9])

    lost(tmp_path, model, evaluate, r"in training mode: call model.eval\(\)")


def test_labels_of_another_batch(tmp_path: Path, data: Data) -> None:
    model = Net().eval()

    def evaluate(watched: Any) -> None:
        model(data[0][:9])
        watched.batch(labels=data[1][:7])

    lost(tmp_path, model, evaluate, "has 7 labels, but the forward pass before it was of 9")


def test_a_layer_that_does_not_exist_is_said_at_the_first_pass(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    said: list[str] = []
    with ActiVisLogger(tmp_path, model, layers=["conv9"]) as logger:
        for step in (1, 2):
            with warnings.catch_warnings(record=True) as raised, logger.watch(step) as watched:
                warnings.simplefilter("always")
                out = model(data[0][:9])
                watched.batch(labels=data[1][:9])
            said += [str(warning.message) for warning in raised]
            assert out.shape == (9, 3)
    assert len(said) == 1
    assert "conv9" in said[0]
    assert not list(tmp_path.glob("activis/*.safetensors"))


def test_what_goes_wrong_does_not_reach_the_evaluation(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path, model, reducer=lambda values, mask: values[0]) as logger,
        pytest.warns(ActiVisWarning, match="lost the snapshot of step 1"),
        logger.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            assert model(x).shape == (len(x), 3)
            watched.batch(labels=y)


def evaluate_and_raise(logger: ActiVisLogger, model: nn.Module, data: Data, error: BaseException) -> None:
    with logger.watch(1) as watched:
        model(data[0])
        watched.batch(labels=data[1])
        raise error


def test_an_exception_goes_on_to_the_user_and_nothing_is_published(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with ActiVisLogger(tmp_path, model, strict=True) as logger:
        for error in (ValueError("mine"), KeyboardInterrupt("mine")):
            with pytest.raises(type(error), match="mine"):
                evaluate_and_raise(logger, model, data, error)
            assert not model._forward_hooks
            assert not model._forward_pre_hooks
        with torch.no_grad(), logger.watch(2) as watched:
            model(data[0])
            watched.batch(labels=data[1])
    assert open_run(tmp_path).steps == [2]


class Fails(Net):
    fails = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = super().forward(x)
        if self.fails and len(x) == 9:
            raise MemoryError("no room")
        return out


def test_a_pass_that_fails_and_is_tried_again_in_parts(tmp_path: Path, data: Data) -> None:
    model = Fails().eval()
    with (
        ActiVisLogger(tmp_path, model, layers=["norm", "act"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            try:
                model(x)
            except MemoryError:
                for part in x.split(5):
                    model(part)
            watched.batch(labels=y)
    model.fails = False
    check(open_run(tmp_path).latest, model, "norm", *data)


def test_a_loop_that_is_left_by_break(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path, model, layers=["fc"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for number, (x, y) in enumerate(chunks(data, 9)):
            model(x)
            if number == 2:
                break
            watched.batch(labels=y)
    snapshot = open_run(tmp_path).latest
    assert sorted(column(snapshot, "id")) == list(range(18))
    assert any("After the last batch() the model ran 1 times" in note for note in snapshot.notes)


def test_no_pass_at_all(tmp_path: Path) -> None:
    with (
        ActiVisLogger(tmp_path, Net()) as logger,
        pytest.warns(ActiVisWarning, match="no forward pass"),
        logger.watch(1),
    ):
        pass


def test_two_watches_of_one_logger(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path, model, layers=["fc"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        with pytest.raises(ConfigurationError, match="still open"):
            logger.watch(2)
        model(data[0])
        watched.batch(labels=data[1])
    assert open_run(tmp_path).steps == [1]


def test_functions_of_a_batch_have_none(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path, model, columns=lambda batch: {"first": batch[1]}) as logger,
        pytest.warns(ActiVisWarning, match=r"give columns= to watched.batch"),
        logger.watch(1) as watched,
    ):
        model(data[0])
        watched.batch(labels=data[1])


def test_log_needs_data(tmp_path: Path) -> None:
    with ActiVisLogger(tmp_path, Net()) as logger, pytest.warns(ActiVisWarning, match="put `with activis.watch"):
        logger.log(1)
