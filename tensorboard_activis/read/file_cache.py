"""A cache of open files, headers and arrays, keyed by the version of the file, so that a modified file is never served stale."""

import os
import threading
from collections import OrderedDict
from typing import BinaryIO, Generic, TypeAlias, TypeVar

import numpy as np

from tensorboard_activis.files import FileStatus, open_own
from tensorboard_activis.stores.cached_object import CachedObject
from tensorboard_activis.stores.object_cache import object_cache
from tensorboard_activis.stores.path import Location, StorePath

#: Device, inode, size and times of change: differs when the file is modified, or replaced under the same name.
FileVersion = tuple[int, ...]
Value = TypeVar("Value")


def file_version(status: FileStatus) -> FileVersion:
    """The version of a file, from its status."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class OpenFile:
    """A file that stays open for reading from several threads; closed when it is garbage collected.

    Attributes:
        version: the file's version when it was opened.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.version = file_version(os.fstat(file.fileno()))
        self._mapped: np.ndarray | None = None
        self._lock = threading.Lock()

    def __del__(self) -> None:
        self._file.close()

    def removed(self) -> bool:
        """Whether the file was deleted, so that its disk space is freed only once it is closed."""
        return not os.fstat(self._file.fileno()).st_nlink

    def stored(self) -> int:
        """Bytes allocated on disk; fewer than the size of the file when it is sparse."""
        status = os.fstat(self._file.fileno())
        return status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size

    def mapped(self, begin: int, end: int) -> np.ndarray:
        """The bytes [begin, end), memory-mapped read-only, uint8 [bytes]. Raises OSError, ValueError."""
        with self._lock:
            if self._mapped is None:
                self._mapped = np.memmap(self._file, np.uint8, "r")
            return self._mapped[begin:end]

    def read(self, begin: int, end: int) -> bytes:
        """Reads the bytes [begin, end), or up to the end of the file. Raises OSError."""
        parts = []
        while begin < end:
            if hasattr(os, "pread"):
                part = os.pread(self._file.fileno(), end - begin, begin)
            else:
                with self._lock:
                    self._file.seek(begin)
                    part = self._file.read(end - begin)
            if not part:
                break
            parts.append(part)
            begin += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


#: A file for reading at any place, from several threads: on a disk, or in a store.
OpenedFile: TypeAlias = OpenFile | CachedObject


def opened(path: Location) -> OpenedFile:
    """Opens a file of a run for reading at any place. Raises FileNotFoundError, OSError."""
    return object_cache().open(path) if isinstance(path, StorePath) else OpenFile(open_own(path))


class FileCache(Generic[Value]):
    """A thread-safe least-recently-used cache keyed by file version, bounded by the total weight of its values."""

    def __init__(self, limit: int, *, enabled: bool = True) -> None:
        self._limit = limit if enabled else -1
        self._weight = 0
        self._values: OrderedDict[FileVersion, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: FileVersion) -> Value | None:
        """The cached value, or None."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def clear(self) -> None:
        """Forgets all values."""
        with self._lock:
            self._values.clear()
            self._weight = 0

    def put(self, key: FileVersion, value: Value, weight: int = 1) -> None:
        """Caches a value; evicts open files that were deleted, and the least recently used values beyond the limit."""
        with self._lock:
            gone = [
                old
                for old, (cached, _) in self._values.items()
                if isinstance(cached, (OpenFile, CachedObject)) and cached.removed()
            ]
            for old in [*gone, key]:
                self._weight -= self._values.pop(old, (value, 0))[1]
            self._values[key] = (value, weight)
            self._weight += weight
            while self._weight > self._limit:
                _, (_, removed_weight) = self._values.popitem(last=False)
                self._weight -= removed_weight
