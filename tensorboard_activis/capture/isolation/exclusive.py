"""A lock so that only one thread of a process evaluates a model at a time.

An evaluation changes and restores state of the whole process: random states, training flags of modules that two models share,
settings of the framework. Two at the same time would each restore the other's changes.
"""

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from tensorboard_activis.capture.isolation.interrupts import bracketed

T = TypeVar("T")

#: Seconds after which a waiting thread lets signal handlers run.
_POLL_SECONDS = 0.05
_lock = threading.RLock()


def exclusively(body: Callable[[], T]) -> T:
    """Runs the body while no other thread of this process runs one. A thread may nest calls."""
    while True:
        acquired: list[bool] = []
        results: list[T] = []

        def begin(acquired: list[bool] = acquired) -> None:
            acquired.append(_lock.acquire(timeout=_POLL_SECONDS))

        def run(acquired: list[bool] = acquired, results: list[T] = results) -> None:
            if acquired[0]:
                results.append(body())

        def end(failed: bool, acquired: list[bool] = acquired) -> None:
            if any(acquired):
                _lock.release()

        bracketed(begin, run, end)
        if results:
            return results[0]


def _unlock() -> None:
    """Replaces the lock in a forked process, where the thread that has it does not exist."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)
