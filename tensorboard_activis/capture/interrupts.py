"""Running a change, a body and the restoring of what was changed, so that Ctrl-C can come at any moment.

Python runs signal handlers between any two instructions of the main thread, also inside `finally` and `__exit__`, so an
exception that a handler raises, such as KeyboardInterrupt, can skip what should put things back. Here handlers are called later
while things are changed or put back, and as ever while the body runs. Signals never interrupt other threads.
"""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

#: Signals whose handlers end a program or a piece of it by raising. SIGINT is restored last.
_SIGNALS = [
    getattr(signal, name) for name in ("SIGALRM", "SIGHUP", "SIGTERM", "SIGBREAK", "SIGINT") if hasattr(signal, name)
]
#: Seconds after which a signal that comes a second time is called while things are changed.
_PATIENCE = 2.0


def bracketed(begin: Callable[[], None], body: Callable[[], T], end: Callable[[bool], None]) -> T:
    """Runs `begin`, `body` and `end`, and returns what the body returns; signals interrupt the body only.

    Args:
        begin: changes things; should be short.
        body: may take long.
        end: puts things back, and is called whatever happens, even where `begin` has not begun. It is told whether an exception
            is on its way out. Should be short.
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
    """Runs the body inside of context managers whose entering and leaving no signal interrupts.

    They are left without being told of an exception in the body.
    """
    stack = ExitStack()

    def begin() -> None:
        for context in contexts:
            stack.enter_context(context)

    return bracketed(begin, body, lambda failed: stack.close())


def uninterrupted(work: Callable[[], T]) -> T:
    """Runs something short, which no signal interrupts."""
    results: list[T] = []
    bracketed(lambda: results.append(work()), lambda: None, lambda failed: None)
    return results[0]


class _Deferred:
    """Stands between the process and its Python signal handlers.

    Attributes:
        deferring: whether signals wait; set by an interrupt itself, for what follows one is restoring.
        pending: signals that wait. One that comes again after `_PATIENCE` seconds does not: somebody insists.
    """

    def __init__(self) -> None:
        self.deferring = True
        self.pending: list[int] = []
        self._since = 0.0
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._own = self._handle  # one object, to be recognised
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler

    def install(self) -> None:
        for number in self._handlers:
            signal.signal(number, self._own)

    def deliver(self) -> None:
        """From here on signals interrupt; those that wait do so now."""
        self.deferring = False
        while self.pending:
            signal.raise_signal(self.pending.pop())

    def remove(self) -> None:
        """Restores the handlers and calls those of signals that wait."""
        self._remove(list(self._handlers))
        while self.pending:
            signal.raise_signal(self.pending.pop())

    def _remove(self, numbers: Sequence[int]) -> None:
        if not numbers:
            return
        try:
            if signal.getsignal(numbers[0]) is self._own:  # otherwise the body has installed another
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
