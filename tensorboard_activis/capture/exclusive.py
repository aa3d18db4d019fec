"""One evaluation pass at a time in a process.

Passes share what belongs to the process: random states, training flags of modules that two models have in common, settings of
the framework. Two at a time would each take the other's changes for the state to restore.
"""

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from tensorboard_activis.capture.interrupts import bracketed

T = TypeVar("T")

#: Seconds after which a thread that waits looks for interrupts.
_SLICE = 0.05
_lock = threading.RLock()


def exclusively(body: Callable[[], T]) -> T:
    """Runs the body when no other thread of this process runs one; may be nested in one thread."""
    while True:
        taken: list[bool] = []
        results: list[T] = []

        def begin(taken: list[bool] = taken) -> None:
            taken.append(_lock.acquire(timeout=_SLICE))

        def run(taken: list[bool] = taken, results: list[T] = results) -> None:
            if taken[0]:
                results.append(body())

        def end(failed: bool, taken: list[bool] = taken) -> None:
            if any(taken):
                _lock.release()

        bracketed(begin, run, end)
        if results:
            return results[0]


def _unlock() -> None:
    """In a process that was just forked, where the thread that had the lock does not exist."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)
