"""Opens, lists and creates the files of a run, which lies on a disk or in a store: the one way to files, for writing and reading.

On a disk these are regular files in the run's own directory, never the target of a link: log directories are shared, and others
may put links there under names that a run will use. In a store, an object is there as a whole or not at all, and is read through a
cache on disk.
"""

import errno
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.stores.cached_object import ObjectReader
from tensorboard_activis.stores.object_cache import object_cache
from tensorboard_activis.stores.object_store import ObjectStatus
from tensorboard_activis.stores.path import Location, StorePath

#: What to do about a file of a run that is not as it was written.
COPY_AGAIN = "Copy it again from where the run was logged."

#: Of a file on a disk or of an object in a store.
FileStatus: TypeAlias = os.stat_result | ObjectStatus
#: Bytes of an object that are read ahead.
_AHEAD = 1 << 16

_COMMON = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
#: Does not follow a link, nor wait for the writer of a named pipe.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _COMMON


def open_own(path: Location) -> BinaryIO:
    """Opens a file of a run for reading.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read, or is a link, a pipe, a device or a directory.
    """
    if isinstance(path, StorePath):
        return cast(BinaryIO, io.BufferedReader(ObjectReader(object_cache().open(path)), _AHEAD))
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


def status_of(file: BinaryIO) -> FileStatus:
    """The status of a file that `open_own` opened, as it was then or is now."""
    raw = getattr(file, "raw", None)
    return raw.status if isinstance(raw, ObjectReader) else os.fstat(file.fileno())


def status_in(directory: Location, name: str, *, follow: bool = False) -> FileStatus:
    """The status of a file in a directory; of a link, or with `follow` of its target. Raises OSError, ValueError."""
    if isinstance(directory, StorePath):
        return (directory / name).stat()
    # A third of what making a Path takes, which is felt with hundreds of files.
    return os.stat(os.path.join(directory, name), follow_symlinks=follow)


def is_directory(path: Location) -> bool:
    """Whether there is such a directory, or anything at such an address. Raises UnreadableError where a store cannot be asked."""
    try:
        return path.is_dir()
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror or error}.") from error


def path_below(location: Location, directory: Location) -> str:
    """The path from a directory to what lies below it, with slashes; "." where that is the directory itself, or lies elsewhere."""
    if isinstance(location, StorePath):
        return location.relative_to(directory).as_posix() if location.is_relative_to(directory) else "."
    assert isinstance(directory, Path)
    return location.relative_to(directory).as_posix() if location.is_relative_to(directory) else "."


def is_there(directory: Location, name: str) -> bool:
    """Whether a directory has a file of this name, or a link; False as well where it cannot be asked."""
    try:
        status_in(directory, name)
    except (OSError, ValueError):
        return False
    return True


def names_in(directory: Location) -> list[str]:
    """The names of what lies in a directory. Raises OSError."""
    if isinstance(directory, StorePath):
        return [path.name for path in directory.iterdir()]
    return os.listdir(directory)  # a tenth of what `glob` takes


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


def is_own(path: Location) -> bool:
    """Whether a regular file of this name exists: not a symbolic link, and not a file with a second (hard) link."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_nlink <= 1


def make_own_directory(path: Location) -> None:
    """Creates a run's directory and its parents, unless it exists; a store needs none.

    Raises:
        OSError: it cannot be created, or is a link: files would be written elsewhere.
    """
    if isinstance(path, StorePath):
        return
    if path.is_symlink():
        reason = "it is a link, and a run is written into a directory of its own; remove the link, or log elsewhere"
        raise OSError(errno.ELOOP, reason, str(path))
    path.mkdir(parents=True, exist_ok=True)


def missing(*names: str) -> str:
    """The message about files that an event names and that do not exist."""
    are, they, them = ("is", "It belongs", "it") if len(names) == 1 else ("are", "They belong", "them")
    return f"{', '.join(names)} {are} missing. {they} beside the event file: if the run was copied, copy {them}, too."
