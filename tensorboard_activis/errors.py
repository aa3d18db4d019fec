"""Errors that are meant for users: each message says what was wrong, what was got, what is allowed, what to do next."""

import contextlib
import os
import sys
import warnings

__all__ = [
    "ActiVisError",
    "ActiVisWarning",
    "ConfigurationError",
    "ExpressionError",
    "NotFoundError",
    "QueryError",
    "ThinnedError",
    "UnreadableError",
]

_PACKAGE = os.path.dirname(__file__) + os.sep


class ActiVisError(Exception):
    """Base of every error whose message is written for the user."""


class ConfigurationError(ActiVisError, ValueError):
    """A callback was set up wrongly. Raised by the constructor, before training starts."""


class UnreadableError(ActiVisError):
    """Logged data cannot be read: a file is missing, damaged, or of a newer format version."""


class NotFoundError(ActiVisError, LookupError):
    """A run, step, layer, instance or column that does not exist was asked for."""


class ThinnedError(NotFoundError):
    """Values of single instances were asked for at a step that was thinned to bound the disk: `keep=`, `check --thin`."""


class QueryError(ActiVisError, ValueError):
    """A request for data is malformed or beyond a limit."""


class ExpressionError(QueryError):
    """A subset expression is wrong.

    Attributes:
        position: offset of the offending text in the expression, in characters.
    """

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class ActiVisWarning(UserWarning):
    """Something went wrong while logging; training goes on."""


def warn(message: str) -> None:
    """Warns, naming the line outside of this package that led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, ActiVisWarning, stacklevel=level)


def _is_inside(path: str) -> bool:
    return path.startswith(_PACKAGE) or path == contextlib.__file__
