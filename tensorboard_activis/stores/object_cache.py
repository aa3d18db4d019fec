"""The cache on disk of objects that were read from stores: bounded in bytes, shared by processes, kept between them."""

import contextlib
import hashlib
import logging
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

from tensorboard_activis.errors import warn
from tensorboard_activis.printable import visible
from tensorboard_activis.private_cache import VARIABLE as CACHE_VARIABLE
from tensorboard_activis.private_cache import cache_directory, check_private
from tensorboard_activis.stores.cached_object import CachedObject
from tensorboard_activis.stores.path import StorePath

logger = logging.getLogger(__name__)

#: Environment variable with the limit in bytes.
VARIABLE = "TENSORBOARD_ACTIVIS_STORE_BYTES"
DEFAULT_BYTES = 4 << 30
_SUFFIX = ".object"


class ObjectCache:
    """A directory with a file for each version of an object of which anything was read; the least recently used go first.

    The names are hashes: neither addresses nor credentials are in them. Without a directory, or where it cannot be written to, what
    is read lies in unnamed files, as long as it is used.

    Arguments:
        limit: bytes on disk of all files together, as the system counts them.
    """

    def __init__(self, directory: Path | None, limit: int) -> None:
        self._directory, self._limit = directory, limit

    def open(self, path: StorePath) -> CachedObject:
        """An object, in the version that the store has. Raises FileNotFoundError, OSError."""
        status = path.stat()
        words = repr((str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns))
        name = hashlib.blake2b(words.encode("utf-8", "surrogateescape"), digest_size=20).hexdigest() + _SUFFIX
        return CachedObject(path, status, self._file(name), self._make_room)

    def _file(self, name: str) -> IO[bytes]:
        if self._directory is not None:
            try:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                check_private(self._directory)
                flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
                file = os.fdopen(os.open(self._directory / name, flags, 0o600), "r+b", buffering=0)
                with contextlib.suppress(OSError):
                    os.utime(file.fileno())
                return file
            except OSError as error:
                logger.warning(
                    "What is read from a store is not kept for the next time: %s. Name another directory in %s.",
                    visible(str(error)),
                    CACHE_VARIABLE,
                )
                self._directory = None
        return tempfile.TemporaryFile(prefix="activis-", buffering=0)

    def _make_room(self, needed: int) -> None:
        """Removes files until so many more bytes fit; what is open stays readable, and is freed when it is closed."""
        if self._directory is None:
            return
        entries = []
        with contextlib.suppress(OSError):
            for path in self._directory.glob(f"*{_SUFFIX}"):
                with contextlib.suppress(OSError):  # another process removed it
                    status = path.lstat()
                    entries.append((status.st_mtime_ns, getattr(status, "st_blocks", 0) * 512, path))
        total = sum(size for _, size, _ in entries) + needed
        for _, size, path in sorted(entries):
            if total <= self._limit:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size


@cache
def object_cache() -> ObjectCache:
    """The cache of this process's user."""
    directory = cache_directory()
    return ObjectCache(None if directory is None else directory / "objects", _limit())


def _limit() -> int:
    text = os.environ.get(VARIABLE, "")
    if text and not text.isdecimal():
        warn(
            f"ActiVis: {VARIABLE} must be a number of bytes, such as {DEFAULT_BYTES}; got {text!r:.40}. The default is used."
        )
        return DEFAULT_BYTES
    return int(text) if text else DEFAULT_BYTES
