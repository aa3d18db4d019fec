"""The directory of a run, on a disk or in a store, which one logger at a time writes to."""

import os
import time
from pathlib import Path

from filelock import FileLock, Timeout

from tensorboard_activis import metadata
from tensorboard_activis.capture.isolation.forks import forget, keep_from_children
from tensorboard_activis.capture.isolation.interrupts import uninterrupted
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.files import make_own_directory
from tensorboard_activis.leftovers import remove_leftovers
from tensorboard_activis.stores.locations import location
from tensorboard_activis.stores.path import Location, StorePath
from tensorboard_activis.write.sign_of_life import SignOfLife


class RunDirectory:
    """The directory `activis` inside the user's log_dir, locked so that only one logger at a time writes to it.

    A store has no locks: there a session says that it lives, and warns when it sees another (`SignOfLife`).

    Args:
        log_dir: the user's run directory, or an address such as s3://bucket/run1.
        locked: whether this process takes the lock; False in all processes but the first.

    Attributes:
        path: of the directory.

    Raises:
        ConfigurationError: log_dir is a file, cannot be written, is an address that cannot be reached, or is locked by another
            logger.
    """

    def __init__(self, log_dir: str | os.PathLike[str], *, locked: bool = True) -> None:
        parent = location(log_dir)
        self.path: Location = parent / metadata.RUN_DIRECTORY
        self._needs_lock = locked
        self._lock: FileLock | None = None
        self._sign: SignOfLife | None = None
        if isinstance(self.path, StorePath):
            self._sign = SignOfLife(self.path, time.time()) if locked else None
        else:
            # Whichever thread made a logger, another may use and close it.
            self._lock = FileLock(self.path / metadata.LOCK_FILE, timeout=0, thread_local=False)
        try:
            self.restore()
        except (FileExistsError, NotADirectoryError) as error:
            raise ConfigurationError(f"log_dir must be a directory, and {parent} is a file or lies in one.") from error
        except OSError as error:
            raise ConfigurationError(f"log_dir {parent} cannot be written to: {error.strerror or error}.") from error
        if locked and self._lock is not None:  # where nobody else can be writing
            remove_leftovers(self.path)

    def restore(self) -> None:
        """Makes the directory and locks it; also again, if it was deleted meanwhile. In a store it says that the session lives.

        Raises:
            ConfigurationError: another logger has the lock.
            OSError: the directory cannot be made.
        """
        if self._sign is not None:
            uninterrupted(self._sign.renew)
        if isinstance(self.path, StorePath) or self._lock is None:
            return
        make_own_directory(self.path)
        if not self._needs_lock or (self._lock.is_locked and (self.path / metadata.LOCK_FILE).exists()):
            return
        lock, file = self._lock, self.path / metadata.LOCK_FILE
        try:
            uninterrupted(lambda: self._acquire(lock, file))
        except Timeout as error:
            raise ConfigurationError(
                f"Another logger is writing to {self.path.parent}. Close it first, or give this one a log_dir of its own."
            ) from error

    def _acquire(self, lock: FileLock, file: Path) -> None:
        self._release()
        lock.acquire()
        keep_from_children(self, file)

    def _release(self) -> None:
        forget(self)
        if self._lock is not None:
            self._lock.release()

    def close(self) -> None:
        """Releases the lock, or ends the sign of life; safe to call twice."""
        uninterrupted(self._release)
        if self._sign is not None:
            self._sign.end()
