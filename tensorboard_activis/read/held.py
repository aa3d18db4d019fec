"""What is kept of files between two questions: little, and only as long as the file is the same."""

import os
import threading
from collections import OrderedDict
from typing import BinaryIO, Generic, TypeVar

import numpy as np

#: What changes when a file is written to, or is another one under the same name.
Identity = tuple[int, ...]
Value = TypeVar("Value")


def identity(status: os.stat_result) -> Identity:
    """Of a file as the system knows it."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class OpenFile:
    """A file that stays open, for several threads. Closed when nobody holds it.

    Attributes:
        identity: when it was opened.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.identity = identity(os.fstat(file.fileno()))
        self._mapped: np.ndarray | None = None
        self._lock = threading.Lock()

    def __del__(self) -> None:
        self._file.close()

    def removed(self) -> bool:
        """Whether it has no name any more, so that its space is lost while it is open."""
        return not os.fstat(self._file.fileno()).st_nlink

    def stored(self) -> int:
        """Bytes that it takes of its disk, fewer than its size where it has holes."""
        status = os.fstat(self._file.fileno())
        return status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size

    def mapped(self) -> np.ndarray:
        """All of it, uint8 [bytes], read-only. Raises OSError, ValueError."""
        with self._lock:
            if self._mapped is None:
                self._mapped = np.memmap(self._file, np.uint8, "r")
            return self._mapped

    def read(self, begin: int, end: int) -> bytes:
        """These bytes, or as many of them as there are. Raises OSError."""
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


class Held(Generic[Value]):
    """Values by the identity of their files, up to a total weight; what was asked for longest ago goes first."""

    def __init__(self, limit: int, *, keeps: bool = True) -> None:
        self._limit = limit if keeps else -1
        self._weight = 0
        self._values: OrderedDict[Identity, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Identity) -> Value | None:
        """What is held of the file, if anything."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def hold(self, key: Identity, value: Value, weight: int = 1) -> None:
        """Holds a value; what is open of removed files goes."""
        with self._lock:
            gone = [old for old, (held, _) in self._values.items() if isinstance(held, OpenFile) and held.removed()]
            for old in [*gone, key]:
                self._weight -= self._values.pop(old, (value, 0))[1]
            self._values[key] = (value, weight)
            self._weight += weight
            while self._weight > self._limit:
                _, (_, lighter) = self._values.popitem(last=False)
                self._weight -= lighter
