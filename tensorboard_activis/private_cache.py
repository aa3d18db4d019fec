"""Where caches on disk are kept: a directory that is the user's alone, for keys and contents reveal what the data are."""

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path

#: Environment variable with the cache directory; empty disables the caches on disk.
VARIABLE = "TENSORBOARD_ACTIVIS_CACHE"
#: Ends of the names that older versions wrote.
_OLDER = (".npy", ".part")


def cache_directory() -> Path | None:
    """The cache directory, None when disabled. It is never the log directory, which may be read-only or shared."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(os.path.expanduser(named)) if named else None  # the method raises where there is no such user
    try:
        home = Path.home()
    except RuntimeError:  # a user without a home
        return None
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "tensorboard-activis"


def check_private(directory: Path) -> None:
    """Whether a cache may be kept there. One that holds nothing else, made by an older version, is closed to others.

    Raises:
        FileNotFoundError: there is none.
        PermissionError: it is a link, another user's, or others may write to it.
    """
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise PermissionError(errno.EPERM, "it is a link or a file, and must be a directory", str(directory))
    if not is_ours(status):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(directory))
    mode = stat.S_IMODE(status.st_mode)
    if os.name == "nt" or not mode & 0o077:
        return
    if not mode & stat.S_ISVTX and all(path.suffix in _OLDER for path in directory.iterdir()):
        with contextlib.suppress(OSError):  # of a disk that is only read
            directory.chmod(0o700)
            return
    if mode & 0o022:
        raise PermissionError(errno.EPERM, "other users may write to it (chmod go-w would change that)", str(directory))


def is_ours(status: os.stat_result) -> bool:
    """Whether a file belongs to the user."""
    return os.name == "nt" or status.st_uid == os.geteuid()
