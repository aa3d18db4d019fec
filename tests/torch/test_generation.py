"""What `generate` runs is in no snapshot of a watched evaluation; where nothing else ran, it is said what helps."""

import copy
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisError, ActiVisWarning
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.generating import ADVICE, NO_PASS, GeneratesFirst, Generating, Inside
from tests.torch.watching import Data, check, chunks


def generate(model: Any, x: torch.Tensor, **options: Any) -> Any:
    return getattr(model, "part", model).generate(x, **options)


@pytest.mark.parametrize("kind", [Generating, Inside])
@pytest.mark.parametrize("steps", [1, 40])
def test_an_evaluation_that_only_generates_is_told_what_helps(
    tmp_path: Path, data: Data, kind: Any, steps: int
) -> None:
    model = kind().eval()
    before = dict(vars(getattr(model, "part", model)))
    with ActiVisLogger(tmp_path, model) as logger, pytest.warns(ActiVisWarning) as said, logger.watch(1):
        generate(model, data[0], steps=steps)
    expected = f"ActiVis lost the snapshot of step 1; training goes on. ActiVisError: {NO_PASS} (Said once"
    assert [str(one.message)[: len(expected)] for one in said] == [expected]
    with ActiVisLogger(tmp_path, model, strict=True) as logger, pytest.raises(ActiVisError) as raised:
        watched_by(logger, model, generates_alone, data)
    assert str(raised.value) == f"batch() came without a forward pass of the model before it. {ADVICE}"
    assert not list(tmp_path.rglob("*tfevents*"))
    assert vars(getattr(model, "part", model)) == before


def watched_by(logger: Any, model: Any, evaluate: Any, data: Data) -> None:
    with logger.watch(1) as watched:
        evaluate(model, watched, data)


def generates_alone(model: Any, watched: Any, data: Data) -> None:
    generate(model, data[0])
    watched.batch(labels=data[1])


def only_a_part(model: Any, watched: Any, data: Data) -> None:
    model.conv(data[0])


def in_training_mode(model: Any, watched: Any, data: Data) -> None:
    model.generate(data[0])
    model.train()(data[0])


def one_batch_too_many(model: Any, watched: Any, data: Data) -> None:
    model.generate(data[0][:9])
    model(data[0][:9])
    watched.batch(labels=data[1][:9])
    watched.batch(labels=data[1][9:])


NO_PASS_ALONE = "The model made no forward pass in evaluation mode while it was watched."


@pytest.mark.parametrize(
    ("evaluate", "said"),
    [
        (only_a_part, NO_PASS_ALONE),
        (in_training_mode, f"{NO_PASS_ALONE} The model was in training mode: call model.eval() before."),
        (
            one_batch_too_many,
            "batch() came without a forward pass of the model before it. Call it after a forward pass of the logger's own model, "
            "in the thread of the watch.",
        ),
    ],
)
def test_the_advice_is_given_in_no_other_case(tmp_path: Path, data: Data, evaluate: Any, said: str) -> None:
    model = Generating().eval()
    with ActiVisLogger(tmp_path, model, strict=True) as logger, pytest.raises(ActiVisError) as raised:
        watched_by(logger, model, evaluate, data)
    assert str(raised.value) == said


@pytest.mark.parametrize("kind", [Generating, Inside])
@pytest.mark.parametrize("first", [False, True])
def test_an_evaluation_that_generates_as_well(tmp_path: Path, data: Data, kind: Any, first: bool) -> None:
    model = kind().eval()
    layers = ["part.conv", "part.fc"] if kind is Inside else ["conv", "fc"]
    with ActiVisLogger(tmp_path, model, layers=layers, strict=True) as logger, torch.no_grad():
        for step in range(2):  # the first evaluation records the model, too
            with logger.watch(step) as watched:
                for x, y in chunks(data, 9):
                    if first:
                        generate(model, x)
                    model(x)
                    if not first:
                        generate(model, x)
                    watched.batch(labels=y)
    run = open_run(tmp_path)
    for step, layer in ((0, layers[0]), (0, layers[1]), (1, layers[0]), (1, layers[1])):
        check(run.snapshot(step), model, layer, *data)
        assert run.snapshot(step).notes == ()


@pytest.mark.parametrize("first", [False, True])
def test_an_evaluation_by_parts_of_the_model_that_generates_as_well(tmp_path: Path, data: Data, first: bool) -> None:
    """As a step of Lightning's calls the network inside of its module."""
    model = Inside().eval()
    with ActiVisLogger(tmp_path, model, layers=["part.conv", "part.fc"], strict=True) as logger, torch.no_grad():
        watched = logger.open_watch(1)
        for x, y in chunks(data, 9):
            watched.begin((x, y))
            if first:
                model.part.generate(x)
            model.part(x)
            if not first:
                model.part.generate(x)
            watched.end()
        watched.close()
    for layer in ("part.conv", "part.fc"):
        check(open_run(tmp_path).latest, model, layer, *data)


def test_a_method_that_yields_what_it_generates(tmp_path: Path, data: Data) -> None:
    """Its passes are made between those of the evaluation."""

    class Streaming(Generating):
        @torch.no_grad()
        def generate(self, x: torch.Tensor, *, steps: int = 3) -> Any:
            for _ in range(steps):
                yield self(2 * x).argmax(1)
            return "what ended it"

    model = Streaming().eval()
    with torch.no_grad():
        expected = model(2 * data[0]).argmax(1)
    with ActiVisLogger(tmp_path, model, layers=["fc"], strict=True) as logger, torch.no_grad():
        with logger.watch(1) as watched:
            stream = model.generate(data[0], steps=5)
            for x, y in chunks(data, 9):
                model(x)
                assert torch.equal(next(stream), expected)
                watched.batch(labels=y)
        with pytest.raises(StopIteration) as stop:
            next(stream)
        assert stop.value.value == "what ended it"
        with pytest.raises(ActiVisError, match=re.escape(ADVICE)):
            watched_by(logger, model, lambda model, watched, data: list(model.generate(data[0])), data)
    check(open_run(tmp_path).latest, model, "fc", *data)


def test_what_the_forward_pass_generates_belongs_to_it(tmp_path: Path, data: Data) -> None:
    model = GeneratesFirst().eval()
    layers = ["part.norm", "head"]
    with (
        ActiVisLogger(tmp_path, model, layers=layers, strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            model(x)
            watched.batch(labels=y)
    for layer in layers:
        check(open_run(tmp_path).latest, model, layer, *data)


def test_two_watches_each_leave_it_out_and_end_in_any_order(tmp_path: Path, data: Data) -> None:
    for order in ((0, 1), (1, 0)):
        model = Generating().eval()
        loggers = [ActiVisLogger(tmp_path / f"{order}{number}", model, layers=["fc"], strict=True) for number in (0, 1)]
        watches = [logger.watch(1) for logger in loggers]
        with torch.no_grad():
            model.generate(data[0])
            model(data[0])
        for number in order:
            model.generate(data[0])
            watches[number].batch(labels=data[1])
            watches[number].close()
            loggers[number].close()
            check(open_run(tmp_path / f"{order}{number}").latest, model, "fc", *data)
        assert "generate" not in vars(model)


def test_a_failed_generation_is_the_users_and_the_watch_goes_on(tmp_path: Path, data: Data) -> None:
    model = Generating().eval()
    with (
        ActiVisLogger(tmp_path, model, layers=["fc"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        with pytest.raises(RuntimeError, match="shape|channels|size"):
            model.generate(torch.ones(2, 3))
        model(data[0])
        watched.batch(labels=data[1])
    check(open_run(tmp_path).latest, model, "fc", *data)


def test_a_copy_made_while_it_is_watched_generates_by_itself(tmp_path: Path, data: Data) -> None:
    model = Generating().eval()
    mine: Any = Generating().eval()
    mine.generate = twice
    with (
        ActiVisLogger(tmp_path, model, layers=["fc"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        copied = copy.deepcopy(model)
        assert inspect.signature(model.generate) == inspect.signature(Generating().generate)
        model(data[0])
        watched.batch(labels=data[1])
    with torch.no_grad():
        copied.fc.weight.zero_()
        copied.fc.bias.copy_(torch.tensor([0.0, 0.0, 1.0]))  # predicts the last class
    np.testing.assert_allclose(copied.generate(data[0], steps=1), 2 * data[0] + 2, rtol=1e-5)
    with ActiVisLogger(tmp_path / "mine", mine, layers=["fc"], strict=True) as logger, logger.watch(1) as watched:
        assert copy.deepcopy(mine).generate(3) == mine.generate(3) == 6
        mine(data[0])
        watched.batch(labels=data[1])
    assert mine.generate is twice


def twice(value: Any) -> Any:
    return 2 * value
