"""Reads safetensors files: the header, validated against the size of the file, and the arrays."""

import json
import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, TypeGuard

import numpy as np

from tensorboard_activis.checksums import checksum, checksum_key
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.files import COPY_AGAIN, missing, open_own, status_of
from tensorboard_activis.read.file_cache import FileCache, FileVersion, OpenedFile, file_version, opened
from tensorboard_activis.stores.cached_object import CachedObject
from tensorboard_activis.stores.path import Location

_DTYPES = {
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "I32": "int32",
    "I64": "int64",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
}
_MAX_HEADER = 4 * 1024 * 1024
_MAX_ELEMENTS = 2**48
#: Bytes. Smaller arrays are read. Larger ones are memory-mapped; a process that uses a mapped file while it is truncated is killed.
MAPPED = 4 << 20


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where an array lies in a file: numpy dtype, shape, and the byte range [begin, end)."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a safetensors file.

    Attributes:
        size, start: bytes of the file, and the offset at which its data begin.
        tensors: by name; an entry that does not fit into the file is the string that the header has for it.
        metadata: strings by name.
    """

    size: int
    start: int
    tensors: dict[str, Tensor | str]
    metadata: dict[str, str]


# Thousands of arrays of a snapshot share one file. In memory a header is up to twenty times as large as on disk.
_headers: FileCache[Header] = FileCache(8 << 20)
# Files stay mapped: mapping 4 GB page by page and unmapping it again takes as long as reading it.
_open: FileCache[OpenedFile] = FileCache(16, enabled=os.name != "nt")  # Windows removes no file that is open


class ArrayFile:
    """One safetensors file in its present version.

    Attributes:
        name: file name without directory.
        header: its validated header.
        version: changes when the file is modified or replaced.

    Raises:
        UnreadableError: the file is missing, is no safetensors file, or lies outside the run's directory.
    """

    def __init__(self, path: Location) -> None:
        self.name, self._path = path.name, path
        self.version, header = _cached(path)
        if header is None:
            with _opened(path) as file:
                self.version = file_version(status_of(file))
                header = _header(file, path.name)
            _headers.put(self.version, header, header.start)
        self.header = header

    def tensor(self, name: str) -> Tensor:
        """Where an array lies in the file.

        Raises:
            UnreadableError: the file has no array of this name, or is too short for it.
        """
        tensor = self.header.tensors.get(name)
        if tensor is None:
            raise UnreadableError(f"{self.name} has no tensor {name!r:.200}. {COPY_AGAIN}")
        if isinstance(tensor, str):
            raise UnreadableError(
                f"{self.name} is cut short or damaged: {name!r:.200}, which its header describes as {tensor}, does not fit into "
                f"its {self.header.size:,} bytes. {COPY_AGAIN}"
            )
        return tensor

    def read(self, tensor: Tensor, rows: int | None = None) -> np.ndarray:
        """Reads an array, or its first `rows` rows, read-only, of the shape and type in the header; memory-mapped above `MAPPED`.

        Raises:
            UnreadableError: the file was modified since it was opened, or cannot be read.
        """
        shape, end = tensor.shape, tensor.end
        if rows is not None and shape and rows < shape[0]:
            end = tensor.begin + (end - tensor.begin) // shape[0] * rows
            shape = (rows, *shape[1:])
        if tensor.begin == end:
            return np.zeros(shape, tensor.dtype)
        try:
            content = self._content()
            if end - tensor.begin > MAPPED:
                array = content.mapped(tensor.begin, end).view(tensor.dtype).reshape(shape)
            else:
                array = np.frombuffer(content.read(tensor.begin, end), tensor.dtype).reshape(shape)
            if isinstance(content, CachedObject) and end == tensor.end:
                self._verify(content, tensor, array)
            return array
        except OSError as error:
            raise UnreadableError(f"{self.name} cannot be read: {error.strerror or error}.") from error
        except ValueError as error:
            raise UnreadableError(f"{self.name} was cut short while it was read. {COPY_AGAIN}") from error

    def stored(self) -> int:
        """Bytes allocated on disk; fewer than the size of the file when it is sparse."""
        return self._content().stored()

    def _verify(self, content: CachedObject, tensor: Tensor, array: np.ndarray) -> None:
        """Compares an array that came from a store with the checksum that it was written with, once. Raises UnreadableError."""
        if (tensor.begin, tensor.end) in content.verified:
            return
        name = next((name for name, one in self.header.tensors.items() if one == tensor), "")
        recorded = self.header.metadata.get(checksum_key(name))
        if recorded is not None and checksum(array) != recorded:
            raise UnreadableError(
                f"{self.name}: {name!r:.200} in the store is not what was written: its checksum differs. {COPY_AGAIN}"
            )
        content.verified.add((tensor.begin, tensor.end))

    def _content(self) -> OpenedFile:
        file = _open.get(self.version)
        if file is None:
            file = _for_ranges(self._path)
            if file.version != self.version:
                raise UnreadableError(f"{self.name} was changed while it was read. Ask again.")
            _open.put(self.version, file)
        return file


def _cached(path: Location) -> tuple[FileVersion, Header | None]:
    try:
        # lstat: a link or a directory has an inode of its own, so only regular files are found in the cache.
        key = file_version(path.lstat())
    except (OSError, ValueError):
        return (), None
    return key, _headers.get(key)


def _opened(path: Location) -> BinaryIO:
    with _unreadable(path):
        return open_own(path)


def _for_ranges(path: Location) -> OpenedFile:
    with _unreadable(path):
        return opened(path)


@contextmanager
def _unreadable(path: Location) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UnreadableError(missing(path.name)) from error
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror or error}.") from error


def _header(file: BinaryIO, name: str) -> Header:
    try:
        size = status_of(file).st_size
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else -1
        if not 2 <= length <= min(_MAX_HEADER, size - 8):
            raise UnreadableError(f"{name} is not a complete safetensors file ({size:,} bytes). {COPY_AGAIN}")
        entries = json.loads(file.read(length))
    except OSError as error:
        raise UnreadableError(f"{name} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{name} has a damaged header: {error}. {COPY_AGAIN}") from error
    if not isinstance(entries, dict):
        raise UnreadableError(f"{name} has a header that is not a JSON object. {COPY_AGAIN}")
    entry = entries.pop("__metadata__", None)
    metadata = {key: text for key, text in entry.items() if isinstance(text, str)} if isinstance(entry, dict) else {}
    start = 8 + length
    return Header(size, start, {key: _tensor(entry, start, size) for key, entry in entries.items()}, metadata)


def _tensor(entry: object, start: int, size: int) -> Tensor | str:
    if isinstance(entry, dict):
        dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
        if (
            isinstance(dtype, str)
            and dtype in _DTYPES
            and _naturals(shape)
            and _naturals(offsets)
            and len(offsets) == 2
            and len(shape) <= 8
            and math.prod(max(1, length) for length in shape) <= _MAX_ELEMENTS
            and 0 <= offsets[0] <= offsets[1] <= size - start
            and offsets[1] - offsets[0] == math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
        ):
            return Tensor(_DTYPES[dtype], tuple(shape), start + offsets[0], start + offsets[1])
    try:
        return str(entry)[:200]
    except RecursionError:
        return "something nested deeply"


def _naturals(values: object) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
