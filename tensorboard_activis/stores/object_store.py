"""One store, such as S3: lists, reads, writes and deletes objects, through the package of fsspec for its protocol."""

import hashlib
import stat
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.stores.faults import store_faults

#: By protocol, the extra of this package that installs what is needed for it.
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
#: What backends say of an object that differs when its content does.
_CONTENT_KEYS = ("ETag", "etag", "generation", "md5Hash", "content_md5", "checksum", "VersionId", "version_id")
_TIME_KEYS = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")
#: Seconds for which a listing is taken again: a tab that polls asks for the status of many files of one directory.
FRESH_SECONDS = 2.0
_LISTINGS = 10_000


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """What a store says of an object, under the names of `os.stat_result`.

    Attributes:
        st_dev, st_ino: numbers for the store and the object's name, which stay when the object is replaced.
        st_mtime, st_ctime: when it was written, in seconds since 1970; 0 where the store does not say.
        st_ctime_ns: a number for the content: another one when the object was replaced.
        st_blocks: as of a file that is not sparse.
    """

    st_dev: int
    st_ino: int
    st_size: int
    st_mtime: float
    st_ctime_ns: int
    st_mode: int = stat.S_IFREG | 0o600
    st_nlink: int = 1

    @property
    def st_mtime_ns(self) -> int:
        return int(self.st_mtime * 1e9)

    @property
    def st_ctime(self) -> float:
        return self.st_mtime

    @property
    def st_blocks(self) -> int:
        return -(-self.st_size // 512)


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies directly below a key: objects by name, and the names of what lies deeper; `at`: when it was listed (monotonic)."""

    files: dict[str, ObjectStatus]
    directories: frozenset[str]
    at: float


class ObjectStore:
    """The objects of one protocol; keys are paths in it, such as `bucket/run1/activis`. From any thread.

    Whatever a backend raises becomes an OSError. Its own cache of listings is off: it would hide what others write.

    Raises:
        ConfigurationError: fsspec, or the package for the protocol, is not installed; there is no such protocol.
    """

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self._fs = _file_system(protocol)
        self._listings: dict[str, Listing] = {}
        self._lock = threading.Lock()
        self._number = _number(protocol)

    def keep_no_listings(self) -> None:
        """Has whatever reads this store through fsspec in this process, as TensorBoard, see what others write."""
        from fsspec.config import conf

        conf.setdefault(self.protocol, {}).setdefault("use_listings_cache", False)

    def address(self, key: str) -> str:
        """What a user would write for a key."""
        return f"{self.protocol}://{key}"

    def listing(self, key: str, age: float = FRESH_SECONDS) -> Listing:
        """What lies directly below a key, as it was at most `age` seconds ago. Empty where nothing is.

        Raises:
            OSError: the store cannot be asked; PermissionError where it refuses.
        """
        known = self._listings.get(key)
        if known is not None and time.monotonic() - known.at <= age:
            return known
        at = time.monotonic()
        entries: list[dict[str, Any]] = []
        try:
            with store_faults(self.address(key)):
                entries = self._fs.ls(key, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            pass
        files, directories = {}, set()
        for entry in entries:
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            is_key_itself = str(entry["name"]).strip("/") == key.strip(
                "/"
            )  # an empty object that stands for the directory
            if entry.get("type") == "directory":
                directories.add(name)
            elif not is_key_itself:
                files[name] = self._status(f"{key}/{name}", entry)
        listing = Listing(files, frozenset(directories), at)
        with self._lock:
            if len(self._listings) >= _LISTINGS:
                self._listings.clear()
            self._listings[key] = listing
        return listing

    def forget(self, key: str) -> None:
        """Has a key listed anew the next time."""
        with self._lock:
            self._listings.pop(key, None)

    def keys_below(self, key: str) -> list[str]:
        """The keys of all objects below a key, at any depth. Raises OSError."""
        try:
            with store_faults(self.address(key)):
                found = self._fs.find(key)
        except FileNotFoundError:
            return []
        return [str(one).strip("/") for one in found]

    def status(self, key: str) -> ObjectStatus:
        """The status of an object, as the store has it now. Raises FileNotFoundError, OSError."""
        with store_faults(self.address(key)):
            entry = self._fs.info(key)
            if entry.get("type") == "directory":
                raise FileNotFoundError(key)
        return self._status(key, entry)

    def ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Reads byte ranges [begin, end) of an object, several at once where the backend can.

        Raises:
            OSError: the store cannot be asked, or gave fewer bytes.
        """
        begins, ends = [begin for begin, _ in ranges], [end for _, end in ranges]
        with store_faults(self.address(key)):
            parts = self._fs.cat_ranges([key] * len(ranges), begins, ends, on_error="raise")
            for part, begin, end in zip(parts, begins, ends, strict=True):
                if isinstance(part, Exception):
                    raise part
                if len(part) != end - begin:
                    raise EOFError(f"it gave only {len(part):,} of {end - begin:,} bytes, from byte {begin:,} on")
        return [bytes(part) for part in parts]

    def write(self, key: str, content: bytes) -> None:
        """Writes an object as a whole, in place of one of the same name. Raises OSError."""
        try:
            with store_faults(self.address(key)):
                self._fs.pipe_file(key, content)
        finally:
            self.forget(key.rpartition("/")[0])

    def upload(self, path: Path, key: str) -> None:
        """Writes an object with the content of a local file, and looks whether all of it is there. Raises OSError."""
        size = path.stat().st_size
        try:
            with store_faults(self.address(key)):
                self._fs.put_file(str(path), key)
                there = self._fs.size(key)
                if there != size:
                    raise EOFError(f"{size:,} bytes were sent, and it has {there:,}")
        finally:
            self.forget(key.rpartition("/")[0])

    def delete(self, key: str) -> None:
        """Deletes an object. Raises FileNotFoundError, OSError."""
        try:
            with store_faults(self.address(key)):
                self._fs.rm_file(key)
        finally:
            self.forget(key.rpartition("/")[0])

    def _status(self, key: str, entry: dict[str, Any]) -> ObjectStatus:
        size = int(entry.get("size") or entry.get("Size") or 0)
        time_keys = [entry[name] for name in _TIME_KEYS if entry.get(name)]
        content = [str(entry[name]) for name in _CONTENT_KEYS if entry.get(name)]
        seconds = _seconds(time_keys[0]) if time_keys else 0.0
        return ObjectStatus(
            self._number, _number(key.strip("/")), size, seconds, _number(repr((size, content or time_keys)))
        )


def _file_system(protocol: str) -> Any:
    extra = _EXTRAS.get(protocol)
    advice = (
        f"Install it with: pip install 'tensorboard-activis[{extra}]'"
        if extra
        else "Install fsspec and its package for this protocol."
    )
    try:
        import fsspec
    except ImportError:
        raise ConfigurationError(f"Addresses such as {protocol}://… need the package fsspec. {advice}") from None
    try:
        return fsspec.filesystem(protocol, use_listings_cache=False)
    except ImportError as error:
        reason = str(error).rstrip(".")[:200]
        raise ConfigurationError(
            f"Addresses that begin with {protocol}:// need a package that is not installed ({reason}). {advice}"
        ) from None
    except ValueError as error:
        raise ConfigurationError(
            f"No store is known for addresses that begin with {protocol}:// ({error!s:.200}). Log to a local directory, to "
            "s3://… or to gs://…"
        ) from None


def _seconds(value: object) -> float:
    """A time as a backend says it, in seconds since 1970."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, (int, float)):
        return float(value)
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return 0.0


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little")
