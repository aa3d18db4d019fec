"""What the loggers of all frameworks share: the directory of their run, and their end."""

import os
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tensorboard_activis.capture.isolation.interrupts import bracketed, uninterrupted
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.capture.session import Session


class Logger:
    """The base class of the loggers: opens the directory of a run, and closes it, also as the target of `with`.

    Arguments:
        prepare: called at once; opens the directory with `_open_directory`, and checks the arguments. If it raises, or is
            interrupted, the directory is closed again.
    """

    def __init__(self, prepare: Callable[[], None]) -> None:
        self._directory: RunDirectory | None = None
        self._recorder: Recorder | None = None
        self._session: Session | None = None
        #: Whether to leave out the line that says where the first snapshot is, as in a trainer that says nothing itself.
        self.quiet = False

        def close_unless_made(failed: bool) -> None:
            if failed and self._directory is not None:
                self._directory.close()

        bracketed(lambda: None, prepare, close_unless_made)

    def _open_directory(self, log_dir: str | os.PathLike[str], *, locked: bool = True) -> RunDirectory:
        """Opens the directory of the run; see `RunDirectory`."""

        def open_directory() -> RunDirectory:
            self._directory = RunDirectory(log_dir, locked=locked)
            return self._directory

        return uninterrupted(open_directory)

    def close(self) -> None:
        """Closes the files and releases the directory for another logger; safe to call twice, and from any thread."""
        if self._recorder is not None:
            self._recorder.close()
            return
        if self._session is not None:
            self._session.close()
        if self._directory is not None:
            self._directory.close()

    def suspend(self) -> None:
        """Closes the files and releases the directory; what is logged later takes it again, and goes to a session of its own.

        The graph and the layers stay known. Processes that log together call it together.
        """
        self.close()
        self._recorder = self._session = None

    def _get_session(self) -> Session:
        """The session, begun now if there is none. Raises OSError, ConfigurationError."""
        if self._session is None:
            assert self._directory is not None
            self._directory.restore()
            self._session = Session(self._directory)
        return self._session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
