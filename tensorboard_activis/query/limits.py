"""Limits of a request: size of the answer, and time."""

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

#: Seconds between two checks whether the client is still connected.
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
                "or give prefix, for a first answer from part of the instances."
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
    """The client closed the connection, so the computation is to stop."""


class TooLargeError(QueryError):
    """The request exceeds a limit of size or time, which the message names."""


@contextmanager
def time_limit(seconds: float, gone: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Limits the time of a request: within this context, `check_time` raises after so many seconds, or once `gone()` is true.

    The limit applies to this thread, and to threads that call the function that `time_check` returns.
    """
    limit = _Limit(seconds, time.monotonic() + seconds, gone, expressions_left=expression_seconds())
    token = _limit.set(limit)
    try:
        yield
    finally:
        _limit.reset(token)


@contextmanager
def expression_time() -> Iterator[None]:
    """Within this context, time counts toward the limit for the expressions of a request, EXPRESSION_SECONDS."""
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
    """Checks the limits of `time_limit`; call it between parts of long work. Raises TooLargeError and AbandonedError."""
    limit = _limit.get()
    if limit is not None:
        limit.check()


def time_check() -> Callable[[], None]:
    """A function that checks the limits of this request, for other threads that work for it."""
    limit = _limit.get()
    return (lambda: None) if limit is None else limit.check


@cache
def expression_seconds() -> float:
    """The limit in seconds from the environment variable EXPRESSION_SECONDS; an invalid value is logged, and the default used."""
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
