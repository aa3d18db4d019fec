"""A process that makes loggers and logs while a thread of it sends it SIGINT at random times.

python -m tests.torch.signalled SIGNALS SEED

Nothing is traced, so signals also arrive in compiled code and between any two instructions.
"""

import os
import random
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from tensorboard_activis import open_run
from tests.torch.process_state import differences, process_state
from tests.torch.test_interrupts import made, trained


class Timer:
    """Sends SIGINT to this process once, at a random time after a piece of work has begun, unless it is over.

    Arguments:
        latest: seconds until which the signal comes.
    """

    def __init__(self, seed: int, latest: float) -> None:
        self._random = random.Random(seed)
        self._latest = latest
        self.sent = 0

    def interrupt(self, work: Callable[[], object]) -> bool:
        """Does the work; returns whether KeyboardInterrupt ended it."""
        over, after = threading.Event(), self._latest * self._random.random()

        def send() -> None:
            if not over.wait(after):
                self.sent += 1
                os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=send)
        try:
            thread.start()
            work()
            over.set()
            thread.join()
            time.sleep(0.001)  # a signal that was sent is handled here
        except KeyboardInterrupt:
            over.set()
            thread.join()
            return True
        return False


def main(signals: int, seed: int) -> None:
    """Goes on until at least so many signals were sent; prints how many there were, how many interrupted, and the steps.

    Each logger logs a step that no signal is sent to after two that may be interrupted.
    """
    warnings.simplefilter("error")
    torch.manual_seed(seed)
    model, interrupted, step, logged = trained(), 0, 0, set[int]()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        for _ in range(2):  # the first one imports what is needed
            with made(path, model) as logger:
                step += 1
                begun = time.perf_counter()
                logger.log(step)
                timer = Timer(seed, 1.5 * (time.perf_counter() - begun))
        while timer.sent < signals:
            before = process_state(model)
            if step % 2 == 0:
                interrupted += timer.interrupt(lambda: made(path, model).close())
                check(before, process_state(model), f"making a logger, signal {timer.sent}")
            with made(path, model) as logger:  # the next one works, and nobody holds the directory
                before = process_state(model)
                for _ in range(2):
                    step += 1
                    if timer.interrupt(partial(logger.log, step)):
                        interrupted += 1
                    else:
                        logged.add(step)
                    check(before, process_state(model), f"step {step}, signal {timer.sent}")
                step += 1
                logger.log(step)
                logged.add(step)
        steps = set(open_run(path).steps)
        if not steps >= logged:
            raise AssertionError(f"steps are lost: {logged - steps}")
    print(f"{timer.sent} signals, {interrupted} interrupted, {len(logged)} steps logged")


def check(before: dict[str, object], after: dict[str, object], when: str) -> None:
    """Compares the model, hooks, flags, random states and handlers. Raises AssertionError."""
    changed = differences(before, after)
    if changed:
        raise AssertionError(f"{when}: {changed}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
