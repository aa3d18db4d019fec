"""Opens and creates the files of a run: regular files in the run's own directory, never the target of a link.

Log directories are shared, and others may put links there under names that a run will use.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_COMMON = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
#: Does not follow a link, nor wait for the writer of a named pipe.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _COMMON


def open_own(path: Path) -> BinaryIO:
    """Opens a file of a run for reading.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read, or is a link, a pipe, a device or a directory.
    """
    try:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "")
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        reason = "it is a link, and a run is read from its own directory only; put the file itself there"
        raise OSError(errno.ELOOP, reason, str(path)) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def create(path: Path) -> BinaryIO:
    """Creates a file, with the permissions that the umask leaves, and opens it for writing.

    Raises:
        FileExistsError: the name is taken, perhaps by a dangling link.
        OSError: the file cannot be created.
    """
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _COMMON, 0o666), "wb")


def own_opener(path: str, flags: int) -> int:
    """An `opener` of `open` for writing to an existing file. Raises OSError when there is none, or a link."""
    return os.open(path, flags & ~os.O_CREAT | _COMMON)


def is_own(path: Path) -> bool:
    """Whether a regular file of this name exists: not a symbolic link, and not a file with a second (hard) link."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_nlink <= 1


def make_own_directory(path: Path) -> None:
    """Creates a run's directory and its parents, unless it exists.

    Raises:
        OSError: it cannot be created, or is a link: files would be written elsewhere.
    """
    if path.is_symlink():
        reason = "it is a link, and a run is written into a directory of its own; remove the link, or log elsewhere"
        raise OSError(errno.ELOOP, reason, str(path))
    path.mkdir(parents=True, exist_ok=True)


def missing(*names: str) -> str:
    """The message about files that an event names and that do not exist."""
    one = len(names) == 1
    return (
        f"{', '.join(names)} {'is' if one else 'are'} missing. {'It' if one else 'They'} lay beside the event file; "
        f"was the run copied without {'it' if one else 'them'}?"
    )
