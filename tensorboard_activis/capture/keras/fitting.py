"""The call of `fit` that runs now, and what it says of its own validation."""

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any


def frame_of_fit() -> FrameType | None:
    """The frame of the `fit` that runs now; None where callbacks are called by a loop of the user's own."""
    return next((frame for frame in stack(sys._getframe()) if frame.f_code.co_name == "fit"), None)


def stack(frame: FrameType | None) -> Iterator[FrameType]:
    """A frame and those that called it."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def argument_of_fit(frame: FrameType | None, name: str) -> Any:
    """An argument that `fit` was called with, such as `validation_steps`, which Keras hands on to no callback; None without."""
    return None if frame is None else frame.f_locals.get(name)
