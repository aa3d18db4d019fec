"""Changes state, runs a body and restores the state, safely when Ctrl-C (a signal) comes at any moment.

Python runs signal handlers between any two instructions of the main thread, also inside `finally` and `__exit__`, so an
exception that a handler raises, such as KeyboardInterrupt, can skip code that restores state. Here signals are deferred while
state is changed or restored, and handled as usual while the body runs. Signals never interrupt other threads.
"""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

#: Signals whose handlers may raise, to end the program or a part of it. SIGINT is restored last.
_SIGNALS = [
    getattr(signal, name) for name in ("SIGALRM", "SIGHUP", "SIGTERM", "SIGBREAK", "SIGINT") if hasattr(signal, name)
]
#: Seconds after which the handler of a deferred signal that comes a second time is called at once.
_PATIENCE = 2.0


def bracketed(begin: Callable[[], None], body: Callable[[], T], end: Callable[[bool], None]) -> T:
    """Runs `begin`, `body` and `end`, and returns what the body returns; signals interrupt the body only.

    Args:
        begin: changes state; should be short.
        body: may take long.
        end: restores the state; is called whatever happens, even if `begin` was not called. Its argument is whether an exception
            is being raised. Should be short.
    """
    signals = _Deferred()
    failed = True
    try:
        try:
            signals.install()
            begin()
            signals.deliver()
            result = body()
            failed = False
        finally:
            signals.deferring = True  # an interrupt at this very place has set it
    finally:
        try:
            end(failed or bool(signals.pending))
        finally:
            signals.remove()
    return result


def within(body: Callable[[], T], *contexts: AbstractContextManager[Any]) -> T:
    """Runs the body inside context managers that no signal interrupts while they are entered or left.

    Their `__exit__` gets no exception, even if the body raises one.
    """
    stack = ExitStack()

    def begin() -> None:
        for context in contexts:
            stack.enter_context(context)

    return bracketed(begin, body, lambda failed: stack.close())


def uninterrupted(work: Callable[[], T]) -> T:
    """Runs a short function that no signal interrupts, and returns its result."""
    results: list[T] = []
    bracketed(lambda: results.append(work()), lambda: None, lambda failed: None)
    return results[0]


def always(end: Callable[[], None]) -> None:
    """Runs a short function that restores state: no signal interrupts it, and one that comes just before does not skip it."""
    bracketed(lambda: None, lambda: None, lambda failed: end())


class _Deferred:
    """Wraps the Python signal handlers of the process, to defer signals.

    Attributes:
        deferring: whether signals are deferred; a handled signal sets it too, because state is restored after one.
        pending: deferred signals. One that comes again after `_PATIENCE` seconds is handled at once: the user insists.
    """

    def __init__(self) -> None:
        self.deferring = True
        self.pending: list[int] = []
        self._since = 0.0
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._wrapper = self._handle  # one object, so that it can be compared
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler

    def install(self) -> None:
        for number in self._handlers:
            signal.signal(number, self._wrapper)

    def deliver(self) -> None:
        """Stops deferring, and handles the pending signals."""
        self.deferring = False
        while self.pending:
            signal.raise_signal(self.pending.pop())

    def remove(self) -> None:
        """Restores the handlers, and handles the pending signals."""
        self._remove(list(self._handlers))
        while self.pending:
            signal.raise_signal(self.pending.pop())

    def _remove(self, numbers: Sequence[int]) -> None:
        if not numbers:
            return
        try:
            if signal.getsignal(numbers[0]) is self._wrapper:  # otherwise the body has installed another
                signal.signal(numbers[0], self._handlers[numbers[0]])
        finally:
            self._remove(numbers[1:])

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.deferring:
            if number not in self.pending:
                self.pending.append(number)
                self._since = time.monotonic()
                return
            if time.monotonic() - self._since < _PATIENCE:
                return
        self.deferring = True
        self._handlers[number](number, frame)
        self.deliver()  # it did not raise, so the body goes on
