"""Watches how long the answer to one request takes, and how long it goes without a look at its limits."""

import threading
import time
from unittest.mock import patch

from tensorboard_activis.query import limits

#: Seconds of the processor that one request may take.
SECONDS = 2.0
#: Seconds of the processor between two looks at the limits of a request; 0.05 are meant, on a machine that does nothing else.
BETWEEN = 0.5


class Watch:
    """Counts from `start` on, in the thread that made it; `problem` says what took too long."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._begun = self._last = self._longest = 0.0
        check = limits._Limit.check

        def watched(limit: limits._Limit) -> None:
            self._look()
            check(limit)

        patch.object(limits._Limit, "check", watched).start()

    def start(self) -> None:
        """A request begins."""
        self._begun = self._last = time.thread_time()
        self._longest = 0.0

    def problem(self) -> str | None:
        """What is wrong with the times since `start`, in words; None if nothing is."""
        self._look()
        taken = self._last - self._begun
        if taken > SECONDS or self._longest > BETWEEN:
            return f"took {taken:.1f} s, {self._longest:.2f} s between two looks at the limits"
        return None

    def _look(self) -> None:
        if threading.get_ident() != self._thread:  # of those that compute parts, each has a time of its own
            return
        now = time.thread_time()
        self._longest = max(self._longest, now - self._last)
        self._last = now
