"""Arrays that took long to compute, kept in the user's cache directory under a digest of what they were computed from."""

import contextlib
import hashlib
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)

#: Names another directory than the user's; empty: nothing is kept.
VARIABLE = "TENSORBOARD_ACTIVIS_CACHE"
LIMIT_BYTES = 512 << 20
_HASHED_AT_ONCE = 16 << 20
#: What is being written; after so many seconds, what a killed process left.
_PART, _LEFT_SECONDS = ".part", 3600.0
_HEADER = 128


def cache_directory() -> Path | None:
    """Where computed arrays are kept: never the log directory, which may be read-only or shared. None when switched off."""
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


def content_key(array: np.ndarray, *words: object) -> str:
    """A digest of an array's shape, type and values, and of the words: equal where both are, whatever file they are in."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((array.shape, array.dtype.str, *words)).encode())
    step = max(1, _HASHED_AT_ONCE // max(1, array[:1].nbytes)) if len(array) else 1
    for start in range(0, len(array), step):
        digest.update(np.ascontiguousarray(array[start : start + step]).data)
    return digest.hexdigest()


class DiskCache:
    """Arrays by key, in one directory, up to a number of bytes: what was used longest ago goes first.

    Several processes may share it. It only ever saves time: a full or read-only disk, or a damaged file, is as if nothing had
    been kept.
    """

    def __init__(self, directory: Path | None, limit: int = LIMIT_BYTES) -> None:
        self._directory = directory
        self._limit = limit
        self._warned = False

    def get(self, key: str) -> np.ndarray | None:
        """The array of this key; None when there is none that can be read."""
        if self._directory is None:
            return None
        path = self._directory / f"{key}.npy"
        try:
            with path.open("rb") as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
        except Exception:  # there is none, or numpy says in one of many ways that it is no array
            return None
        with contextlib.suppress(OSError):  # a cache that is only read
            os.utime(path)
        return array

    def put(self, key: str, array: np.ndarray) -> None:
        """Keeps an array, if it can be."""
        if self._directory is None or array.nbytes > self._limit:
            return
        temporary = None
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._make_room(array.nbytes + _HEADER)
            with tempfile.NamedTemporaryFile(dir=self._directory, prefix=".", suffix=_PART, delete=False) as file:
                temporary = Path(file.name)
                np.save(file, array, allow_pickle=False)
            os.replace(temporary, self._directory / f"{key}.npy")
        except OSError as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    temporary.unlink()
            if not self._warned:
                self._warned = True
                logger.warning(
                    "Layouts are not kept for the next time: %s. Name another directory in %s.", error, VARIABLE
                )

    def _make_room(self, needed: int) -> None:
        assert self._directory is not None
        held = []
        for path in [*self._directory.glob("*.npy"), *self._directory.glob(f".*{_PART}")]:
            with contextlib.suppress(OSError):  # another process removed it
                status = path.stat()
                if path.suffix == _PART and status.st_mtime < time.time() - _LEFT_SECONDS:
                    path.unlink()
                else:
                    held.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in held) + needed
        for _, size, path in sorted(held):
            if total <= self._limit:
                break
            if path.suffix == _PART:  # somebody writes it
                continue
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size
