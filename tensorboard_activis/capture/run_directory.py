"""The directory of a run, which one logger at a time writes to."""

import os
from pathlib import Path

from filelock import FileLock, Timeout

from tensorboard_activis import metadata
from tensorboard_activis.capture.isolation.forks import forget, keep_from_children
from tensorboard_activis.capture.isolation.interrupts import uninterrupted
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.files import make_own_directory
from tensorboard_activis.leftovers import remove_leftovers


class RunDirectory:
    """The directory `activis` inside the user's log_dir, locked so that only one logger at a time writes to it.

    Args:
        log_dir: the user's run directory.
        locked: whether this process takes the lock; False in all processes but the first.

    Raises:
        ConfigurationError: log_dir is a file, cannot be written, is no local path, or is locked by another logger.
    """

    def __init__(self, log_dir: str | os.PathLike[str], *, locked: bool = True) -> None:
        if "://" in str(log_dir):
            raise ConfigurationError(
                f"log_dir must be a local directory; got {log_dir}. Log locally and copy the directory."
            )
        self.path = Path(log_dir) / metadata.RUN_DIRECTORY
        # Whichever thread made a logger, another may use and close it.
        self._lock = FileLock(self.path / metadata.LOCK_FILE, timeout=0, thread_local=False)
        self._needs_lock = locked
        try:
            self.restore()
        except (FileExistsError, NotADirectoryError) as error:
            raise ConfigurationError(f"log_dir must be a directory, and {log_dir} is a file or lies in one.") from error
        except OSError as error:
            raise ConfigurationError(f"log_dir {log_dir} cannot be written to: {error.strerror or error}.") from error
        if locked:
            remove_leftovers(self.path)

    def restore(self) -> None:
        """Makes the directory and locks it; also again, if it was deleted meanwhile.

        Raises:
            ConfigurationError: another logger has the lock.
            OSError: the directory cannot be made.
        """
        make_own_directory(self.path)
        if not self._needs_lock or (self._lock.is_locked and (self.path / metadata.LOCK_FILE).exists()):
            return
        try:
            uninterrupted(self._acquire)
        except Timeout as error:
            raise ConfigurationError(
                f"Another logger is writing to {self.path.parent}. Close it first, or give this one a log_dir of its own."
            ) from error

    def _acquire(self) -> None:
        self._release()
        self._lock.acquire()
        keep_from_children(self, self.path / metadata.LOCK_FILE)

    def _release(self) -> None:
        forget(self)
        self._lock.release()

    def close(self) -> None:
        """Releases the lock; safe to call twice."""
        uninterrupted(self._release)
