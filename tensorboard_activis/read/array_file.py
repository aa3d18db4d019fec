"""A file of arrays: what its header says, as far as that is true, and the arrays' bytes."""

import json
import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeGuard

import numpy as np

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.files import missing, open_own
from tensorboard_activis.read.held import Held, Identity, OpenFile, identity

_DTYPES = {"F16": "float16", "F32": "float32", "F64": "float64", "I32": "int32", "I64": "int64", "U8": "uint8"}
_MAX_HEADER = 4 * 1024 * 1024
_MAX_ELEMENTS = 2**48
#: A smaller array is read; a larger one is mapped, which ends the process when the file is cut short while it is looked at.
MAPPED = 4 << 20


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where an array lies: numpy's name of its type, its shape, its first byte in the file, and the one behind its last."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """Of one file.

    Attributes:
        size, start: bytes of the file, and where its data begin.
        tensors: by name; in place of what does not fit into the file, what the header says of it.
        metadata: texts by name.
    """

    size: int
    start: int
    tensors: dict[str, Tensor | str]
    metadata: dict[str, str]


# A snapshot's thousands of arrays lie in the same file. In memory a header is up to twenty times as large.
_headers: Held[Header] = Held(8 << 20)
# To map 4 GB page by page, and to unmap it again, takes as long as to read it.
_open: Held[OpenFile] = Held(16, keeps=os.name != "nt")  # Windows removes no file that is open


class ArrayFile:
    """One file as it is now.

    Attributes:
        name: without its directory.
        header: what it says.
        identity: by which another file of its name, or a change of it, is told.

    Raises:
        UnreadableError: it is missing, is no file of arrays, or none of the run's own.
    """

    def __init__(self, path: Path) -> None:
        self.name, self._path = path.name, path
        self.identity, found = _known(path)
        if found is None:
            with _opened(path) as file:
                self.identity = identity(os.fstat(file.fileno()))
                found = _header(file, path.name)
            _headers.hold(self.identity, found, found.start)
        self.header = found

    def tensor(self, name: str) -> Tensor:
        """Where one of its arrays lies.

        Raises:
            UnreadableError: the file has none of this name, or is too short for it.
        """
        found = self.header.tensors.get(name)
        if found is None:
            raise UnreadableError(f"{self.name} has no tensor {name!r:.200}.")
        if isinstance(found, str):
            raise UnreadableError(
                f"{self.name} describes {name!r:.200} as {found}, which does not fit into its {self.header.size} bytes."
            )
        return found

    def read(self, tensor: Tensor, rows: int | None = None) -> np.ndarray:
        """One of its arrays, or the first rows of it, read-only.

        Raises:
            UnreadableError: the file is another than it was.
        """
        shape, end = tensor.shape, tensor.end
        if rows is not None and shape and rows < shape[0]:
            end = tensor.begin + (end - tensor.begin) // shape[0] * rows
            shape = (rows, *shape[1:])
        if tensor.begin == end:
            return np.zeros(shape, tensor.dtype)
        try:
            content = self._content()
            found = content.mapped() if end - tensor.begin > MAPPED else None
            if found is None:
                return np.frombuffer(content.read(tensor.begin, end), tensor.dtype).reshape(shape)
            return found[tensor.begin : end].view(tensor.dtype).reshape(shape)
        except OSError as error:
            raise UnreadableError(f"{self.name} cannot be read: {error.strerror or error}.") from error
        except ValueError as error:
            raise UnreadableError(f"{self.name} was cut short while it was read.") from error

    def stored(self) -> int:
        """Bytes that the file takes of its disk, fewer than its size where it has holes."""
        return self._content().stored()

    def _content(self) -> OpenFile:
        found = _open.get(self.identity)
        if found is None:
            found = OpenFile(_opened(self._path))
            if found.identity != self.identity:
                raise UnreadableError(f"{self.name} was changed while it was read. Ask again.")
            _open.hold(self.identity, found)
        return found


def _known(path: Path) -> tuple[Identity, Header | None]:
    try:
        # A link or a directory has a number of its own: nothing but a file is found by it.
        key = identity(os.lstat(path))
    except (OSError, ValueError):
        return (), None
    return key, _headers.get(key)


def _opened(path: Path) -> BinaryIO:
    try:
        return open_own(path)
    except FileNotFoundError as error:
        raise UnreadableError(missing(path.name)) from error
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror or error}.") from error


def _header(file: BinaryIO, name: str) -> Header:
    try:
        size = os.fstat(file.fileno()).st_size
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else -1
        if not 2 <= length <= min(_MAX_HEADER, size - 8):
            raise UnreadableError(f"{name} is not a complete safetensors file ({size} bytes).")
        entries = json.loads(file.read(length))
    except OSError as error:
        raise UnreadableError(f"{name} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{name} has a damaged header: {error}.") from error
    if not isinstance(entries, dict):
        raise UnreadableError(f"{name} has a header that is no JSON object.")
    given = entries.pop("__metadata__", None)
    metadata = {key: text for key, text in given.items() if isinstance(text, str)} if isinstance(given, dict) else {}
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
