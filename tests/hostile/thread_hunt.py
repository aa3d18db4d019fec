"""Hunts for interleavings of loggers, training threads and interrupts that leave anything changed.

Input n of seed s makes the same model, loggers and threads, and sends SIGINT to the same lines of the main thread; how threads
take turns between is the system's choice, so a fault may need several tries.
"""

import gc
import random
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.interrupting import Interrupter
from tests.torch.process_state import differences, process_state

#: Seconds until an input counts as stuck.
_PATIENCE = 120.0


def main(inputs: int, seed: int, first: int, only: int | None) -> int:
    """Tries so many inputs; returns the exit status."""
    torch.set_num_threads(1)
    numbers = range(first, first + inputs) if only is None else (only,)
    faults = 0
    start = time.process_time()
    for number in numbers:
        with tempfile.TemporaryDirectory() as directory:
            try:
                _Input(random.Random(f"threads {seed} {number}"), Path(directory)).run()
            except Exception:
                faults += 1
                print(f"input {number} of seed {seed}", file=sys.stderr)
                traceback.print_exc()
        gc.collect()
    seconds = time.process_time() - start
    print(f"{len(numbers):,} inputs in {seconds:.0f} s of the processor; {faults or 'no'} fault{'s' * (faults > 1)}")
    return int(faults > 0)


class _Model(nn.Module):
    """Dropout, BatchNorm, a buffer that counts whatever the mode; says in which mode training threads ran it."""

    calls: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(inplace=True), nn.Dropout())
        self.head = nn.Linear(5, 3)
        self.register_buffer("calls", torch.zeros(()))
        self.trainers: set[int] = set()
        self.modes: list[tuple[bool, ...]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        before = (self.training, self.body[3].training)
        out: torch.Tensor = self.head(self.body(x))
        if threading.get_ident() in self.trainers:
            self.modes.append((*before, self.training, self.body[1].training))
        return out


class _Input:
    def __init__(self, rng: random.Random, directory: Path) -> None:
        self._rng, self._directory = rng, directory
        self._train = rng.random() < 0.6
        self._train_in_main = self._train and rng.random() < 0.4
        self._steps = rng.randrange(5, 25)
        self._loggers = rng.choice((1, 1, 2))
        self._shuffle = rng.random() < 0.5
        self._wait = rng.choice((0.0, 0.0005, 0.003))
        self._seed = rng.randrange(1000)

    def run(self) -> None:
        alone = self._made()
        if self._train:
            torch.manual_seed(self._seed)
            self._trained(alone)
        end = torch.get_rng_state().tolist()
        model = self._made()
        before = process_state(model)
        loggers = [self._logger(model, number) for number in range(self._loggers)]
        _same(before, process_state(model), "constructors")
        torch.manual_seed(self._seed)
        before["torch"] = end if self._train else torch.get_rng_state().tolist()
        threads = [threading.Thread(target=work, daemon=True) for work in self._work(model, loggers)]
        for thread in threads:
            thread.start()
        logged = self._main(model, loggers)
        for thread in threads:
            thread.join(_PATIENCE)
            if thread.is_alive():
                raise AssertionError(f"stuck: {sys._current_frames().get(thread.ident or 0)}")
        self._check(model, alone, before, loggers, logged)

    def _made(self) -> _Model:
        torch.manual_seed(self._seed)
        return _Model().train()

    def _logger(self, model: nn.Module, number: int) -> ActiVisLogger:
        x, y = torch.linspace(0, 1, 28).reshape(7, 4), torch.arange(7) % 3
        data = DataLoader(TensorDataset(x, y), 3, shuffle=self._shuffle, generator=torch.Generator().manual_seed(1))
        return ActiVisLogger(self._directory / str(number), model, data, layers=["*"], strict=True)

    def _work(self, model: _Model, loggers: list[ActiVisLogger]) -> list[Callable[[], None]]:
        """What threads beside the main one do."""
        work: list[Callable[[], None]] = []
        if self._train and not self._train_in_main:
            work.append(lambda: self._trained(model))

        def log(logger: ActiVisLogger, first: int) -> None:
            for step in range(first, first + 4):
                logger.log(step)
                time.sleep(self._wait)

        for number in range(self._rng.randrange(1 if self._train_in_main else 0, 3)):
            logger = self._rng.choice(loggers)
            work.append(lambda logger=logger, first=100 * (number + 1): log(logger, first))  # type: ignore[misc]
        return work

    def _main(self, model: _Model, loggers: list[ActiVisLogger]) -> set[int]:
        """What the main thread does; gives the steps that no interrupt ended."""
        if self._train_in_main:
            self._trained(model)
            return set()
        whole: set[int] = set()
        logger = loggers[0]
        for step in range(5):
            lines = sorted(self._rng.randrange(4000) for _ in range(self._rng.choice((0, 1, 1, 3))))
            if self._rng.random() < 0.3:
                lines = [self._rng.randrange(500)]
            if not Interrupter(lines).run(lambda step=step: logger.log(step)):  # type: ignore[misc]
                whole.add(step)
        if self._rng.random() < 0.5:
            Interrupter([self._rng.randrange(60)]).run(logger.close)
        return whole

    def _trained(self, model: _Model) -> None:
        model.trainers.add(threading.get_ident())
        generator = torch.Generator().manual_seed(self._seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for step in range(self._steps):
            training = step % 4 != 3  # not `model.training`, which a pass of another thread may have turned off by then
            model.train(training)
            output = model(torch.rand(6, 4, generator=generator))
            if training:
                optimizer.zero_grad(set_to_none=True)
                output.square().mean().backward()
                optimizer.step()
            time.sleep(self._wait)
        optimizer.zero_grad(set_to_none=True)
        model.train()
        model.trainers.discard(threading.get_ident())  # a thread that begins later may have the same number

    def _check(
        self, model: _Model, alone: _Model, before: dict[str, Any], loggers: list[ActiVisLogger], logged: set[int]
    ) -> None:
        modes = [(step % 4 != 3,) * 4 for step in range(self._steps if self._train else 0)]
        assert model.modes == modes, f"training ran in other modes: {model.modes}"
        after = process_state(model)
        if self._train:
            for name, tensor in alone.state_dict().items():
                assert torch.equal(tensor, model.state_dict()[name]), f"training came to another {name}"
            before = before | {"tensors": after["tensors"]}
        _same(before, after, "threads and interrupts")
        for number, logger in enumerate(loggers):
            logger.close()
            with self._logger(model, number) as other:
                other.log(1000)
            steps = set(open_run(self._directory / str(number)).steps)
            assert 1000 in steps
            assert number or steps >= logged, f"lost steps {logged - steps}"


def _same(before: dict[str, Any], after: dict[str, Any], what: str) -> None:
    changed = differences(before, after)
    assert not changed, f"{what} left changed: {', '.join(changed)}"
