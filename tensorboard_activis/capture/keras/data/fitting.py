"""Finds the running call of `fit` on the stack, and reads its arguments, which Keras does not pass to callbacks."""

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any


def fit_frame() -> FrameType | None:
    """The stack frame of the running `fit`; None if the callback is called by a training loop of the user."""
    return next((frame for frame in callers(sys._getframe()) if frame.f_code.co_name == "fit"), None)


def callers(frame: FrameType | None) -> Iterator[FrameType]:
    """Yields a frame and its callers, innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def fit_argument(frame: FrameType | None, name: str) -> Any:
    """An argument of `fit`, such as `validation_steps`; None if it has none or there is no frame."""
    return None if frame is None else frame.f_locals.get(name)
