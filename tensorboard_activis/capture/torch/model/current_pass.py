"""Says which forward pass a thread is in: one of the user's evaluation, or one of our own in the middle of that.

Several loggers may watch one model at once. What one of them computes for itself is no part of what another one watches.
"""

import threading

_threads = threading.local()


def current_pass() -> tuple[int, int]:
    """The thread, and how deep it is in work of our own. Hooks take what comes where this is the same as when they began."""
    return threading.get_ident(), _depth()


def is_own_work() -> bool:
    """Whether this thread does work of our own, so that what a model runs is no evaluation of the user's."""
    return _depth() > 0


class own_work:
    """A `with` block whose forward passes and operators no watch takes that began before it."""

    def __enter__(self) -> None:
        self._depth = _depth()
        _threads.depth = self._depth + 1

    def __exit__(self, *error: object) -> None:
        _threads.depth = self._depth


def end_own_work(outer: tuple[int, int]) -> None:
    """Ends every `own_work` that began after `current_pass` was this, in this thread: an interrupt may have left out an end."""
    thread, depth = outer
    if thread == threading.get_ident():
        _threads.depth = depth


def _depth() -> int:
    depth: int = getattr(_threads, "depth", 0)
    return depth
