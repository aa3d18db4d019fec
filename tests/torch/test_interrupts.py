"""Ctrl-C at any line leaves the model and the process unchanged, and the directory unlocked."""

import contextlib
import linecache
import random
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.interrupting import Interrupter, chosen_lines, lines_of
from tests.torch.network import Net, X, Y
from tests.torch.process_state import differences, process_state


class Counting(Net):
    """Changes a buffer whatever the mode, and draws."""

    calls: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(x + torch.rand(()) * 0)


def columns(batch: Any) -> dict[str, Any]:
    return {"luck": [random.random() for _ in batch[0]]}


def made(log_dir: Path, model: nn.Module, **options: Any) -> ActiVisLogger:
    loader: Any = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), 5, shuffle=True)
    return ActiVisLogger(log_dir, model, loader, layers=["*", "/flatten"], columns=columns, strict=True, **options)


def trained() -> Counting:
    model = Counting().train()
    model.norm.eval()
    return model


@pytest.mark.parametrize("options", [{}, {"graph": "export"}])
def test_constructor(tmp_path: Path, options: dict[str, Any]) -> None:
    model = trained()
    count = lines_of(lambda: made(tmp_path / "count", model, **options).close())
    interrupted = 0
    for line in chosen_lines(count, 40 if not options else 6, seed=1):
        before, interrupter = process_state(model), Interrupter([line])
        if not interrupter.run(lambda: made(tmp_path, model, **options)):
            continue
        interrupted += 1
        assert not differences(before, process_state(model)), interrupter.places
        made(tmp_path, model).close()  # nobody holds the directory
    assert interrupted > 5


def test_log_and_close(tmp_path: Path) -> None:
    model, logger = trained(), None
    logger = made(tmp_path, model)
    logger.log(0)
    count = lines_of(lambda: logger.log(1))
    steps = {0, 1}
    for step, line in enumerate(chosen_lines(count, 30, seed=2), start=2):
        before, interrupter = process_state(model), Interrupter([line, line + 7])
        if not interrupter.run(lambda step=step: logger.log(step)):  # type: ignore[misc]
            steps.add(step)
        assert not differences(before, process_state(model)), interrupter.places
    logger.log(1000)
    read = set(open_run(tmp_path).steps)
    assert read >= steps | {1000}
    assert len(read) < 40
    for line in range(0, lines_of(logger.close), 9):
        logger.log(1000)
        before = process_state(model)
        if Interrupter([line]).run(logger.close):
            assert not differences(before, process_state(model))
            logger.close()
        made(tmp_path, model).close()


def test_a_signal_that_comes_while_things_are_changed_is_not_lost(tmp_path: Path) -> None:
    """Also of a handler of the user's own, which stays."""
    model, caught = trained(), []
    previous = signal.signal(signal.SIGTERM, lambda number, frame: caught.append(number))
    try:
        with made(tmp_path, model) as logger:
            handler = signal.getsignal(signal.SIGTERM)
            hook = model.fc.register_forward_hook(lambda *_: signal.raise_signal(signal.SIGTERM))
            logger.log(0)
            hook.remove()
            assert caught
            assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_interrupts_of_nested_work() -> None:
    from tensorboard_activis.capture.isolation.interrupts import bracketed

    def attempt(at: int) -> tuple[bool, int, list[str]]:
        done: list[str] = []

        def inner() -> str:
            done.append("body")
            return bracketed(lambda: done.append("begin 2"), lambda: "result", lambda failed: done.append("end 2"))

        def work() -> None:
            assert bracketed(lambda: done.append("begin"), inner, lambda failed: done.append("end")) == "result"

        interrupter = Interrupter([at, at + 3])
        return interrupter.run(work), interrupter.lines, done

    interrupted, count, done = attempt(10_000)
    assert not interrupted
    assert done == ["begin", "body", "begin 2", "end 2", "end"]
    handler = signal.getsignal(signal.SIGINT)
    for at in range(count):
        interrupted, _, done = attempt(at)
        assert interrupted
        assert signal.getsignal(signal.SIGINT) is handler
        for begin, end in (("begin", "end"), ("begin 2", "end 2")):
            assert begin not in done or end in done, at


def test_watch(tmp_path: Path) -> None:
    """Ctrl-C in the user's own evaluation, or in our hooks: the model and the process are as before, and later steps are logged."""
    model = trained().eval()
    logger = ActiVisLogger(tmp_path, model, layers=["*", "/flatten"], strict=True)

    def evaluate(step: int) -> None:
        with logger.watch(step) as watched:
            for x, y in zip(X.split(5), Y.split(5), strict=True):
                model(x)
                watched.batch(labels=y)

    evaluate(0)
    count = lines_of(lambda: evaluate(1))
    steps, interrupted = {0, 1}, 0
    for step, line in enumerate(chosen_lines(count, 30, seed=5), start=2):
        before, interrupter = process_state(model), Interrupter([line, line + 7])
        if interrupter.run(lambda step=step: evaluate(step)):  # type: ignore[misc]
            interrupted += 1
        else:
            steps.add(step)
        # The user's own passes count in a buffer and draw random numbers.
        changed = set(differences(before, process_state(model))) - {"tensors", "torch"}
        assert not changed, interrupter.places
    evaluate(1000)
    logger.close()
    assert interrupted > 10
    assert set(open_run(tmp_path).steps) >= steps | {1000}


class AtTheSwitch(Interrupter):
    """Interrupts at lines that switch torch functions off and on, which are traced when their block begins and when it ends."""

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and "DisableTorchFunction" not in linecache.getline(
            frame.f_code.co_filename, frame.f_lineno
        ):
            return self._line
        return super()._line(frame, event, arg)


@pytest.mark.parametrize("at", range(4))
def test_watch_where_torch_functions_are_switched(tmp_path: Path, at: int) -> None:
    """An interrupt at the end of a `with` block leaves out what the block would undo."""
    model = trained().eval()
    before = process_state(model)
    with ActiVisLogger(tmp_path, model, layers=["*", "/flatten"], strict=True) as logger:

        def evaluate() -> None:
            with logger.watch(0) as watched:
                model(X[:5])
                watched.batch(labels=Y[:5])

        interrupter = AtTheSwitch([at])
        assert interrupter.run(evaluate)
        assert interrupter.places[0].startswith("hooks.py:")
        assert not set(differences(before, process_state(model))) - {"tensors", "torch"}


class InTorch(Interrupter):
    """Interrupts at lines by which torch takes a mode off the stack for a call, and puts it back."""

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        torchs = frame.f_back is not None and frame.f_back.f_code.co_filename == torch.overrides.__file__
        if not torchs or frame.f_code.co_filename != contextlib.__file__:
            return self._line
        return super()._line(frame, event, arg)


def test_no_mode_comes_back_when_an_interrupt_in_torch_is_forgotten(tmp_path: Path) -> None:
    model = trained().eval()
    with ActiVisLogger(tmp_path, model, (X, Y), layers=["*", "/flatten"], strict=True) as logger:

        def evaluate(step: int) -> None:
            with logger.watch(step) as watched:
                model(X[:5])
                watched.batch(labels=Y[:5])

        works: list[Callable[[int], object]] = [evaluate, logger.log]
        for step, work in enumerate(works):
            for at in range(12):  # each call has some lines that begin it and some that end it
                before, interrupter = process_state(model), InTorch([at])
                assert interrupter.run(partial(work, step)), at
                assert not set(differences(before, process_state(model))) - {"tensors", "torch"}, interrupter.places
