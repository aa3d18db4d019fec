"""A cache on disk for arrays that take long to compute, keyed by a digest of their input."""

import contextlib
import hashlib
import io
import logging
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from tensorboard_activis.files import open_own
from tensorboard_activis.printable import visible
from tensorboard_activis.private_cache import VARIABLE, check_private, is_ours

logger = logging.getLogger(__name__)

LIMIT_BYTES = 512 << 20
_HASHED_AT_ONCE = 16 << 20
#: What is being written; after so many seconds, what a killed process left.
_PART, _LEFT_SECONDS = ".part", 3600.0
_HEADER = 128
#: Behind each array: a digest of its key and its file, without which it is not believed.
_DIGEST = 32


def content_key(array: np.ndarray, *words: object) -> str:
    """Cache key: a digest of the shape, type and values of an array, and of further words such as a version."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((array.shape, array.dtype.str, *words)).encode())
    step = max(1, _HASHED_AT_ONCE // max(1, array[:1].nbytes)) if len(array) else 1
    for start in range(0, len(array), step):
        digest.update(np.ascontiguousarray(array[start : start + step]).data)
    return digest.hexdigest()


class DiskCache:
    """A least-recently-used cache of arrays in one directory, bounded in bytes.

    Several processes of one user may share it. Errors are cache misses: a full or read-only disk, a damaged file, a file of
    another user. Directory and files are private to the user, since keys and layouts reveal information about the data; a
    directory to which others can write, or that others can read, is not used.
    """

    def __init__(self, directory: Path | None, limit: int = LIMIT_BYTES) -> None:
        self._directory = directory
        self._limit = limit
        self._warned = False

    def get(self, key: str) -> np.ndarray | None:
        """The cached array, of the shape that it was put with, verified by its digest; None when there is none."""
        if self._directory is None:
            return None
        path = self._directory / f"{key}.npy"
        try:
            check_private(self._directory)
            with open_own(path) as file:
                status = os.fstat(file.fileno())
                if not is_ours(status) or status.st_size > self._limit + _HEADER + _DIGEST:
                    return None
                content = file.read()
            content, digest = content[:-_DIGEST], content[-_DIGEST:]
            if digest != _digest(key, content):
                return None
            array: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            self._warn(error)
            return None
        except Exception:  # numpy says in one of many ways that it is no array
            return None
        with contextlib.suppress(OSError):  # a cache that is only read
            os.utime(path)
        return array

    def put(self, key: str, array: np.ndarray) -> None:
        """Caches an array; does nothing when it cannot be written."""
        if self._directory is None or array.nbytes > self._limit:
            return
        temporary = None
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_private(self._directory)
            self._make_room(array.nbytes + _HEADER + _DIGEST)
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            # Of a random name that was not taken, and for its owner alone.
            with tempfile.NamedTemporaryFile(dir=self._directory, prefix=".", suffix=_PART, delete=False) as file:
                temporary = Path(file.name)
                file.write(content.getbuffer())
                file.write(_digest(key, content.getbuffer()))
            os.replace(temporary, self._directory / f"{key}.npy")
        except OSError as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    temporary.unlink()
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "Layouts are not kept for the next time: %s. Name another directory in %s.",
                visible(str(error)),
                VARIABLE,
            )

    def _make_room(self, needed: int) -> None:
        assert self._directory is not None
        entries = []
        for path in [*self._directory.glob("*.npy"), *self._directory.glob(f".*{_PART}")]:
            with contextlib.suppress(OSError):  # another process removed it
                status = path.lstat()
                if path.suffix == _PART and status.st_mtime < time.time() - _LEFT_SECONDS:
                    path.unlink()
                else:
                    entries.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in entries) + needed
        for _, size, path in sorted(entries):
            if total <= self._limit:
                break
            if path.suffix == _PART:  # somebody writes it
                continue
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size


def _digest(key: str, content: bytes | memoryview) -> bytes:
    """Covers the key, so that one entry cannot pass for another."""
    digest = hashlib.blake2b(key.encode(), digest_size=_DIGEST)
    digest.update(content)
    return digest.digest()
