"""Loggers and training in several threads: loggers wait for each other, and training is the same as without them."""

import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.capture.torch.model import other_threads
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.network import Net, X, Y

Data = tuple[torch.Tensor, torch.Tensor]


def in_thread(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_one_thread_makes_a_logger_another_uses_it_and_a_third_closes_it(tmp_path: Path, data: Data) -> None:
    logger = in_thread(lambda: ActiVisLogger(tmp_path, Net(), data, strict=True))
    logger.log(1)
    in_thread(lambda: logger.log(2))
    in_thread(logger.close)
    with ActiVisLogger(tmp_path, Net(), data, strict=True) as other:
        other.log(3)
    assert open_run(tmp_path).steps == [1, 2, 3]


@pytest.mark.parametrize("loggers", [1, 2])
def test_two_threads_log_one_model(tmp_path: Path, data: Data, loggers: int) -> None:
    model = Net()
    model.norm.eval()
    flags = [module.training for module in model.modules()]
    torch.manual_seed(3)
    before = torch.get_rng_state()
    made = [ActiVisLogger(tmp_path / str(number), model, data, strict=True) for number in range(loggers)]
    with ThreadPoolExecutor(2) as pool:
        # Of one step, for which of the threads comes first is not settled.
        assert list(pool.map(lambda number: made[number % loggers].log(7), range(12))) == [None] * 12
    for logger in made:
        logger.close()
    assert [module.training for module in model.modules()] == flags
    assert torch.equal(torch.get_rng_state(), before)
    assert all(not module._forward_pre_hooks and not module._forward_hooks for module in model.modules())
    assert [open_run(tmp_path / str(number)).steps for number in range(loggers)] == [[7]] * loggers


class Watched(Net):
    """Says in which mode each of its calls by one thread runs, from beginning to end."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, bool]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        modes = [self.training, self.drop.training]
        result = super().forward(x)
        modes += [self.training, self.norm.training]
        self.seen += [(threading.get_ident(), mode) for mode in modes]
        return result


def train(model: Watched, steps: int, whole: bool = True) -> tuple[int, dict[str, torch.Tensor]]:
    """Trains, and validates every fourth step; returns in how many modes it was wrong, and what became of the model."""
    generator = torch.Generator().manual_seed(5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    wrong = 0
    for step in range(steps):
        x = torch.rand(9, 1, 8, 8, generator=generator)
        validating = step % 4 == 3
        time.sleep(0.005)
        model.train(not validating)
        here = len(model.seen)
        # Part by part, as Lightning's steps may, or as a whole.
        output = model(x) if whole else model.fc(model.drop(model.act(model.norm(model.conv(x))).flatten(1)))
        mine = [mode for thread, mode in model.seen[here:] if thread == threading.get_ident()]
        wrong += sum(mode is validating for mode in mine)
        if not validating:
            optimizer.zero_grad()
            output.square().mean().backward()
            optimizer.step()
    return wrong, {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("logging_in_main", [True, False])
def test_training_beside_logging_is_training_alone(tmp_path: Path, whole: bool, logging_in_main: bool) -> None:
    def made() -> Watched:
        torch.manual_seed(0)
        return Watched()

    model = made()
    torch.manual_seed(1)
    _, alone = train(model, 60, whole)
    model = made()
    logger = ActiVisLogger(tmp_path, model, (X, Y), strict=True)
    torch.manual_seed(1)
    done, logged = threading.Event(), 0

    def trained() -> tuple[int, dict[str, torch.Tensor]]:
        try:
            return train(model, 60, whole)
        finally:
            done.set()

    def log() -> int:
        steps = 0
        while not done.is_set():
            logger.log(steps)
            steps += 1
        return steps

    with ThreadPoolExecutor(1) as pool:
        if logging_in_main:
            future = pool.submit(trained)
            logged, (wrong, beside) = log(), future.result()
        else:
            counting = pool.submit(log)
            (wrong, beside), logged = trained(), counting.result()
    logger.close()
    assert logged
    assert not wrong
    for name, tensor in alone.items():
        assert torch.equal(tensor, beside[name]), name


class Held(nn.Module):
    """Stays in its forward pass, while training, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 3)
        self.entered, self.free = threading.Event(), threading.Event()
        self.flags: list[bool] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if threading.current_thread() is not threading.main_thread():
            self.entered.set()
            self.free.wait(60)
        out: torch.Tensor = self.inner(x)
        if threading.current_thread() is not threading.main_thread():
            self.flags += [self.training, self.inner.training]
        return out


def test_a_forward_pass_that_runs_already_is_waited_for(tmp_path: Path) -> None:
    model = Held()
    with ActiVisLogger(tmp_path, model, torch.rand(5, 4), strict=True) as logger, ThreadPoolExecutor(1) as pool:
        future = pool.submit(model, torch.rand(5, 4))
        model.entered.wait(60)
        threading.Timer(0.3, model.free.set).start()
        logger.log(0)
        future.result(60)
        assert model.flags == [True, True]


class SlowSet(set[int]):
    """Takes its time to remove a member."""

    def discard(self, element: Any) -> None:
        time.sleep(0.2)
        super().discard(element)


def test_a_part_that_was_let_on_is_waited_for() -> None:
    """Also while its thread is just leaving the place where it would have waited."""
    part = Held()
    model = nn.Sequential(part)
    part.free.set()
    others = other_threads.OtherThreads(model)
    others._waiting_threads = waiting = SlowSet()
    others.block()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(part, torch.rand(5, 4))
        while not waiting and not future.done():
            time.sleep(0.001)
        others.wait()
        taken_while_running = not part.flags
        others.release()
        future.result(60)
    assert not taken_while_running


def test_a_forward_pass_that_does_not_end_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_threads, "PATIENCE", 0.2)
    model = Held()
    with ActiVisLogger(tmp_path, model, torch.rand(5, 4), strict=True) as logger, ThreadPoolExecutor(1) as pool:
        future = pool.submit(model, torch.rand(5, 4))
        model.entered.wait(60)
        with pytest.raises(ActiVisError, match="Another thread has been running the model"):
            logger.log(0)
        model.free.set()
        future.result(60)
        assert model.flags == [True, True]
        assert model.training
        logger.log(0)
    assert open_run(tmp_path).steps == [0]


def test_flags_that_another_thread_sets_meanwhile_stay(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Dropout(), nn.Linear(5, 2))
    seen: list[bool] = []
    setting: list[threading.Thread] = []

    def columns(batch: Any) -> dict[str, Any]:
        if begun.is_set() and not setting:
            setting.append(threading.Thread(target=model.eval))
            setting[0].start()
            time.sleep(0.1)
        seen.append(model[1].training)
        return {"one": [1.0] * 5}

    begun = threading.Event()
    with ActiVisLogger(tmp_path, model, torch.rand(5, 4), columns=columns, strict=True) as logger:
        begun.set()
        assert model.training
        logger.log(0)
        setting[0].join(60)
    assert not any(seen[1:])
    assert not any(module.training for module in model.modules())  # as the other thread wanted


def test_a_forward_pass_that_waited_for_the_whole_of_log_raises_nothing(tmp_path: Path) -> None:
    """It looked its hooks up before they were removed."""
    model = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2))
    x, outputs = torch.rand(5, 4), []
    running = threading.Thread(target=lambda: outputs.append(model(x)))

    def waits() -> bool:
        frame = sys._current_frames().get(running.ident or 0)
        while frame is not None and frame.f_code is not other_threads.OtherThreads._wait_if_blocked.__code__:
            frame = frame.f_back
        return frame is not None

    def columns(batch: Any) -> dict[str, Any]:
        batches.append(batch)
        if len(batches) == 2:  # of log, whose hooks are there
            running.start()
            while not waits():
                time.sleep(0.001)
        return {"one": [1.0] * len(batch)}

    batches: list[Any] = []
    with ActiVisLogger(tmp_path, model, DataLoader(x, 2), columns=columns) as logger:  # type: ignore[arg-type]
        batches.clear()
        logger.log(0)
        running.join(60)
    assert torch.equal(outputs[0], model(x))


class InThreads(nn.Module):
    """Runs its parts in threads."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.head = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(3, 2)
        self.pool = ThreadPoolExecutor(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        results = list(self.pool.map(lambda part: part(x), [self.one, self.other]))
        out: torch.Tensor = self.head(results[0] + results[1])
        return out


def test_a_model_that_runs_its_parts_in_threads_is_not_stopped(tmp_path: Path) -> None:
    model, x = InThreads(), torch.rand(5, 4)
    with ActiVisLogger(tmp_path, model, x, layers=["head"], strict=True) as logger:
        logger.log(0)
    assert open_run(tmp_path).steps == [0]


def test_numbers_that_other_threads_draw_are_not_drawn_again(tmp_path: Path, data: Data) -> None:
    """Nor are seeds taken back that they set, while a pass is between two batches."""
    begun, drawn = threading.Event(), threading.Event()

    def draw() -> list[Any]:
        begun.wait(60)
        random.seed(1)
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002 - the global state is what could be disturbed
        numbers = [random.random(), float(torch.rand(())), float(np.random.rand())]  # noqa: NPY002
        drawn.set()
        return numbers

    loader = DataLoader(TensorDataset(*data), 9, shuffle=True)
    with ActiVisLogger(tmp_path, Net(), loader, strict=True) as logger, ThreadPoolExecutor(1) as pool:
        add = logger._capture.evaluate

        def evaluate(take: Callable[..., None], progress: bool | None) -> Sequence[str]:
            def slowly(*args: Any, **kwargs: Any) -> None:
                begun.set()
                drawn.wait(60)
                take(*args, **kwargs)

            return add(slowly, progress)

        logger._capture.evaluate = evaluate  # type: ignore[assignment, method-assign]
        future = pool.submit(draw)
        logger.log(0)
        numbers = future.result(60)
    following = [random.random(), float(torch.rand(())), float(np.random.rand())]  # noqa: NPY002
    random.seed(1)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    for expected in (numbers, following):
        assert [random.random(), float(torch.rand(())), float(np.random.rand())] == expected  # noqa: NPY002
