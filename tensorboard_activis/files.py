"""Files of a run are opened here: regular ones that lie in the run's own directory, never what a link leads to."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

#: Without waiting for a writer, as a named pipe would make us, and without following a link.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


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


def missing(*names: str) -> str:
    """What is said of files that are announced and not there."""
    one = len(names) == 1
    return (
        f"{', '.join(names)} {'is' if one else 'are'} missing. {'It' if one else 'They'} lay beside the event file; "
        f"was the run copied without {'it' if one else 'them'}?"
    )
