"""Limits of single questions: of size, and of time."""

import contextvars
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tensorboard_activis.errors import QueryError

_deadline: contextvars.ContextVar[tuple[float, float] | None] = contextvars.ContextVar("deadline", default=None)


class TooLargeError(QueryError):
    """More was asked for than one answer may hold; the message says the limit."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Within it, and in this thread, `check_time` raises once so many seconds have passed."""
    token = _deadline.set((time.monotonic() + seconds, seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


def check_time() -> None:
    """Called between the parts of long work. Raises TooLargeError beyond `time_limit`; without one, never."""
    limit = _deadline.get()
    if limit is not None and time.monotonic() > limit[0]:
        raise TooLargeError(
            f"The answer takes longer than {limit[1]:g} seconds, the limit of one request. Ask for fewer rows, "
            "or for a first answer from a part of the instances with prefix."
        )
