"""Ctrl-C at every line: of what changes the state of the thread, and, every night, of all that runs in an evaluation."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tensorboard_activis.capture.torch.model import current_pass, thread_state
from tensorboard_activis.torch import ActiVisLogger
from tests.interrupting import Interrupter
from tests.torch.network import X, Y
from tests.torch.process_state import differences, process_state
from tests.torch.test_interrupts import trained

#: What turns something on and off for a thread.
SWITCHES = (current_pass.__file__, thread_state.__file__, "/torch/autograd/grad_mode.py", "/torch/amp/autocast_mode.py")


class AtSwitches(Interrupter):
    """Interrupts at lines of the files that turn something on or off, and at those by which torch takes a mode off for a call."""

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        name, caller = frame.f_code.co_filename, frame.f_back
        torchs = (
            name == contextlib.__file__ and caller is not None and caller.f_code.co_filename == torch.overrides.__file__
        )
        return super()._line(frame, event, arg) if torchs or any(each in name for each in SWITCHES) else self._line


class AtHooks(Interrupter):
    """Interrupts at lines by which torch puts a hook on a module."""

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        registers = code.co_name.startswith("register_") and code.co_filename == nn.modules.module.__file__
        return super()._line(frame, event, arg) if registers else self._line


class Attentive(nn.Module):
    """Blocks with heads, so that prediction by depth, attention and positions are recorded."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.embedding, self.blocks = nn.Embedding(20, 8), nn.TransformerEncoder(layer, 2)
        self.classifier = nn.Linear(8, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.classifier(self.blocks(self.embedding(tokens)).mean(1))
        return out


class UsersMode(TorchFunctionMode):
    """Does nothing, as the mode of `torch.device` does where nothing is made."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


Work = Callable[[int], object]


def watching(
    logger: ActiVisLogger, model: nn.Module, x: torch.Tensor, y: torch.Tensor, mode: AbstractContextManager[Any]
) -> Work:
    def evaluate(step: int) -> None:
        with logger.watch(step) as watched:
            for inputs, labels in zip(x.split(5), y.split(5), strict=True):
                with mode:
                    model(inputs)
                watched.batch(labels=labels)

    return evaluate


def beginning(where: Path, model: nn.Module, x: torch.Tensor, y: torch.Tensor, options: dict[str, Any]) -> Work:
    """Each time a logger's first evaluation, in which the model is recorded, by the batches of a trainer."""

    def evaluate(step: int) -> None:
        with ActiVisLogger(where / f"first{step}", model, **options) as logger, logger.watch(step) as watched:
            for inputs, labels in zip(x.split(5), y.split(5), strict=True):
                watched.begin((inputs, labels))
                model(inputs)
                watched.end()

    return evaluate


def check(interrupter: type[Interrupter], where: Path, kind: str, most: int) -> int:
    """Interrupts an evaluation at lines that count, and compares the model and the process.

    Arguments:
        kind: which model it has, and whose evaluation it is.
        most: lines that are tried; all if there are fewer.

    Returns:
        How many were tried.
    """
    torch.manual_seed(0)
    model, x, y = (Attentive().eval(), torch.randint(20, (12, 7)), Y) if "transformer" in kind else (trained(), X, Y)
    options: dict[str, Any] = {"layers": ["*"] if "transformer" in kind else ["*", "/flatten"], "strict": True}
    changed_by_the_model: set[str] = set()
    data: tuple[Any, ...] = ((x, y),)
    if "log" not in kind:
        data, changed_by_the_model = (), {"tensors", "torch"}
        model.eval()
    tried = 0
    while True:
        with ActiVisLogger(where / str(tried), model, *data, **options) as logger:
            mode = UsersMode() if "mode around its passes" in kind else nullcontext()
            work = logger.log if data else watching(logger, model, x, y, mode)
            if "first" in kind:
                work = beginning(where / str(tried), model, x, y, options)
            for step in range(2):
                work(step)  # later ones take other paths than the first
            counter = interrupter()
            counter.run(partial(work, 2))
            stride = -(-counter.lines // most)
            for step in range(3, 503):  # a directory with more steps takes more time
                line = tried * stride
                if line >= counter.lines:
                    return tried
                before, at = process_state(model), interrupter([line])
                at.run(partial(work, step))
                changed = set(differences(before, process_state(model))) - changed_by_the_model
                assert not changed, (line, at.places)
                tried += 1


MODELS = ["network", "transformer"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("evaluation", ["log", "watched"])
def test_lines_that_switch(tmp_path: Path, model: str, evaluation: str) -> None:
    assert check(AtSwitches, tmp_path, f"{model}, {evaluation}", most=100) > 50


@pytest.mark.parametrize("model", MODELS)
def test_modes_of_the_users_stay_on_and_off(tmp_path: Path, model: str) -> None:
    """Also where torch has taken off one of theirs and one of ours for a call."""
    with UsersMode():
        assert check(AtSwitches, tmp_path / "around", f"{model}, watched", most=50) > 25
    assert check(AtSwitches, tmp_path / "within", f"{model}, watched, with a mode around its passes", most=50) > 25


def test_lines_that_register_hooks(tmp_path: Path) -> None:
    assert check(AtHooks, tmp_path, "network, first of a trainer", most=50) > 25


@pytest.mark.nightly
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("evaluation", ["log", "watched", "first of a trainer"])
def test_every_line(tmp_path: Path, model: str, evaluation: str) -> None:
    assert check(Interrupter, tmp_path, f"{model}, {evaluation}", most=1_000_000) > 1_000
