"""Limits of a request: of size, and of time."""

import contextvars
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from tensorboard_activis.errors import QueryError

logger = logging.getLogger(__name__)

#: Seconds between two looks for whether somebody still waits.
_LOOK = 0.1
#: Environment variable: seconds that the expressions of one request may take together.
EXPRESSION_SECONDS = "TENSORBOARD_ACTIVIS_EXPRESSION_SECONDS"
_DEFAULT_SECONDS = 10.0


@dataclass(slots=True)
class _Limit:
    seconds: float
    end: float
    gone: Callable[[], bool]
    next_look: float = 0.0
    #: Seconds left for expressions, and when they are over while one is computed.
    expressions_left: float = math.inf
    expressions_end: float = math.inf

    def check(self) -> None:
        now = time.monotonic()
        if now > self.end:
            raise TooLargeError(
                f"The answer takes longer than {self.seconds:g} seconds, the limit of one request. Ask for fewer rows, "
                "or for a first answer from a part of the instances with prefix."
            )
        if now > self.expressions_end:
            raise TooLargeError(
                f"The expressions of this request take longer than {expression_seconds():g} seconds. Use simpler ones, above all "
                f"fewer patterns, or set {EXPRESSION_SECONDS} to more seconds and start TensorBoard again."
            )
        if now > self.next_look:
            self.next_look = now + _LOOK
            if self.gone():
                raise AbandonedError


_limit: contextvars.ContextVar[_Limit | None] = contextvars.ContextVar("limit", default=None)


class AbandonedError(Exception):
    """Nobody waits for the answer any more: the browser went on, or was closed."""


class TooLargeError(QueryError):
    """More was asked for than one answer may hold; the message says the limit."""


@contextmanager
def time_limit(seconds: float, gone: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Within it, and in this thread, `check_time` raises once so many seconds have passed, or who asked has `gone`."""
    limit = _Limit(seconds, time.monotonic() + seconds, gone, expressions_left=expression_seconds())
    token = _limit.set(limit)
    try:
        yield
    finally:
        _limit.reset(token)


@contextmanager
def expression_time() -> Iterator[None]:
    """Within it, what passes counts for the time that the expressions of one request may take together."""
    limit = _limit.get()
    if limit is None or limit.expressions_end < math.inf:
        yield
        return
    limit.expressions_end = time.monotonic() + limit.expressions_left
    try:
        yield
    finally:
        limit.expressions_left = limit.expressions_end - time.monotonic()
        limit.expressions_end = math.inf


def check_time() -> None:
    """Called between the parts of long work. Raises TooLargeError and AbandonedError within `time_limit`; without one, never."""
    limit = _limit.get()
    if limit is not None:
        limit.check()


def time_check() -> Callable[[], None]:
    """`check_time` of this request, for the threads that work for it."""
    limit = _limit.get()
    return (lambda: None) if limit is None else limit.check


@cache
def expression_seconds() -> float:
    """What EXPRESSION_SECONDS says, read once; a value that is none is said once, and the default counts."""
    text = os.environ.get(EXPRESSION_SECONDS, "")
    if not text.strip():
        return _DEFAULT_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if 0 < seconds < math.inf:
        return seconds
    logger.warning(
        "%s must be a number of seconds above 0; got %.80r. Expressions may take %g seconds.",
        EXPRESSION_SECONDS,
        text,
        _DEFAULT_SECONDS,
    )
    return _DEFAULT_SECONDS
