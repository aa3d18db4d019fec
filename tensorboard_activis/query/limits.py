"""Limits of single questions: of size, and of time."""

import contextvars
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tensorboard_activis.errors import QueryError

#: Seconds between two looks for whether somebody still waits.
_LOOK = 0.1


@dataclass(slots=True)
class _Limit:
    seconds: float
    end: float
    gone: Callable[[], bool]
    next_look: float = 0.0


_limit: contextvars.ContextVar[_Limit | None] = contextvars.ContextVar("limit", default=None)


class AbandonedError(Exception):
    """Nobody waits for the answer any more: the browser went on, or was closed."""


class TooLargeError(QueryError):
    """More was asked for than one answer may hold; the message says the limit."""


@contextmanager
def time_limit(seconds: float, gone: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Within it, and in this thread, `check_time` raises once so many seconds have passed, or who asked has `gone`."""
    token = _limit.set(_Limit(seconds, time.monotonic() + seconds, gone))
    try:
        yield
    finally:
        _limit.reset(token)


def check_time() -> None:
    """Called between the parts of long work. Raises TooLargeError and AbandonedError within `time_limit`; without one, never."""
    limit = _limit.get()
    if limit is None:
        return
    now = time.monotonic()
    if now > limit.end:
        raise TooLargeError(
            f"The answer takes longer than {limit.seconds:g} seconds, the limit of one request. Ask for fewer rows, "
            "or for a first answer from a part of the instances with prefix."
        )
    if now > limit.next_look:
        limit.next_look = now + _LOOK
        if limit.gone():
            raise AbandonedError
