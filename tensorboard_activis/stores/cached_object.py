"""An object of a store, read in blocks: what was read once lies in a file on disk, at its own place, with a checksum."""

import io
import os
import struct
import threading
from typing import IO, Any

import google_crc32c
import numpy as np

from tensorboard_activis.stores.object_store import ObjectStatus
from tensorboard_activis.stores.path import StorePath

#: Bytes that are read from the store at least, and of which one checksum is kept.
BLOCK = 1 << 20
#: Of one request, and of all requests that run at once.
_REQUEST, _AT_ONCE = 16 << 20, 64 << 20
#: Behind the object's bytes, of each block that is there: its CRC32C, and this number.
_ENTRY = struct.Struct("<II")
_THERE = 0x41435431
#: Held where a file's own position is used.
_SEEKING = threading.Lock()


class CachedObject:
    """One version of an object. Blocks that are not on disk yet are read from the store; from several threads.

    The file is sparse: the object's bytes at their own places, then a table of the blocks that are there. Processes share it:
    each writes a block before it says so in the table, all write the same, and a block whose checksum differs is read again.

    Arguments:
        file: opened for reading and writing; closed with this.
        make_room: called with a number of bytes before so many are added to the file.

    Attributes:
        status: of the object when it was opened.
        version: as `file_version`.
        verified: ranges that were compared with the checksums of who wrote them.
    """

    def __init__(self, path: StorePath, status: ObjectStatus, file: IO[bytes], make_room: Any) -> None:
        self.path, self.status = path, status
        self.version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        self.verified: set[tuple[int, int]] = set()
        self._file, self._make_room = file, make_room
        self._blocks = -(-status.st_size // BLOCK)
        self._known = bytearray(self._blocks)
        self._table = status.st_size
        self._mapped: np.ndarray | None = None
        self._lock = threading.Lock()
        if os.fstat(file.fileno()).st_size != self._length:
            os.truncate(file.fileno(), self._length)

    def __del__(self) -> None:
        self._file.close()

    @property
    def _length(self) -> int:
        return self._table + self._blocks * _ENTRY.size

    def removed(self) -> bool:
        """Whether the file on disk was deleted, so that its space is freed only once it is closed."""
        return not os.fstat(self._file.fileno()).st_nlink

    def stored(self) -> int:
        """Bytes of the object in the store."""
        return self.status.st_size

    def read(self, begin: int, end: int) -> bytes:
        """Reads the bytes [begin, end), or up to the end of the object. Raises OSError."""
        end = min(end, self.status.st_size)
        if begin >= end:
            return b""
        self._fetch(begin, end)
        return self._from_disk(begin, end)

    def mapped(self, begin: int, end: int) -> np.ndarray:
        """The bytes [begin, end), memory-mapped read-only, uint8 [bytes]. Raises OSError, ValueError."""
        if end > self.status.st_size:
            raise ValueError("beyond the end of the object")
        self._fetch(begin, end)
        with self._lock:
            if self._mapped is None:
                self._mapped = np.memmap(self._file, np.uint8, "r", shape=(self._length,))
            return self._mapped[begin:end]

    def _fetch(self, begin: int, end: int) -> None:
        """Has all blocks of a range on disk, whole."""
        with self._lock:
            wanted = [block for block in range(begin // BLOCK, -(-end // BLOCK)) if not self._known[block]]
            missing = [block for block in wanted if not self._is_whole(block)]
            while missing:
                batch = _requests(missing)
                del missing[: sum(last - first for first, last in batch)]
                places = [(first * BLOCK, min(last * BLOCK, self.status.st_size)) for first, last in batch]
                self._make_room(sum(high - low for low, high in places))
                for (first, _), content in zip(batch, self.path.store.ranges(self.path.key, places), strict=True):
                    self._keep(first, content)

    def _keep(self, first: int, content: bytes) -> None:
        """Writes blocks, then says in the table that they are there."""
        descriptor = self._file.fileno()
        _write(descriptor, content, first * BLOCK)
        view = memoryview(content)
        checksums = [google_crc32c.value(bytes(view[at : at + BLOCK])) for at in range(0, len(content), BLOCK)]
        entries = b"".join(_ENTRY.pack(checksum, _THERE) for checksum in checksums)
        _write(descriptor, entries, self._table + first * _ENTRY.size)
        for block in range(first, first + len(checksums)):
            self._known[block] = 1

    def _is_whole(self, block: int) -> bool:
        """Whether a block is on disk, with its checksum; this is looked at once."""
        descriptor = self._file.fileno()
        entry = _read(descriptor, _ENTRY.size, self._table + block * _ENTRY.size)
        if len(entry) < _ENTRY.size:
            return False
        checksum, there = _ENTRY.unpack(entry)
        if there != _THERE:
            return False
        content = self._from_disk(block * BLOCK, min((block + 1) * BLOCK, self.status.st_size))
        if google_crc32c.value(content) != checksum:
            return False
        self._known[block] = 1
        return True

    def _from_disk(self, begin: int, end: int) -> bytes:
        parts = []
        while begin < end:
            part = _read(self._file.fileno(), end - begin, begin)
            if not part:
                raise OSError(f"{self.path.name} was cut short in the cache on disk")
            parts.append(part)
            begin += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class ObjectReader(io.RawIOBase):
    """An object as a file for reading, through the cache.

    Attributes:
        status: of the object when it was opened.
    """

    def __init__(self, content: CachedObject) -> None:
        super().__init__()
        self._content, self.status, self._at = content, content.status, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.status.st_size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        part = self._content.read(self._at, self._at + len(buffer))
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def _requests(blocks: list[int]) -> list[tuple[int, int]]:
    """The first of ascending blocks, as ranges [first, last) of neighbours for requests that run at once."""
    found: list[tuple[int, int]] = []
    for block in blocks[: _AT_ONCE // BLOCK]:
        if found and found[-1][1] == block and block - found[-1][0] < _REQUEST // BLOCK:
            found[-1] = found[-1][0], block + 1
        else:
            found.append((block, block + 1))
    return found


def _read(descriptor: int, size: int, at: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, at)
    with _SEEKING:
        os.lseek(descriptor, at, os.SEEK_SET)
        return os.read(descriptor, size)


def _write(descriptor: int, content: bytes, at: int) -> None:
    with _SEEKING:
        os.lseek(descriptor, at, os.SEEK_SET)
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
