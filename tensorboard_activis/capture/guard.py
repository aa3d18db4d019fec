"""Turns errors while logging into warnings, so that they do not stop training."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorboard_activis.capture.distributed.processes import OtherProcessError, Processes
from tensorboard_activis.errors import warn
from tensorboard_activis.steps import shown_step


class Guard:
    """Turns exceptions while logging into warnings; calling it gives the context for one snapshot.

    Arguments:
        strict: raise the exceptions instead.
        processes: that log together. An error in another process is reported by that process and by the first one.
    """

    def __init__(self, strict: bool, processes: Processes) -> None:
        self.strict, self._processes = strict, processes
        self._reported: set[str] = set()

    @contextmanager
    def __call__(self, step: Any) -> Iterator[None]:
        """A context that turns an exception into one warning for every cause, which says what is lost."""
        try:
            yield
        except Exception as error:
            if self.strict:
                raise
            if isinstance(error, OtherProcessError) and self._processes.rank:
                return
            cause = str(error) if isinstance(error, OtherProcessError) else f"{type(error).__name__}: {error}"
            # A full disk is one cause, whichever file could not be written.
            kind = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else cause
            if kind not in self._reported:
                self._reported.add(kind)
                warn(
                    f"ActiVis lost the snapshot of step {shown_step(step)}; training goes on. {cause} "
                    "(Said once for every cause; strict=True raises instead.)"
                )

    def reset(self) -> None:
        """Reports every cause again, as after a snapshot that was written."""
        self._reported.clear()
