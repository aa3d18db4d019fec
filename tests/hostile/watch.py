"""Watches the time of a request: how long it takes, how long it does not look at its limits, and what it keeps from others."""

import threading
import time
from unittest.mock import patch

from tensorboard_activis.query import limits
from tests.hostile.interpreter import Interpreter, slowness

#: Seconds of the processor that one request may take.
SECONDS = 2.0
#: Seconds of the processor between two looks at the limits of a request, some of them without holding the interpreter.
BETWEEN = 0.5
#: Seconds for which a request may hold the interpreter, on a machine that is not slower than meant.
HELD = 0.05


class HeldError(Exception):
    """The interpreter was held for too long. How long something takes is never quite the same: try it again."""


class Watch:
    """Counts from `start` on, in the thread that made it."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._begun = self._last = self._longest = 0.0
        self._interpreter = Interpreter()
        check = limits._Limit.check

        def watched(limit: limits._Limit) -> None:
            self._look()
            check(limit)

        patch.object(limits._Limit, "check", watched).start()

    def start(self) -> None:
        """A request begins."""
        self._interpreter.start()
        self._begun = self._last = time.thread_time()
        self._longest = 0.0

    def problem(self) -> str | None:
        """What is wrong with the times since `start`, in words; None if nothing is."""
        self._look()
        taken = self._last - self._begun
        if taken > SECONDS or self._longest > BETWEEN:
            return f"took {taken:.1f} s, {self._longest:.2f} s between two looks at the limits"
        return None

    def check_held(self) -> None:
        """Raises HeldError if other threads waited too long for the interpreter since `start`."""
        held = self._interpreter.longest()
        if held > HELD and held > HELD * (slow := slowness()):
            raise HeldError(
                f"held the interpreter for {1000 * held:.0f} ms; the machine is {slow:.1f} times slower than meant"
            )

    def _look(self) -> None:
        if threading.get_ident() != self._thread:  # of those that compute parts, each has a time of its own
            return
        now = time.thread_time()
        self._longest = max(self._longest, now - self._last)
        self._last = now
